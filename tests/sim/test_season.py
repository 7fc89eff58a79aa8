"""What a fleet remembers of earlier weeks prepares it for this one, across restarts."""

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

Memory = dict[str, Any]


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


def wanted_before_doors_open(run: PolicyRun) -> float:
    """Return the mean of the workers wanted in the eight minutes that a worker takes to come."""
    begin, end = 60.0 * (OPENS_AT - 8), 60.0 * OPENS_AT
    return fmean(one.workers_wanted for one in run.timeline if begin <= one.at_seconds <= end)


def test_the_monday_after_two_weeks_is_prepared_for_before_its_callers_come():
    """Workers that take eight minutes have to be asked for before anybody has called."""
    memory = two_mondays()

    knowing, _ = live_a_monday(3, memory)
    forgetful, _ = live_a_monday(3, without_season(memory))

    assert wanted_before_doors_open(knowing) > wanted_before_doors_open(forgetful) + 1
    assert knowing.score.rejected < forgetful.score.rejected / 2


def test_one_week_alone_prepares_nothing():
    """It may have been a holiday or a campaign; a second one has to say the same."""
    _, memory = live_a_monday(1, {})

    knowing, _ = live_a_monday(2, memory)
    forgetful, _ = live_a_monday(2, without_season(memory))

    assert knowing.score == forgetful.score
