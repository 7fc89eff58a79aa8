"""The last look at a plan finds every broken law, whoever made the plan."""

from dataclasses import replace

import pytest

from support.builders import (
    LONG_AGO,
    MINUTE,
    NOW,
    SECOND,
    Seen,
    a_replicaset,
    a_server_pod,
    a_worker,
    an_observation,
    with_agents,
)
from support.fleets import a_fleet, a_minimal_fleet
from voicefleet.api.labels import DELETION_COST
from voicefleet.core.safety import check_plan
from voicefleet.errors import UnsafePlanError
from voicefleet.manifests import ObjectKey
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Child, Observed, Tier
from voicefleet.model.plan import (
    CordonWorker,
    CreateChild,
    DeleteChild,
    MarkPod,
    Plan,
    ReleaseFleet,
    ScaleChild,
    Step,
)

FLEET = with_agents(a_minimal_fleet(), min_replicas=0, max_replicas=4)
EMPTY = a_worker("empty", cordoned_for=MINUTE, is_priced=True)
BUSY = a_worker("busy", sessions=1)


def seen_by_operator(*workers: Seen, replicas: int | None = None) -> Observed:
    """Return an observation with one ReplicaSet of these workers."""
    return an_observation(
        a_replicaset("new", len(workers) if replicas is None else replicas), seen=workers
    )


def scale(child_from: int, to: int, guard: str | None = "17") -> ScaleChild:
    """Return a step that scales that ReplicaSet."""
    return ScaleChild(ObjectKey("ReplicaSet", "voice", "new"), child_from, to, "because", guard)


def delete(child: Child) -> DeleteChild:
    """Return a step that deletes a ReplicaSet."""
    return DeleteChild(child.key, child.uid, "because")


def assert_refused(step: Step, observed: Observed, *, words: str, fleet: Fleet = FLEET) -> None:
    """Check that the plan is refused, in a sentence with these words."""
    with pytest.raises(UnsafePlanError, match=words):
        check_plan(Plan((step,)), fleet, observed, NOW)


def test_a_confirmed_worker_may_be_removed():
    """The check must not stand in the way of what is safe."""
    check_plan(Plan((scale(2, 1),)), FLEET, seen_by_operator(EMPTY, BUSY), NOW)

    assert EMPTY.worker is not None


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(a_worker("x", sessions=1, cordoned_for=MINUTE), id="a-call"),
        pytest.param(a_worker("x"), id="it-takes-calls"),
        pytest.param(a_worker("x", cordoned_for=4 * SECOND), id="not-settled"),
        pytest.param(a_worker("x", cordoned_for=MINUTE, report_age=11 * SECOND), id="old-word"),
        pytest.param(a_worker("x", sessions=None), id="no-word"),
    ],
)
def test_nothing_unconfirmed_is_removed(other: Seen):
    """Unknown is busy, and busy stays."""
    assert_refused(scale(2, 0), seen_by_operator(EMPTY, other), words="only 1 are confirmed empty")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(a_worker("x", sessions=1, is_ready=False), id="not-ready"),
        pytest.param(a_worker("x", sessions=1, is_priced=True), id="as-cheap"),
    ],
)
def test_no_busy_worker_may_be_taken_in_place_of_an_empty_one(other: Seen):
    """The ReplicaSet controller chooses, and its order is known."""
    assert_refused(scale(2, 1), seen_by_operator(EMPTY, other), words="would be taken first")


def test_a_removal_without_its_guard_is_refused():
    """Between observing and writing a worker may have got a call."""
    assert_refused(scale(2, 1, None), seen_by_operator(EMPTY, BUSY), words="resourceVersion")


def test_pods_that_only_their_controller_has_seen_count_as_busy():
    """The cache of pods may lag."""
    observed = an_observation(a_replicaset("new", 3, existing=3), seen=(EMPTY,))

    assert_refused(scale(3, 1), observed, words="only 1 are confirmed")


def test_replicas_that_never_had_a_pod_may_go():
    """Nothing is in what does not exist."""
    observed = an_observation(a_replicaset("new", 4, existing=1), seen=(BUSY,))

    check_plan(Plan((scale(4, 1),)), FLEET, observed, NOW)

    assert observed.pods


def test_scaling_something_unseen_is_refused():
    """A plan about an object that was not there was not made from this observation."""
    assert_refused(scale(2, 3), an_observation(), words="not observed")


def mark(name: str, **annotations: str) -> MarkPod:
    """Return a step that marks a pod."""
    key = ObjectKey("Pod", "voice", name)
    return MarkPod(key, f"uid-{name}", {}, annotations, "because")


def test_a_busy_worker_is_never_offered_to_the_controller():
    """A deletion cost is an invitation."""
    assert_refused(
        mark("busy", **{DELETION_COST: "-1000"}), seen_by_operator(BUSY), words="may still hold"
    )


def test_an_offer_is_not_taken_back_while_the_controller_is_about_to_act():
    """It would take the next best, which is a busy one."""
    observed = an_observation(a_replicaset("new", 1, existing=2), seen=(EMPTY, BUSY))

    assert_refused(mark("empty"), observed, words="would take another one")


