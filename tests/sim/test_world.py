"""The simulated world itself: what a comparison of policies rests on."""

from dataclasses import replace

import pytest

from support.simulations import HOUR, a_scenario, an_ebbing_trace
from voicefleet.sim.conditions import CloudOverflow, Outage, Witness
from voicefleet.sim.latency import fleet_p95, slow_from, ttfb_p95
from voicefleet.sim.peers import Agones, Fixed, Hpa, Keda
from voicefleet.sim.result import as_json, from_json
from voicefleet.sim.simulate import clairvoyant_of, gather, run_ours, run_peer
from voicefleet.sim.traffic import Trace, follow_sessions


def test_the_same_scenario_gives_the_same_result():
    """A result that nobody can repeat proves nothing."""
    first, second = (run_ours(a_scenario(an_ebbing_trace(minutes=20))) for _ in range(2))

    assert first == second


def test_every_caller_is_accounted_for():
    """Served, turned away, or lost: a caller who vanishes would flatter whoever lost them."""
    scenario = a_scenario(an_ebbing_trace(minutes=60), high=5)

    score = run_peer(scenario, Fixed(5)).score

    assert score.sessions == len(scenario.callers)
    assert 0 < score.rejected < score.sessions


def test_admission_at_the_knee_keeps_answers_quick():
    """With 8 of 10 slots no answer is slow; with all 10, callers wait for each word."""
    scenario = a_scenario(follow_sessions("full", [70.0] * 60), high=8)

    knee, hard = (run_peer(scenario, Fixed(8), slots=slots).score for slots in (8, 10))

    assert knee.slow == 0
    assert hard.slow > 0


def test_a_short_grace_cuts_calls_and_a_long_one_does_not():
    """30 s is what Kubernetes gives a pod by default, and an interview takes half an hour."""
    wanted = [100.0] * 60 + [20.0] * 60
    scenario = a_scenario(follow_sessions("fall", wanted))

    short, long = (
        run_peer(scenario, Hpa(70, 8, 2, 30), grace_seconds=grace).score for grace in (30.0, 7200.0)
    )

    assert short.cut > 0
    assert long.cut == 0


def test_agones_takes_no_busy_server():
    """It is the strongest peer because of that."""
    score = run_peer(a_scenario(an_ebbing_trace()), Agones(30, 8, 2, 30), grace_seconds=30.0).score

    assert score.cut == 0


@pytest.mark.parametrize(
    ("nulls_are_zero", "shrinks"), [(True, True), (False, False)], ids=["default", "nulls-ignored"]
)
def test_keda_reads_an_outage_as_nobody_unless_told_otherwise(nulls_are_zero, shrinks):
    """IgnoreNullValues is true by default, and an empty answer then counts as 0."""
    scenario = a_scenario(follow_sessions("steady", [80.0] * 40, "call"))
    outage = Outage(15 * 60.0, 900.0, (Witness.PROMETHEUS,))
    scenario = replace(scenario, conditions=replace(scenario.conditions, outages=(outage,)))

    run = run_peer(scenario, Keda(60, 8, 2, 30, nulls_are_zero=nulls_are_zero))

    assert (min(moment.workers_wanted for moment in run.timeline) == 2) is shrinks


def test_the_clairvoyant_turns_nobody_away():
    """The ideal that ratios are taken of has to be one."""
    scenario = a_scenario(an_ebbing_trace())

    assert run_peer(scenario, clairvoyant_of(scenario)).score.rejected == 0


def test_a_cloud_takes_whoever_finds_no_worker():
    """Overflow costs money instead of callers."""
    scenario = a_scenario(an_ebbing_trace(minutes=30), high=3)
    conditions = replace(scenario.conditions, cloud=CloudOverflow(price_per_minute=0.02))

    score = run_peer(replace(scenario, conditions=conditions), Fixed(3)).score

    assert score.rejected == 0
    assert score.overflowed > 0
    assert score.cost > score.worker_hours * conditions.worker_price_per_hour


def test_a_result_survives_its_journey_as_json():
    """The report and the terminal have to show the same numbers."""
    scenario = a_scenario(Trace("short", (2.0,) * 5, "call"))
    simulation = gather(scenario, [run_ours(scenario), run_peer(scenario, Fixed(3))])

    assert from_json(as_json(simulation)) == simulation


def test_the_latency_curve_passes_its_published_points():
    """346 ms at 70 % of the physical limit, 392 at 80, 484 at 90: every result rests on it."""
    points = [round(ttfb_p95(load)) for load in (0.7, 0.8, 0.9)]

    assert points == [346, 392, 484]
    assert slow_from(10, 400.0) == 9


def test_an_idle_fleet_has_no_latency():
    """Nobody speaks, so nobody waits; a zero would pull averages down."""
    assert fleet_p95([0, 0], 10) == 0.0
    assert fleet_p95([8, 0], 10) == pytest.approx(ttfb_p95(0.8))


def test_workers_are_paid_from_their_first_second_to_their_last():
    """Draining is part of the bill, or a policy that drains for hours would look cheap."""
    trace = Trace("nobody", (0.0,) * 60)

    score = run_peer(a_scenario(trace), Fixed(4)).score

    assert score.worker_hours * HOUR == pytest.approx(4 * HOUR, rel=0.01)
