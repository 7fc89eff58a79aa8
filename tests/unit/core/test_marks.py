"""What is noted on agents pods, and what their workers are asked."""

from typing import Any

import pytest

from support.builders import (
    MINUTE,
    NOW,
    SECOND,
    Seen,
    a_replicaset,
    a_worker,
    an_observation,
    with_pod,
)
from support.fleets import a_minimal_fleet
from voicefleet.api.labels import BUSY, COMPONENT, CORDONED, DELETION_COST, LEAVING, SAFE_TO_EVICT
from voicefleet.core.agents import decide_agents, view_rollout
from voicefleet.core.marks import plan_workers
from voicefleet.model.plan import (
    CordonWorker,
    DeleteChild,
    MarkPod,
    Plan,
    ScaleChild,
    UncordonWorker,
)


def plan(*seen: Seen, wanted: int, replicas: int | None = None) -> Plan:
    """Plan for one revision with these workers."""
    child = a_replicaset("new", len(seen) if replicas is None else replicas)
    observed = an_observation(child, seen=seen)
    fleet_uid = a_minimal_fleet().uid
    rollout = view_rollout(observed, current="new", fleet_uid=fleet_uid, now=NOW)
    return plan_workers(rollout, decide_agents(rollout, wanted, NOW))


def marks(made: Plan) -> dict[str, tuple[Any, Any]]:
    """Return the marks by pod."""
    return {
        step.key.name: (dict(step.labels), dict(step.annotations))
        for step in made.steps
        if isinstance(step, MarkPod)
    }


STAYING = {COMPONENT: "agents"}
GUARDED = ({**STAYING, BUSY: "true"}, {SAFE_TO_EVICT: "false"})


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(a_worker("w", sessions=1), GUARDED, id="a-call-guards-its-pod"),
        pytest.param(a_worker("w", sessions=None), GUARDED, id="unknown-counts-as-a-call"),
        pytest.param(
            a_worker("w", report_age=11 * SECOND), GUARDED, id="an-old-zero-counts-as-a-call"
        ),
        pytest.param(a_worker("w"), None, id="an-idle-worker-needs-no-guard"),
        pytest.param(a_worker("w", is_running=False), None, id="nor-one-that-does-not-run"),
        pytest.param(
            with_pod(a_worker("w"), labels={BUSY: "true"}, annotations={SAFE_TO_EVICT: "false"}),
            (STAYING, {}),
            id="the-guard-goes-with-the-last-call",
        ),
        pytest.param(
            with_pod(
                a_worker("w", sessions=2),
                labels={BUSY: "true"},
                annotations={SAFE_TO_EVICT: "false"},
            ),
            None,
            id="marks-that-stand-are-not-written-again",
        ),
    ],
)
def test_a_busy_worker_is_guarded_and_an_idle_one_is_not(seen: Seen, expected: object):
    """The guard stops evictions, and must not stop a node upgrade after the last call."""
    assert marks(plan(seen, wanted=1)).get("w") == expected


def test_one_step_carries_every_mark_of_a_pod():
    """What a server-side apply leaves out goes away, so half a set would lose the other half."""
    made = plan(a_worker("a"), a_worker("b", sessions=1), wanted=0)

    guarded, annotations = GUARDED
    assert marks(made)["b"] == (guarded, {**annotations, CORDONED: "true"})


def test_a_confirmed_worker_gets_the_lowest_cost():
    """Among Ready pods the controller takes the cheapest first."""
    made = plan(a_worker("a"), a_worker("b", cordoned_for=MINUTE, is_marked=True), wanted=1)

    leaving = {CORDONED: "true", DELETION_COST: "-1000"}
    assert marks(made) == {"b": ({COMPONENT: LEAVING}, leaving)}


def test_a_recalled_worker_loses_cost_and_mark():
    """Otherwise the next removal would take a worker that has calls again."""
    leaver = a_worker("a", cordoned_for=MINUTE, is_marked=True, is_priced=True)

    made = plan(leaver, wanted=1)

    assert marks(made) == {"a": (STAYING, {})}
    assert any(isinstance(step, UncordonWorker) for step in made.steps)


def test_capacity_comes_before_marks_and_cordons_come_last():
    """Callers wait for capacity; a worker that does not answer holds up nobody behind it."""
    made = plan(a_worker("a"), a_worker("b", sessions=1), wanted=1)

    assert [type(step) for step in made.steps] == [MarkPod, MarkPod, CordonWorker]


def test_a_worker_that_cannot_be_asked_is_only_marked():
    """A pod without a running container has nobody to answer."""
    made = plan(a_worker("a"), a_worker("b", is_running=False), wanted=1)

    assert [type(step) for step in made.steps] == [MarkPod]


def test_a_mark_is_seen_on_the_pod_before_replicas_drop():
    """Two cycles: the cost, then the count."""
    leaver = a_worker("b", cordoned_for=MINUTE, is_marked=True, is_priced=True)

    made = plan(a_worker("a"), leaver, wanted=1)

    assert [type(step) for step in made.steps] == [ScaleChild]


def test_an_old_revision_without_pods_is_deleted():
    """Its ReplicaSet would otherwise stay for ever."""
    new, old = a_replicaset("new", 1), a_replicaset("old", 0)
    observed = an_observation(new, old, seen=(a_worker("a"),))
    rollout = view_rollout(observed, current="new", fleet_uid=a_minimal_fleet().uid, now=NOW)

    made = plan_workers(rollout, decide_agents(rollout, 1, NOW))

    assert [step.key.name for step in made.steps if isinstance(step, DeleteChild)] == ["old"]


def test_an_old_revision_with_a_pod_in_its_grace_is_kept():
    """Its calls go on until they end."""
    seen = (a_worker("a"), a_worker("b", sessions=1, owner="old", is_deleting=True))
    observed = an_observation(a_replicaset("new", 1), a_replicaset("old", 0), seen=seen)
    rollout = view_rollout(observed, current="new", fleet_uid=a_minimal_fleet().uid, now=NOW)

    made = plan_workers(rollout, decide_agents(rollout, 1, NOW))

    assert [step for step in made.steps if isinstance(step, DeleteChild)] == []
