"""The demo's story: the same day for both sides, and a verdict that can be lost."""

from collections import deque
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from voicefleet_localcluster.surge import manifests, story
from voicefleet_localcluster.surge.__main__ import Findings
from voicefleet_localcluster.surge.screen import render_line, sparkline
from voicefleet_localcluster.surge.watching import Look, Side

NOW = datetime(2026, 3, 2, 8, 59, 30, tzinfo=UTC)
SIDE = Side(
    sessions=450,
    wanted=63,
    ready=63,
    offered=2000,
    turned_away=0,
    cut=0,
    slow_percent=1.5,
    worker_hours=2.0,
    p95_milliseconds=330.0,
)


def findings_of(ours: Side, theirs: Side, *, wanted_when_away: tuple[int, ...] = (63, 63)):
    """Return what was found at the end of a day."""
    return Findings([Look(ours, theirs, {})], list(wanted_when_away))


def test_the_callers_of_the_day_come_without_a_jump():
    """A step that no campus day has would flatter whoever reacts to steps."""
    rates = [story.moment_at(second / 10).sessions for second in range(2600)]

    assert max(abs(one - other) for one, other in pairwise(rates)) < 1
    assert (rates[0], max(rates), rates[-1]) == (40, 500, 40)


def test_the_rate_keeps_the_sessions_by_littles_law():
    """500 sessions of 31.9 s on average are 15.7 new ones a second."""
    assert story.calls_per_second(500) == pytest.approx(15.68, abs=0.01)


def test_the_clock_shows_the_storys_time():
    """Twelve times as fast: the campus opens after half a minute, at 09:06."""
    assert story.clock_at(story.chapter_begins("the campus opens its doors")) == "09:06"


def test_the_metrics_are_away_in_the_middle_of_the_rush():
    """An outage at rest proves nothing."""
    away = [chapter for chapter in story.CHAPTERS if chapter.metrics_away]

    assert [chapter.sessions_from for chapter in away] == [500]


def test_the_plan_announces_what_the_story_brings():
    """An announcement of another day would be luck or cheating."""
    [window] = manifests.campus_day(NOW)["spec"]["windows"]

    assert window["once"]["startTime"] == "2026-03-02T09:00:00Z"
    assert window["peakSessions"] == max(chapter.sessions_to for chapter in story.CHAPTERS)


def test_the_peer_gets_kubernetes_defaults_on_the_storys_clock():
    """300 s, 30 s and 15 s, divided by 12: a straw man would convince nobody."""
    deployment, scaler = manifests.peer(1)[:2]
    behavior = scaler["spec"]["behavior"]

    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 25
    assert {policy["periodSeconds"] for policy in behavior["scaleUp"]["policies"]} == {1}
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 2


@pytest.mark.parametrize(
    ("ours", "wanted_when_away"),
    [
        pytest.param(replace(SIDE, cut=1), (63, 63), id="a call was cut"),
        pytest.param(replace(SIDE, turned_away=9), (63, 63), id="more were turned away"),
        pytest.param(replace(SIDE, sessions=90), (63, 63), id="there was no surge"),
        pytest.param(SIDE, (63, 61), id="workers went while blind"),
        pytest.param(SIDE, (), id="the outage was never seen"),
    ],
)
def test_a_day_that_went_wrong_is_lost(ours: Side, wanted_when_away: tuple[int, ...]):
    """A demo that cannot fail is an advertisement."""
    findings = findings_of(ours, SIDE, wanted_when_away=wanted_when_away)

    assert not all(findings.judge("").values())


def test_a_day_that_went_well_is_won():
    """The other half of a verdict that means something."""
    findings = findings_of(SIDE, replace(SIDE, turned_away=40, cut=7))

    assert all(findings.judge("").values())


def test_a_log_line_names_both_sides():
    """Where there is no terminal, in CI, this line is all one sees."""
    line = render_line(30, story.moment_at(30), Look(SIDE, replace(SIDE, cut=7), {}))

    assert line.startswith("09:06 the campus opens its doors")
    assert "VoiceFleet 450 sessions 63/63 workers" in line
    assert line.endswith("cut 7")


def test_a_sparkline_is_as_long_as_what_it_shows():
    """One bar a value, the highest full, nothing for nothing."""
    assert sparkline(deque([0, 4, 8])) == "▁▅█"
    assert sparkline(deque()) == ""
