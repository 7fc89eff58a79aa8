"""What a pod's manifest says about readiness, life and trouble."""

from datetime import UTC, datetime
from typing import Any

import pytest

from voicefleet.adapters.kubernetes.pods import parse_pod
from voicefleet.api import labels
from voicefleet.manifests import Manifest
from voicefleet.model.observed import Pod, PodTrouble

RUNNING = [{"name": "agent", "state": {"running": {"startedAt": "2026-01-05T09:00:05Z"}}}]


def a_manifest(*, metadata: Manifest | None = None, **status: Any) -> Manifest:
    """Return an agents pod with this status."""
    return {
        "kind": "Pod",
        "metadata": {
            "name": "interviews-agents-0a1b2c3d-x7k2p",
            "namespace": "calls",
            "uid": "uid-1",
            "creationTimestamp": "2026-01-05T09:00:00Z",
            "labels": {labels.FLEET: "interviews", labels.TIER: "agents"},
            **(metadata or {}),
        },
        "spec": {"nodeName": "plain-1", "terminationGracePeriodSeconds": 5520},
        "status": status,
    }


def parsed(**status: Any) -> Pod:
    """Return the facts about a pod with this status."""
    pod = parse_pod(a_manifest(**status))
    assert pod is not None
    return pod


def waiting(reason: str, message: str | None = None, **more: Any) -> list[Manifest]:
    """Return the status of a container that waits."""
    said = {"reason": reason, **({"message": message} if message else {})}
    return [{"name": "agent", "state": {"waiting": said}, **more}]


def test_a_running_ready_pod():
    """The state in which a worker counts as capacity."""
    conditions = [{"type": "Ready", "status": "True"}]

    pod = parsed(
        phase="Running", podIP="10.0.0.7", conditions=conditions, containerStatuses=RUNNING
    )

    assert (pod.is_ready, pod.is_running, pod.is_deleting, pod.is_finished) == (
        True,
        True,
        False,
        False,
    )
    assert (pod.ip, pod.node, pod.grace_seconds, pod.trouble) == ("10.0.0.7", "plain-1", 5520, None)


def test_a_ready_pod_tells_since_when():
    """Lead times are measured from it; a pod that is no longer Ready has no such time."""
    since = "2026-03-02T09:00:40Z"
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": since}

    assert parsed(conditions=[ready]).ready_at == datetime(2026, 3, 2, 9, 0, 40, tzinfo=UTC)
    assert parsed(conditions=[{**ready, "status": "False"}]).ready_at is None


def test_a_controller_owns_its_pod():
    """Which ReplicaSet shrinks decides which pods may leave."""
    owners = [
        {"kind": "ReplicaSet", "name": "looks-on", "controller": False},
        {"kind": "ReplicaSet", "name": "interviews-agents-0a1b2c3d", "controller": True},
    ]

    pod = parse_pod(a_manifest(metadata={"ownerReferences": owners}))

    assert pod is not None
    assert pod.owner_name == "interviews-agents-0a1b2c3d"


def test_a_pod_of_no_tier_is_none_of_ours():
    """Somebody may put our fleet label on a pod of their own."""
    somebody = {labels.FLEET: "interviews", labels.TIER: "something-else"}

    assert parse_pod(a_manifest(metadata={"labels": somebody})) is None


@pytest.mark.parametrize(
    ("status", "is_running"),
    [
        pytest.param({}, False, id="no kubelet has seen it"),
        pytest.param({"phase": "Pending"}, False, id="pending"),
        pytest.param(
            {"phase": "Pending", "containerStatuses": waiting("ContainerCreating")},
            False,
            id="creating",
        ),
        pytest.param({"phase": "Running", "containerStatuses": RUNNING}, True, id="running"),
        pytest.param(
            {"phase": "Running", "containerStatuses": waiting("CrashLoopBackOff") + RUNNING},
            True,
            id="one of two containers runs",
        ),
        pytest.param({"phase": "Running"}, True, id="running without details"),
        pytest.param({"phase": "Unknown"}, True, id="node lost"),
        pytest.param({"phase": "Failed"}, False, id="failed without details"),
    ],
)
def test_only_a_pod_that_surely_does_not_run_counts_as_not_running(
    status: Manifest, *, is_running: bool
):
    """Where nothing runs no call can be; where nobody knows, there may be one."""
    assert parsed(**status).is_running is is_running


