"""The workers follow their sessions: from the observation to plan, status and conditions."""

from dataclasses import replace
from typing import Any

import pytest

from support.builders import with_agents
from support.fleets import a_minimal_fleet
from support.world_model import World
from voicefleet.api.reasons import ConditionType, Reason
from voicefleet.api.scaling import ScalingMode, ScalingSpec
from voicefleet.api.status import Condition, ConditionStatus, VoiceFleetStatus
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Tier
from voicefleet.model.outcome import Outcome
from voicefleet.model.plan import CordonWorker, ScaleChild
from voicefleet.model.signal import Sample, Signals, Stage
from voicefleet.planning import plan_fleet, report_fleet

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN


def a_world(**scaling: Any) -> World:
    """Return a fleet of two workers that has come to rest."""
    fleet = with_agents(a_minimal_fleet(), min_replicas=2, max_replicas=10)
    world = World(with_scaling(fleet, **scaling))
    world.run()
    return world


def with_scaling(fleet: Fleet, **scaling: Any) -> Fleet:
    """Return the fleet with fields of `spec.scaling`."""
    spec = fleet.spec.model_copy(update={"scaling": ScalingSpec(**scaling)})
    return replace(fleet, spec=spec)


def fill(world: World, sessions: int) -> None:
    """Let every worker that serves hold so many sessions, and servers the rooms for them."""
    for pod in world.serving():
        world.call(pod.uid, sessions)
    servers = [pod for pod in world.pods.values() if pod.tier is Tier.MEDIA]
    for pod in servers:
        world.truths[pod.uid].sessions = 0
    world.truths[servers[0].uid].sessions = sessions * len(world.serving())


def report(world: World, **signals: Any) -> VoiceFleetStatus:
    """Return the status for what is seen now, with these signals."""
    observed = replace(world.observe(), signals=Signals(**signals))
    return report_fleet(world.fleet, observed, Outcome(), world.now)


def told(status: VoiceFleetStatus, which: ConditionType) -> Condition:
    """Return one condition."""
    return next(one for one in status.conditions if one.type == which)


def test_calls_bring_workers_and_their_end_takes_them_away():
    """The whole way up and down through the planner, with nobody cut."""
    world = a_world()

    fill(world, 8)
    world.run(rounds=100)
    most = world.fleet.status.agents.desired_replicas
    fill(world, 0)
    world.run_rounds(200, seconds=6)

    assert most > 2
    assert world.fleet.status.agents.desired_replicas == len(world.workers()) == 2
    assert world.cut == []


def test_an_empty_worker_stays_while_rooms_are_unaccounted_for():
    """Its own word is one witness; a room that no worker tells of may be its call."""
    world = a_world()
    world.edit(lambda fleet: with_agents(fleet, min_replicas=1, max_replicas=1))
    server = next(pod for pod in world.pods.values() if pod.tier is Tier.MEDIA)
    world.truths[server.uid].sessions = 5

    world.run_rounds(40)
    held = len(world.workers())
    world.truths[server.uid].sessions = 0
    world.run_rounds(40)

    assert held == 2
    assert len(world.workers()) == 1


def test_the_decision_carries_the_formula():
    """The same sentence goes to status, Events and logs."""
    world = a_world()
    fill(world, 6)

    decision = next(one for one in world.cycle().decisions if one.tier is Tier.AGENTS)

    assert decision.reason is Reason.DEMAND_ROSE
    assert decision.because.startswith("agents 2→3: (12 sessions + ")


def test_advice_touches_no_replica():
    """Recommend keeps the children true and the count untouched."""
    world = a_world(mode=ScalingMode.RECOMMEND)
    fill(world, 8)

    plan = world.cycle()

    assert not [step for step in plan.steps if isinstance(step, ScaleChild | CordonWorker)]
    assert world.fleet.status.agents.desired_replicas == 2
    sizing = world.fleet.status.agents.sizing
    assert sizing is not None
    assert sizing.wanted > 2
    assert [decision.reason for decision in plan.decisions] == [Reason.RECOMMENDED]
    assert told(world.fleet.status, ConditionType.SCALING_ACTIVE).reason == Reason.RECOMMENDING


def test_the_same_advice_is_told_once():
    """An Event per cycle would be read by nobody."""
    world = a_world(mode=ScalingMode.RECOMMEND)
    fill(world, 8)
    world.cycle()

    assert world.cycle().decisions == ()


def test_a_paused_fleet_says_what_it_would_be():
    """Paused: observe and report, write no child."""
    world = a_world()
    fill(world, 8)
    world.edit(lambda fleet: replace(fleet, spec=fleet.spec.model_copy(update={"paused": True})))

    plan = plan_fleet(world.fleet, world.observe(), world.now)
    agents = report(world).agents

    assert plan.steps == ()
    assert agents.desired_replicas == 2
    assert agents.sizing is not None
    assert agents.sizing.wanted > 2


def test_a_maximum_that_limits_is_told():
    """A fleet at its maximum must not look like one that needs no more."""
    world = a_world()
    world.edit(lambda fleet: with_agents(fleet, max_replicas=2))
    fill(world, 8)

    active = told(report(world), ConditionType.SCALING_ACTIVE)

    assert (active.status, active.reason) == (TRUE, Reason.LIMITED_BY_MAXIMUM)
    assert "`maxReplicas` is 2" in active.message


