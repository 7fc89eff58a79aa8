"""Whatever is observed, the plan breaks no law: observations nobody would think of."""

from dataclasses import replace

import hypothesis.strategies as st
from hypothesis import given, settings

from support.builders import (
    MINUTE,
    NOW,
    SECOND,
    Seen,
    a_replicaset,
    a_server_pod,
    a_worker,
    an_observation,
    with_agents,
    with_pod,
)
from support.fleets import a_minimal_fleet
from voicefleet.core.safety import check_plan
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Child, Observed, Tier
from voicefleet.model.outcome import Outcome
from voicefleet.model.plan import DeleteChild, ScaleChild
from voicefleet.planning import plan_fleet, report_fleet
from voicefleet.render.agents_replicaset import agents_revision
from voicefleet.render.media_replicaset import media_revision
from voicefleet.render.names import agents_replicaset_name, media_replicaset_name

FLEET = a_minimal_fleet()
NEWEST = agents_replicaset_name(FLEET, agents_revision(FLEET))
AGES = st.sampled_from([None, 0 * SECOND, 4 * SECOND, 6 * SECOND, 12 * SECOND, MINUTE])
COUNT = st.integers(0, 4)


@st.composite
def worker_pods(draw: st.DrawFn, name: str, owner: str) -> Seen:
    """Return any worker: silent, cordoned, marked, broken, leaving, in every combination."""
    is_running = draw(st.booleans())
    seen = a_worker(
        name,
        owner=owner,
        sessions=draw(st.sampled_from([None, 0, 0, 1])) if is_running else 0,
        cordoned_for=draw(AGES),
        report_age=draw(AGES) or 0 * SECOND,
        is_running=is_running,
        is_ready=is_running and draw(st.booleans()),
        is_marked=draw(st.booleans()),
        is_priced=draw(st.booleans()),
    )
    is_finished = not is_running and draw(st.booleans())
    return with_pod(seen, is_deleting=draw(st.booleans()), is_finished=is_finished)


@st.composite
def agents_sets(draw: st.DrawFn, name: str) -> tuple[Child, list[Seen]]:
    """Return a ReplicaSet whose status, spec and pods need not fit together."""
    child = a_replicaset(
        name,
        draw(COUNT),
        existing=draw(COUNT),
        scaler_owns_replicas=draw(st.booleans()),
        generation=draw(st.sampled_from([3, 4])),
    )
    pods = [draw(worker_pods(f"{name}-{index}", name)) for index in range(draw(COUNT))]
    return child, pods


@st.composite
def media_servers(draw: st.DrawFn, number: int) -> tuple[Child, list[Seen]]:
    """Return a media server of this revision or another."""
    name = media_replicaset_name(FLEET, number)
    revision = draw(st.sampled_from([media_revision(FLEET), "older"]))
    child = a_replicaset(
        name, draw(st.integers(0, 2)), tier=Tier.MEDIA, server=number, revision=revision
    )
    pods = [
        a_server_pod(
            f"{name}-{index}",
            owner=name,
            rooms=draw(st.sampled_from([None, 0])),
            empty_for=draw(AGES),
            report_age=draw(AGES) or 0 * SECOND,
            is_running=draw(st.booleans()),
            is_deleting=draw(st.booleans()),
        )
        for index in range(draw(st.integers(0, 2)))
    ]
    return child, pods


@st.composite
def observations(draw: st.DrawFn) -> Observed:
    """Return any mixture of revisions, servers and pods."""
    parts = [draw(agents_sets(name)) for name in draw(st.sets(st.sampled_from([NEWEST, "older"])))]
    parts += [draw(media_servers(number)) for number in draw(st.sets(st.integers(1, 3)))]
    children = (child for child, _ in parts)
    seen = (pod for _, pods in parts for pod in pods)
    observed = an_observation(*children, seen=seen)
    return replace(observed, is_namespace_terminating=draw(st.booleans()))


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    """Return the fleet with any bounds, alive or deleted."""
    low, high = draw(COUNT), draw(st.integers(1, 4))
    fleet = with_agents(
        FLEET,
        min_replicas=min(low, high),
        max_replicas=high,
        floor_replicas=min(draw(COUNT), high),
    )
    deleted = draw(st.sampled_from([None, None, NOW - MINUTE, NOW - 90 * MINUTE]))
    return replace(fleet, deletion_requested_at=deleted)


@settings(max_examples=150)
@given(fleet=fleets(), observed=observations())
def test_no_observation_leads_to_an_unsafe_plan(fleet: Fleet, observed: Observed):
    """The planner and the check after it share no reasoning, and still never disagree."""
    plan = plan_fleet(fleet, observed, NOW)

    check_plan(plan, fleet, observed, NOW)

    assert plan == plan_fleet(fleet, observed, NOW)


@settings(max_examples=100)
@given(fleet=fleets(), observed=observations())
def test_silence_removes_nobody(fleet: Fleet, observed: Observed):
    """Unknown holds: without any report no running pod can go."""
    silent = replace(observed, workers={}, servers={}, is_namespace_terminating=False)
    running = {pod.owner_name for pod in silent.pods if pod.is_running and not pod.is_finished}

    steps = plan_fleet(replace(fleet, deletion_requested_at=None), silent, NOW).steps

    deleted = {step.key.name for step in steps if isinstance(step, DeleteChild)}
    assert deleted & running == set()
    assert all(
        _keeps_every_running_pod(step, silent) for step in steps if isinstance(step, ScaleChild)
    )


@settings(max_examples=50)
@given(fleet=fleets(), observed=observations())
def test_every_observation_can_be_reported(fleet: Fleet, observed: Observed):
    """A status that cannot be written hides the trouble it is about."""
    status = report_fleet(fleet, observed, Outcome(), NOW)

    assert status.observed_generation == fleet.generation


def _keeps_every_running_pod(step: ScaleChild, observed: Observed) -> bool:
    pods = [
        pod
        for pod in observed.pods
        if pod.owner_name == step.key.name and not pod.is_deleting and not pod.is_finished
    ]
    return step.replicas_to >= min(step.replicas_from, sum(pod.is_running for pod in pods))
