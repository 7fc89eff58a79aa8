"""What the operator's own planner promises, kept in virtual time."""

from dataclasses import replace
from datetime import timedelta

import pytest

from support.simulations import (
    HOUR,
    a_constant_scenario,
    a_scenario,
    an_ebbing_trace,
    run_watched,
    with_outage,
)
from voicefleet.model.surge import Surge
from voicefleet.sim.conditions import NodeLoss, Outage, Witness
from voicefleet.sim.simulate import MONDAY, Scenario, run_ours
from voicefleet.sim.traffic import follow_sessions

pytestmark = pytest.mark.slow

OUTAGE_SECONDS = 900.0
EBB_AT = 30 * 60.0
"""When demand begins to leave in the ebbing trace, and whoever is silent falls silent."""

SETTLE_SECONDS = 60.0
"""A report is believed for so long after the last word."""

DRAINING_AT = EBB_AT + 300.0
"""When the ebb has cordoned workers that have yet to become empty."""


def an_outage_of(*silent: Witness, at: float = EBB_AT - SETTLE_SECONDS) -> Scenario:
    """Return a fleet whose demand leaves just while these say nothing."""
    outage = Outage(at, OUTAGE_SECONDS, silent)
    scenario = a_scenario(an_ebbing_trace(minutes=60))
    spec = scenario.fleet.spec
    scaling = spec.scaling.model_copy(update={"metrics_provider": "default"})
    fleet = replace(scenario.fleet, spec=spec.model_copy(update={"scaling": scaling}))
    return with_outage(replace(scenario, fleet=fleet), outage)


EVERY_OUTAGE = pytest.mark.parametrize(
    "silent",
    [
        pytest.param((Witness.PROMETHEUS,), id="Prometheus"),
        pytest.param((Witness.WORKERS,), id="worker-reports"),
        pytest.param((Witness.PROMETHEUS, Witness.WORKERS), id="both"),
    ],
)


@EVERY_OUTAGE
def test_nobody_is_removed_while_somebody_is_silent(silent):
    """An outage of numbers at peak looks like nobody calling; it must not empty the fleet."""
    watched = run_watched(an_outage_of(*silent))

    end = EBB_AT - SETTLE_SECONDS + OUTAGE_SECONDS
    assert watched.removals(EBB_AT, end) == []
    assert watched.run.score.cut == 0
    assert watched.operator.unsafe == []


@EVERY_OUTAGE
def test_not_even_a_worker_that_was_leaving_goes_while_somebody_is_silent(silent):
    """It was cordoned for a demand that was known then; what is wanted now, nobody can say."""
    watched = run_watched(an_outage_of(*silent, at=DRAINING_AT))

    silent_from, end = DRAINING_AT + SETTLE_SECONDS, DRAINING_AT + OUTAGE_SECONDS
    assert watched.removals(DRAINING_AT - 120.0, DRAINING_AT) != []
    assert watched.removals(silent_from, end) == []
    assert watched.removals(end, end + 600.0) != []


def test_without_prometheus_callers_are_served_as_before():
    """Sessions come from the workers themselves; percentiles only tune and name stages."""
    with_it = run_ours(with_outage(an_outage_of(), Outage(0.0, 0.0, ())))
    without = run_ours(an_outage_of(Witness.PROMETHEUS))

    assert without.score.bad_percent == pytest.approx(with_it.score.bad_percent, abs=0.01)


def a_sunday(sessions: float, *, at_minute: int = 60, minutes: int = 100) -> Scenario:
    """Return forty calls at once, and five times as many from a minute on, within ten."""
    wanted = [
        sessions * (1 + 4 * min(1.0, max(0, minute - at_minute) / 10)) for minute in range(minutes)
    ]
    return a_scenario(follow_sessions("sunday", wanted), high=40)


def test_an_announced_fivefold_surge_turns_nobody_away():
    """The campus day is known for weeks; capacity has to stand when the doors open."""
    scenario = a_sunday(40)
    surge = Surge(
        "campus", "sunday", MONDAY + timedelta(minutes=60), MONDAY + timedelta(minutes=100),
        peak_sessions=215, ramp_seconds=600,
    )  # fmt: skip

    score = run_ours(replace(scenario, surges=(surge,))).score

    assert (score.rejected, score.cut) == (0, 0)


def test_an_unannounced_one_turns_some_away_and_cuts_nobody():
    """What SurgePlans are for: without one, the first minutes of a rush find too few workers."""
    score = run_ours(a_sunday(40)).score

    assert 0 < score.bad_percent < 20
    assert score.cut == 0


@pytest.mark.parametrize("sessions", [30, 300])
def test_constant_sessions_change_nothing_after_the_first_hour_of_a_day(sessions):
    """Whatever moves here is the planner's own restlessness, and each move costs a start."""
    watched = run_watched(a_constant_scenario(sessions, hours=24))

    assert set(watched.wants(HOUR, 24 * HOUR)) == {watched.run.timeline[-1].workers_wanted}


def test_demand_that_leaves_lets_workers_go_without_a_cut():
    """Money is saved at night, and never at the price of somebody's call."""
    watched = run_watched(a_scenario(an_ebbing_trace()))

    assert watched.run.timeline[-1].workers_wanted < max(watched.wants(0, HOUR)) / 2
    assert (watched.run.score.cut, watched.operator.unsafe) == (0, [])


@pytest.mark.parametrize("notice", [0.0, 120.0], ids=["node-dies", "spot-reclaim"])
def test_a_lost_node_is_replaced_and_blamed_on_nobody(notice):
    """Calls on a dead node are lost, which is no cut by scaling; its workers come back."""
    scenario = a_scenario(an_ebbing_trace(minutes=60))
    losses = (NodeLoss(20 * 60.0, notice),)

    run = run_ours(replace(scenario, conditions=replace(scenario.conditions, losses=losses)))

    assert run.score.lost > 0
    assert run.score.cut == 0
    assert run.timeline[28].workers_ready >= run.timeline[28].workers_wanted