def test_a_fleet_at_rest_has_the_same_status_an_hour_later():
    """Every write wakes every watcher."""
    world = a_world()
    before = report(world)

    world.wait(3600)

    assert report(world) == before


def test_silent_workers_are_named():
    """Whoever reads it has to know which pod to look at."""
    world = a_world()
    silent = world.workers()[0]
    world.truths[silent.uid].is_silent = True
    world.wait(120)

    fresh = told(report(world), ConditionType.SIGNALS_FRESH)

    assert (fresh.status, fresh.reason) == (FALSE, Reason.WORKERS_SILENT)
    assert fresh.message.startswith(
        f"1 of 2 workers tell nothing of their sessions ({silent.name})"
    )


def test_without_a_provider_nobody_speaks_of_latency():
    """A condition that nothing can make true is noise."""
    status = report(a_world())

    assert ConditionType.LATENCY_WITHIN_TARGET not in {one.type for one in status.conditions}
    assert (status.summary.latency, status.summary.target) == ("", "")
    assert told(status, ConditionType.SIGNALS_FRESH).status is TRUE


@pytest.mark.parametrize(
    ("p95", "load", "expected"),
    [
        pytest.param(312.0, 7, (TRUE, Reason.ANSWERS_FAST), id="within-the-target"),
        pytest.param(430.0, 7, (FALSE, Reason.ANSWERS_SLOW), id="slow-and-full"),
        pytest.param(430.0, 1, (FALSE, Reason.LATENCY_NOT_CAPACITY), id="slow-with-room"),
        pytest.param(900.0, 7, (FALSE, Reason.ANSWERS_TOO_SLOW), id="beyond-twice-the-target"),
    ],
)
def test_latency_is_judged_by_target_and_load(
    p95: float, load: int, expected: tuple[ConditionStatus, Reason]
):
    """400 ms acts, 800 ms alarms; with room on the workers capacity is not to blame."""
    world = a_world(metrics_provider="default")
    fill(world, load)

    status = report(world, ttfb_milliseconds=Sample(p95, world.now, 100))

    condition = told(status, ConditionType.LATENCY_WITHIN_TARGET)
    assert (condition.status, condition.reason) == expected
    assert status.summary.latency == f"{round(p95, -1):.0f} ms"


def test_the_guilty_stage_is_named():
    """The page for it depends on the stage."""
    world = a_world(metrics_provider="default")
    sample = Sample(430.0, world.now, 100)

    status = report(world, ttfb_milliseconds=sample, stages={Stage.LLM: replace(sample, value=290)})

    message = told(status, ConditionType.LATENCY_WITHIN_TARGET).message
    assert "stage llm takes 290 ms of the 140 ms that are its part" in message


@pytest.mark.parametrize(
    ("signal", "value", "reason"),
    [
        pytest.param("error_ratio", 0.02, Reason.ERROR_RATE_HIGH, id="errors"),
        pytest.param("drop_off_ratio", 0.2, Reason.DROP_OFF_HIGH, id="callers-give-up"),
    ],
)
def test_failing_turns_and_leaving_callers_raise_an_alarm(
    signal: str, value: float, reason: Reason
):
    """Fast answers that are errors are no good answers."""
    world = a_world(metrics_provider="default")
    ttfb = Sample(300.0, world.now, 100)

    status = report(world, ttfb_milliseconds=ttfb, **{signal: Sample(value, world.now)})

    condition = told(status, ConditionType.LATENCY_WITHIN_TARGET)
    assert (condition.status, condition.reason) == (FALSE, reason)


def test_an_alarm_ends_a_fifth_below_its_limit():
    """A value at the limit is one alarm and not twenty."""
    world = a_world(metrics_provider="default")
    found = []
    for p95 in (410.0, 390.0, 330.0, 310.0, 390.0):
        status = report(world, ttfb_milliseconds=Sample(p95, world.now, 100))
        world.fleet = replace(world.fleet, status=status)
        found.append(told(status, ConditionType.LATENCY_WITHIN_TARGET).status)

    assert found == [FALSE, FALSE, FALSE, TRUE, TRUE]


def test_too_few_turns_are_unknown_and_no_trouble():
    """At night nobody talks."""
    world = a_world(metrics_provider="default")

    status = report(world, ttfb_milliseconds=Sample(300.0, world.now, 5))

    assert told(status, ConditionType.LATENCY_WITHIN_TARGET).status is UNKNOWN
    assert told(status, ConditionType.SIGNALS_FRESH).status is TRUE
    assert status.summary.latency == "?"


def test_a_provider_that_does_not_answer_is_told_with_its_cause():
    """`timeout after 5 s` and `HTTP 503` send an SRE to different places."""
    world = a_world(metrics_provider="default")
    fill(world, 2)

    fresh = told(report(world, faults={"ttfb": "http: 503"}), ConditionType.SIGNALS_FRESH)

    assert (fresh.status, fresh.reason) == (FALSE, Reason.METRICS_UNKNOWN)
    assert "http: 503" in fresh.message
