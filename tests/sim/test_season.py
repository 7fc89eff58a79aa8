"""What a fleet remembers of earlier weeks prepares it for this one, across restarts.

A Monday is told apart from a fleet that has forgotten its weeks; then whole weeks of mornings are
lived, because a forecast that knows Mondays need not know Fridays.
"""

import json
from datetime import timedelta
from statistics import fmean
from typing import Any

import pytest

from support.simulations import a_scenario
from voicefleet.sim.conditions import Conditions
from voicefleet.sim.result import PolicyRun
from voicefleet.sim.simulate import MONDAY, run_operator
from voicefleet.sim.traffic import follow_sessions

pytestmark = pytest.mark.slow

WEEK = timedelta(days=7)
BEGINS_AT = timedelta(hours=7)
OPENS_AT = 60
"""Minutes from seven until the doors open at eight, and 24 calls become 120 within half an hour."""

SLOW_NODES = Conditions(
    node_start_seconds=300.0, pod_start_seconds=180.0, workers_per_node=1
)  # fmt: skip
"""A worker takes eight minutes to come, so whoever waits for callers is late."""

DAY = timedelta(days=1)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
LATER = 15
"""Minutes by which doors open later on Tuesdays and Thursdays: days shall not be mixed up."""
OTHER_CALLERS = 10
"""Added to the seed in the second week; the third has the very callers of the first."""

Memory = dict[str, Any]
Weeks = dict[tuple[int, int], PolicyRun]
"""One run for each week and weekday, both from 0 on."""


def live_a_monday(week: int, memory: Memory) -> tuple[PolicyRun, Memory]:
    """Let a new operator live one Monday morning; return what it leaves behind, through JSON."""
    sessions = [24 + 96 * min(1.0, max(0, minute - OPENS_AT) / 30) for minute in range(120)]
    run, operator = run_operator(
        a_scenario(
            follow_sessions("monday", sessions, "call"),
            seed=week,
            starts_at=MONDAY + BEGINS_AT + week * WEEK,
            memory=memory,
            conditions=SLOW_NODES,
        )
    )
    return run, json.loads(json.dumps(operator.memory))


def two_mondays() -> Memory:
    """Return what two weeks leave behind; the operator is another one each time."""
    _, memory = live_a_monday(1, {})
    _, memory = live_a_monday(2, memory)
    return memory


def without_season(memory: Memory) -> Memory:
    """Return the same with the weeks forgotten, and everything else still known."""
    return {**memory, "agents": {**memory["agents"], "season": {}}}


def wanted_before(run: PolicyRun, minute: int = OPENS_AT) -> float:
    """Return the mean of the workers wanted in the eight minutes that a worker takes to come."""
    begin, end = 60.0 * (minute - 8), 60.0 * minute
    return fmean(one.workers_wanted for one in run.timeline if begin <= one.at_seconds <= end)


def test_the_monday_after_two_weeks_is_prepared_for_before_its_callers_come():
    """Workers that take eight minutes have to be asked for before anybody has called."""
    memory = two_mondays()

    knowing, _ = live_a_monday(3, memory)
    forgetful, _ = live_a_monday(3, without_season(memory))

    assert wanted_before(knowing) > wanted_before(forgetful) + 1
    assert knowing.score.rejected < forgetful.score.rejected / 2


def test_one_week_alone_prepares_nothing():
    """It may have been a holiday or a campaign; a second one has to say the same."""
    _, memory = live_a_monday(1, {})

    knowing, _ = live_a_monday(2, memory)
    forgetful, _ = live_a_monday(2, without_season(memory))

    assert knowing.score == forgetful.score


def opens_at(day: int) -> int:
    """Return the minute after seven at which a weekday's doors open."""
    return OPENS_AT + LATER * (day % 2)


def live_a_morning(week: int, day: int, memory: Memory) -> tuple[PolicyRun, Memory]:
    """Let a new operator live one weekday's ramp; return what it leaves behind, through JSON.

    It takes a quarter of an hour, twice as steep as the Monday above: half an hour is survived
    without the season once a fleet has measured how long its workers take to come.
    """
    sessions = [24 + 96 * min(1.0, max(0, minute - opens_at(day)) / 15) for minute in range(115)]
    run, operator = run_operator(
        a_scenario(
            follow_sessions(WEEKDAYS[day], sessions, "call"),
            seed=day + (OTHER_CALLERS if week == 1 else 0),
            starts_at=MONDAY + BEGINS_AT + week * WEEK + day * DAY,
            memory=memory,
            conditions=SLOW_NODES,
        )
    )
    assert operator.unsafe == []
    return run, json.loads(json.dumps(operator.memory))


@pytest.fixture(scope="module")
def weeks() -> Weeks:
    """Return the mornings of three weeks; each operator knows what those before it left."""
    lived: Weeks = {}
    memory: Memory = {}
    for week in range(3):
        for day in range(len(WEEKDAYS)):
            lived[week, day], memory = live_a_morning(week, day, memory)
    return lived


@pytest.mark.parametrize("day", range(len(WEEKDAYS)), ids=WEEKDAYS)
def test_the_third_week_serves_every_weekday_better_than_the_first(weeks: Weeks, day: int):
    """Whoever calls on a Friday is owed what is promised of Mondays, at the hour of a Friday."""
    first, third = weeks[0, day], weeks[2, day]

    assert wanted_before(third, opens_at(day)) > wanted_before(first, opens_at(day)) + 1
    assert third.score.rejected < first.score.rejected


def test_the_third_week_turns_away_less_than_half_as_many_as_the_first(weeks: Weeks):
    """The callers are the same, one by one, so nothing but the history makes the difference."""
    first, third = (
        sum(weeks[week, day].score.rejected for day in range(len(WEEKDAYS))) for week in (0, 2)
    )

    assert third < first / 2


def test_no_week_ends_a_call_by_scaling(weeks: Weeks):
    """What is usual may add workers early; it must never send one away that is in use."""
    cut = sum(run.score.cut for run in weeks.values())

    assert cut == 0
