"""Media, speech and evaluation follow their signals: from the observation to plan and status."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.fleets import a_full_fleet, a_minimal_fleet
from support.world_model import World
from voicefleet.api.reasons import ConditionType, Reason
from voicefleet.api.scaling import ScalingMode
from voicefleet.api.status import ConditionStatus, VoiceFleetStatus
from voicefleet.manifests import ObjectKey
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Observed, Tier
from voicefleet.model.outcome import Outcome
from voicefleet.model.plan import CreateChild, Plan, ScaleChild
from voicefleet.model.signal import DueWork, EvaluationQueue, PoolSignals, Sample, Signals
from voicefleet.planning import plan_fleet, report_fleet

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TTS = ObjectKey("Deployment", "voice", "interviews-speech-tts")
EVALUATION = ObjectKey("Deployment", "voice", "interviews-evaluation")


def a_world(fleet: Fleet | None = None) -> World:
    """Return a fleet that has come to rest: all tiers, an external Redis."""
    world = World(fleet or a_full_fleet())
    world.run()
    return world


def observe(world: World, *, memory: Any = None, **signals: Any) -> Observed:
    """Return what is seen now, with these signals and this memory."""
    return replace(world.observe(), signals=Signals(**signals), memory=memory or {})


def plan(world: World, observed: Observed) -> Plan:
    """Return the plan for what was observed."""
    return plan_fleet(world.fleet, observed, world.now)


def report(world: World, observed: Observed) -> VoiceFleetStatus:
    """Return the status for what was observed."""
    return report_fleet(world.fleet, observed, Outcome(), world.now)


def connect(observed: Observed, connections: int) -> Observed:
    """Let each media server tell of so many connections."""
    servers = {
        uid: replace(told, rooms=connections // 2, participants=connections)
        for uid, told in observed.servers.items()
    }
    return replace(observed, servers=servers)


def remember_rest(world: World) -> dict[str, Any]:
    """Return a memory in which every pool has had its size for an hour."""
    since = int((world.now - HOUR).timestamp())
    return {"speech": {"tts": {"settled": [since, 1]}}}


def a_busy_pool(world: World) -> dict[str, PoolSignals]:
    """Return five minutes of 90 %, and 15 requests for 12 streams."""
    averages = tuple(Sample(90.0, world.now - index * MINUTE) for index in range(5))
    told = PoolSignals(averages, Sample(1.0, world.now), Sample(15.0, world.now))
    return {"tts": told}


def a_queue(world: World, hours_of_work: float) -> EvaluationQueue:
    """Return work that is due in two hours."""
    return EvaluationQueue(world.now, (DueWork(world.now + 2 * HOUR, 3600 * hours_of_work),))


def scalings(planned: Plan) -> dict[ObjectKey, int]:
    """Return what is scaled, and to what."""
    return {step.key: step.replicas_to for step in planned.steps if isinstance(step, ScaleChild)}


def with_scaling(fleet: Fleet, **scaling: Any) -> Fleet:
    """Return the fleet with fields of `spec.scaling` replaced."""
    changed = fleet.spec.scaling.model_copy(update=scaling)
    return replace(fleet, spec=fleet.spec.model_copy(update={"scaling": changed}))


def test_full_servers_get_company():
    """2 * 85 connections need 3 servers of 80, and a spare: two are created."""
    world = a_world()
    seen = connect(observe(world), 85)

    planned = plan(world, seen)

    created = [step.manifest["metadata"]["name"] for step in planned.steps
               if isinstance(step, CreateChild)]  # fmt: skip
    assert [name for name in created if "-media-" in name and "config" not in name] == [
        "interviews-media-3",
        "interviews-media-4",
    ]
    news = [decision for decision in planned.decisions if decision.tier is Tier.MEDIA]
    assert [(one.reason, one.replicas_from, one.replicas_to) for one in news] == [
        (Reason.CONNECTIONS, 2, 4)
    ]


def test_a_busy_pool_grows():
    """1 * 90 / 75 = 1.2, so 2."""
    world = a_world()

    planned = plan(world, observe(world, memory=remember_rest(world), pools=a_busy_pool(world)))

    assert scalings(planned) == {TTS: 2}
    assert Reason.GPU_BUSY in [decision.reason for decision in planned.decisions]


def test_a_queue_brings_evaluators():
    """36,000 s / 7,020 s / 0.95 = 5.4, so 6, from none at once."""
    world = a_world()

    planned = plan(world, observe(world, evaluation=a_queue(world, 10)))

    assert scalings(planned) == {EVALUATION: 6}


def test_status_has_the_number_of_the_plan_and_how_it_came_about():
    """Two numbers that differ for a moment are two stories for whoever is on call."""
    world = a_world()
    seen = connect(
        observe(
            world,
            memory=remember_rest(world),
            pools=a_busy_pool(world),
            evaluation=a_queue(world, 10),
        ),
        85,
    )

    status = report(world, seen)

    tts = status.speech[1]
    assert status.evaluation is not None
    sizes = (status.media, tts, status.evaluation)
    assert [size.desired_replicas for size in sizes] == [4, 2, 6]
    assert [size.sizing.reason for size in sizes if size.sizing is not None] == [
        Reason.CONNECTIONS,
        Reason.GPU_BUSY,
        Reason.DEADLINES,
    ]


def test_a_fleet_at_rest_stays_as_it_is():
    """No call, no signal: every tier keeps its minimum, and soon nothing new is remembered."""
    world = a_world()
    memory: dict[str, Any] = {}
    plans = []
    for _ in range(12):
        plans.append(plan(world, observe(world, memory=memory)))
        memory |= plans[-1].memory or {}
        world.wait(30)

    assert [planned.steps for planned in plans] == [()] * 12
    assert plans[-1].memory is None


def test_a_fleet_of_one_server_stays_at_one():
    """Kind clusters have one node; a spare would wait for another one for ever."""
    fleet = a_minimal_fleet()
    media = fleet.spec.media.model_copy(update={"min_replicas": 1})
    world = a_world(replace(fleet, spec=fleet.spec.model_copy(update={"media": media})))

    status = report(world, connect(observe(world), 40))

    assert status.media.desired_replicas == 1


def test_advice_writes_nothing_and_is_told_once():
    """Whoever tries the operator out wants to see every tier's number before it acts."""
    world = a_world(with_scaling(a_full_fleet(), mode=ScalingMode.RECOMMEND))
    seen = connect(observe(world, evaluation=a_queue(world, 10)), 85)

    planned = plan(world, seen)
    status = report(world, seen)
    world.fleet = replace(world.fleet, status=status)
    again = plan(world, seen)

    assert planned.steps == ()
    told = {
        (decision.tier, decision.replicas_to)
        for decision in planned.decisions
        if decision.reason is Reason.RECOMMENDED
    }
    assert {(Tier.MEDIA, 4), (Tier.EVALUATION, 6)} <= told
    assert status.media.sizing is not None
    assert (status.media.desired_replicas, status.media.sizing.wanted) == (2, 4)
    assert again.decisions == ()