def test_an_offer_may_be_taken_back_before_the_count_drops():
    """A recalled worker has to stay."""
    check_plan(Plan((mark("empty"),)), FLEET, seen_by_operator(EMPTY, BUSY), NOW)

    assert EMPTY.pod.annotations


def test_a_mark_on_an_unseen_pod_is_refused():
    """A plan about a pod that was not there was not made from this observation."""
    assert_refused(mark("nobody"), an_observation(), words="not observed")


def test_a_replicaset_with_a_busy_pod_is_not_deleted():
    """Its pods would go with it."""
    child = a_replicaset("new", 1)

    assert_refused(delete(child), an_observation(child, seen=(BUSY,)), words="may still hold calls")


def test_a_replicaset_with_unseen_ready_pods_is_not_deleted():
    """An empty cache is not an empty ReplicaSet."""
    child = a_replicaset("new", 1)
    child.manifest["status"]["readyReplicas"] = 1

    assert_refused(delete(child), an_observation(child), words="were not observed")


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"rooms": 1}, id="a-room"),
        pytest.param({"rooms": None}, id="unknown"),
        pytest.param({"empty_for": 9 * SECOND}, id="empty-too-shortly"),
        pytest.param({"empty_for": MINUTE, "report_age": 11 * SECOND}, id="old-reading"),
    ],
)
def test_a_media_server_that_may_have_a_room_is_not_deleted(facts: dict[str, object]):
    """Deleting the ReplicaSet of a server ends every call on it."""
    child = a_replicaset("m-1", 1, tier=Tier.MEDIA, server=1)
    seen = (a_server_pod("m-1-x", owner="m-1", **facts),)

    assert_refused(delete(child), an_observation(child, seen=seen), words="m-1-x")


def test_more_workers_than_maximum_and_surge_are_refused():
    """The bound protects budgets and providers' rate limits."""
    observed = seen_by_operator(*(a_worker(name) for name in "abcd"))

    check_plan(Plan((scale(4, 5),)), FLEET, observed, NOW)

    assert_refused(scale(4, 6), observed, words="maxReplicas 4")


def test_a_second_revision_counts_too():
    """Both revisions take calls."""
    manifest = a_replicaset("newer", 2).manifest
    observed = seen_by_operator(*(a_worker(name) for name in "abcd"))

    assert_refused(CreateChild(manifest, "because"), observed, words="from 4 to 6")


def test_fewer_workers_than_the_minimum_are_refused():
    """A plan must not leave callers without workers."""
    fleet = with_agents(FLEET, min_replicas=2)
    cordon = CordonWorker(ObjectKey("Pod", "voice", "a"), "uid-a", "10.0.0.1", "because")
    observed = seen_by_operator(a_worker("a"), a_worker("b"))

    assert_refused(cordon, observed, words="at least 2 have to", fleet=fleet)


def test_a_fleet_that_is_deleted_may_fall_below_its_minimum():
    """Draining is what was asked for."""
    fleet = replace(with_agents(FLEET, min_replicas=1), deletion_requested_at=NOW)
    cordon = CordonWorker(ObjectKey("Pod", "voice", "a"), "uid-a", "10.0.0.1", "because")

    check_plan(Plan((cordon,)), fleet, seen_by_operator(a_worker("a")), NOW)

    assert fleet.is_deleting


def test_a_paused_fleet_is_not_touched():
    """Paused means that somebody else has their hands in it."""
    fleet = a_fleet({**a_minimal_fleet().spec.to_manifest(), "paused": True})

    assert_refused(scale(1, 2), seen_by_operator(BUSY), words="paused", fleet=fleet)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(BUSY, id="a-busy-worker"),
        pytest.param(a_worker("idle"), id="a-worker-that-takes-calls"),
        pytest.param(a_worker("silent", sessions=None), id="a-silent-worker"),
        pytest.param(a_server_pod("m", owner="m-1", rooms=2), id="a-server-with-rooms"),
        pytest.param(a_server_pod("m", owner="m-1", rooms=None), id="a-silent-server"),
    ],
)
def test_a_fleet_with_calls_is_not_released(seen: Seen):
    """The garbage collector would take everything at once."""
    fleet = replace(FLEET, deletion_requested_at=NOW - MINUTE)

    assert_refused(
        ReleaseFleet("because"), an_observation(seen=(seen,)), words="may still hold", fleet=fleet
    )


def test_a_fleet_nobody_deleted_is_not_released():
    """Its finalizer is what lets a later deletion drain."""
    assert_refused(ReleaseFleet("because"), an_observation(), words="nobody deleted it")


def test_a_fleet_past_its_deadline_is_released_whatever_is_known():
    """A silent pod must not make a fleet undeletable."""
    fleet = replace(FLEET, deletion_requested_at=NOW - 2 * LONG_AGO)
    observed = an_observation(seen=(a_worker("silent", sessions=None),))

    check_plan(Plan((ReleaseFleet("because"),)), fleet, observed, NOW)

    assert observed.workers == {}