def test_a_pod_being_deleted_may_still_hold_calls():
    """It runs until its grace period ends, and must be watched until then."""
    pod = parse_pod(
        a_manifest(
            metadata={"deletionTimestamp": "2026-01-05T09:10:00Z"},
            phase="Running",
            containerStatuses=RUNNING,
        )
    )

    assert pod is not None
    assert (pod.is_deleting, pod.is_running) == (True, True)


def test_an_unschedulable_pod_says_why():
    """The scheduler's sentence names the missing resource."""
    message = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": message,
    }

    pod = parsed(phase="Pending", conditions=[condition])

    assert pod.trouble == PodTrouble("Unschedulable", message)


def test_an_image_that_cannot_be_pulled_says_which():
    """The commonest mistake of all: a wrong tag."""
    statuses = waiting("ImagePullBackOff", 'Back-off pulling image "agent:1.0.1"')

    pod = parsed(phase="Pending", containerStatuses=statuses)

    assert pod.trouble == PodTrouble(
        "ImagePullBackOff", 'container agent: Back-off pulling image "agent:1.0.1"'
    )


def test_a_crashing_container_says_how_it_last_ended():
    """The back-off sentence alone does not tell memory from a bug."""
    ended = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
    statuses = waiting("CrashLoopBackOff", "back-off 40s", lastState=ended)

    pod = parsed(phase="Running", containerStatuses=statuses)

    assert pod.trouble == PodTrouble(
        "CrashLoopBackOff",
        "container agent: back-off 40s; last ended as OOMKilled, exit code 137",
    )


def test_an_init_container_can_be_the_trouble():
    """A model download that fails keeps the whole pod from starting."""
    pod = parsed(phase="Pending", initContainerStatuses=waiting("ErrImagePull", "no such host"))

    assert pod.trouble == PodTrouble("ErrImagePull", "container agent: no such host")


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_a_pod_that_is_starting_is_in_no_trouble(reason: str):
    """A condition that cries at every start is not read when it matters."""
    assert parsed(phase="Pending", containerStatuses=waiting(reason)).trouble is None


def test_a_finished_pod_is_not_reported_as_trouble():
    """Its ReplicaSet has replaced it; the leftover says nothing about the fleet."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}

    pod = parsed(phase="Failed", conditions=[condition])

    assert (pod.is_finished, pod.trouble) == (True, None)


def since(second: int, *, restarts: int = 0) -> Manifest:
    """Return a container that has run since this second."""
    started = {"startedAt": f"2026-01-05T09:00:{second:02d}Z"}
    return {"state": {"running": started}, "restartCount": restarts}


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        pytest.param([since(5, restarts=1)], 5, id="one"),
        pytest.param([since(9, restarts=1), since(5, restarts=2)], 9, id="the-youngest"),
        pytest.param([since(5, restarts=1), since(9)], 5, id="the-other-was-not-restarted"),
        pytest.param([since(5)], None, id="the-first-process"),
        pytest.param([{"state": {"waiting": {}}, "restartCount": 3}], None, id="none-runs"),
        pytest.param([{"state": {"running": {}}, "restartCount": 1}], None, id="no-time-is-said"),
    ],
)
def test_a_restart_shows_in_when_the_pod_started(states: list[Manifest], expected: int | None):
    """What a worker said before its restart says nothing about it now, and only a restart counts.

    Kubernetes dates a start by the second, so a worker that could not be believed in its first
    one would be marked as busy and a moment later as idle, for nothing.
    """
    containers = [{"name": str(index), **state} for index, state in enumerate(states)]

    started = parsed(phase="Running", containerStatuses=containers).started_at

    assert (started.second if started is not None else None) == expected
