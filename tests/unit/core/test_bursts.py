"""A rush shows in arrivals before it shows in sessions, and a full fleet hides the rest of it."""

import pytest

from support.builders import NOW, a_worker, an_observation
from support.fleets import a_minimal_fleet
from voicefleet.core.agents_size import decide_agents_size
from voicefleet.core.forecast import follow_burst

QUIET = [0, 1, 0, 0] * 10
"""Ten minutes with one call each."""


def test_calls_far_beyond_chance_are_carried_on_for_a_lead_time():
    """40 calls in a minute, 1 in those before: 37 more than chance explains, who mostly stay."""
    rise = follow_burst([*QUIET, 10, 10, 10, 10], sessions=40, lead_seconds=180)

    assert rise == pytest.approx(37 / 60 * 180, rel=0.05)


def test_chance_is_no_burst():
    """Three calls where one is usual happen several times an hour."""
    assert follow_burst([*QUIET, 1, 1, 0, 1], sessions=10, lead_seconds=180) == 0


def test_without_ten_minutes_of_knowledge_there_is_no_burst():
    """After a restart every call of the last minute would look like a rush."""
    assert follow_burst([10] * 8, sessions=40, lead_seconds=180) == 0


def test_short_calls_end_before_the_lead_time_does():
    """Of a rush of one-minute calls only a minute's worth is ever there at once."""
    usual = [10] * 40

    rise = follow_burst([*usual, 30, 30, 30, 30], sessions=40, lead_seconds=600)

    assert rise == pytest.approx((120 - 40 - 2 * 40**0.5) / 60 * 60, rel=0.05)


def wanted_with(*sessions: int) -> int:
    """Return the size for serving workers of eight slots with so many sessions each."""
    workers = [a_worker(f"w{number}", sessions=count) for number, count in enumerate(sessions)]
    spec = a_minimal_fleet().spec
    sizing, _ = decide_agents_size(spec, an_observation(seen=workers), len(workers), NOW)
    return sizing.wanted


def test_a_full_fleet_asks_for_twice_as_many():
    """Nobody counts callers who found no slot; 4 workers at 8 of 8 could hide any number."""
    assert wanted_with(8, 8, 8, 8) == 8


def test_a_fleet_with_free_slots_does_not():
    """With room for the next caller every caller is counted."""
    assert wanted_with(8, 8, 8, 5) < 8