def test_a_paused_fleet_keeps_its_numbers():
    """Status goes on saying what it would be."""
    world = a_world()
    spec = world.fleet.spec.model_copy(update={"paused": True})
    world.fleet = replace(world.fleet, spec=spec)

    status = report(world, connect(observe(world), 85))

    assert status.media.sizing is not None
    assert (status.media.desired_replicas, status.media.sizing.wanted) == (2, 4)


def test_a_deleted_fleet_keeps_its_servers_and_needs_no_evaluators():
    """What carries calls stays until they have ended."""
    world = a_world()
    world.delete_fleet()

    status = report(world, connect(observe(world, evaluation=a_queue(world, 10)), 10))

    assert status.evaluation is not None
    assert (status.media.desired_replicas, status.evaluation.desired_replicas) == (2, 0)


@pytest.mark.parametrize(
    ("hours", "status", "reason"),
    [
        pytest.param(None, ConditionStatus.UNKNOWN, Reason.EVALUATION_QUEUE_UNKNOWN, id="unknown"),
        pytest.param(0.0, ConditionStatus.TRUE, Reason.DEADLINES_MET, id="nothing waits"),
        pytest.param(37.0, ConditionStatus.TRUE, Reason.DEADLINES_MET, id="20 evaluators do it"),
        pytest.param(
            38.0, ConditionStatus.FALSE, Reason.DEADLINES_AT_RISK, id="21 would be needed"
        ),
    ],
)
def test_the_condition_says_whether_deadlines_can_be_met(hours, status, reason):
    """20 evaluators do 20 * 7,020 s * 0.95 = 37.05 h until the deadline."""
    world = a_world()
    queue = None if hours is None else a_queue(world, hours)

    seen = report(world, observe(world, evaluation=queue))

    found = {condition.type: condition for condition in seen.conditions}
    condition = found[ConditionType.EVALUATION_KEEPING_UP]
    assert (condition.status, condition.reason) == (status, reason)


def test_a_risk_is_told_with_its_numbers():
    """Hours of work, the deadline, the need, the limit, the delay, and what to do."""
    world = a_world()

    status = report(world, observe(world, evaluation=a_queue(world, 60)))

    found = {condition.type: condition.message for condition in status.conditions}
    due = (world.now + 2 * HOUR).strftime("%Y-%m-%d %H:%MZ")
    assert found[ConditionType.EVALUATION_KEEPING_UP] == (
        f"60.0 h of work due by {due} need 33 evaluators and `maxReplicas` is 20: late by up to "
        "80 min. Raise `spec.evaluation.maxReplicas` or `deadlineSeconds`; no live call is "
        "concerned."
    )


def test_work_that_is_late_already_is_told():
    """The number of evaluators may be right by now; the promise is broken all the same."""
    world = a_world()
    queue = EvaluationQueue(world.now, (DueWork(world.now - MINUTE, 60.0),))

    status = report(world, observe(world, evaluation=queue))

    found = {condition.type: condition for condition in status.conditions}
    assert found[ConditionType.EVALUATION_KEEPING_UP].reason == Reason.DEADLINES_AT_RISK


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["tts", "stt", "trace", "targets", "counts", "connections", "starts", "settled",
             "waiting", "slow", "emptySince", "unusedSince", "lookedAt"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["media", "speech", "evaluation"]), JSON))
def test_a_memory_that_anybody_edited_stops_nothing_and_takes_nothing(memory):
    """A ConfigMap is open to everybody with the right to edit it."""
    world = a_world()

    planned = plan(world, observe(world, memory=memory))

    assert scalings(planned) == {}


def test_a_fall_to_the_minimum_is_explained_by_what_let_it_fall():
    """`maxReplicas` would be named otherwise, and nobody set that."""
    world = a_world()
    status = world.fleet.status
    media = status.media.model_copy(update={"desired_replicas": 3})
    world.fleet = replace(world.fleet, status=status.model_copy(update={"media": media}))
    at = int(world.now.timestamp())
    memory = {"media": {"trace": {"targets": [[at - 300, 2]], "counts": [], "lookedAt": at - 15}}}

    planned = plan(world, connect(observe(world, memory=memory), 10))

    told = [one for one in planned.decisions if one.tier is Tier.MEDIA]
    assert [(one.reason, one.replicas_from, one.replicas_to) for one in told] == [
        (Reason.CONNECTIONS, 3, 2)
    ]
