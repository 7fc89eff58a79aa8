"""When a cordoned worker may go: the law of two-phase removal."""

from datetime import timedelta

import pytest

from support.builders import (
    MINUTE,
    NOW,
    SECOND,
    Seen,
    a_replicaset,
    a_worker,
    an_observation,
)
from voicefleet.core.removal import explain_hold, is_removable, rest_of_wait
from voicefleet.core.workers import WorkerSet, view_worker_sets


def a_set(*seen: Seen, replicas: int | None = None) -> WorkerSet:
    """Return one revision with these workers."""
    child = a_replicaset(replicas=len(seen) if replicas is None else replicas)
    (workers,) = view_worker_sets((child,), an_observation(child, seen=seen), NOW)
    return workers


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(a_worker(cordoned_for=5 * SECOND), True, id="empty-and-settled"),
        pytest.param(a_worker(cordoned_for=4 * SECOND), False, id="a-dispatch-may-be-under-way"),
        pytest.param(a_worker(sessions=1, cordoned_for=MINUTE), False, id="one-call"),
        pytest.param(a_worker(), False, id="takes-calls"),
        pytest.param(a_worker(is_running=False), False, id="still-starting-and-wanted"),
        pytest.param(
            a_worker(cordoned_for=MINUTE, report_age=10 * SECOND), True, id="ten-seconds-is-fresh"
        ),
        pytest.param(
            a_worker(cordoned_for=MINUTE, report_age=11 * SECOND), False, id="eleven-is-history"
        ),
        pytest.param(
            a_worker(cordoned_for=8 * SECOND, report_age=4 * SECOND),
            False,
            id="read-before-the-settle-time-was-over",
        ),
        pytest.param(a_worker(sessions=None), False, id="never-answered"),
        pytest.param(
            a_worker(sessions=None, is_marked=True), False, id="a-mark-is-not-the-workers-word"
        ),
        pytest.param(
            a_worker(is_running=False, is_ready=False, is_marked=True), True, id="no-container-runs"
        ),
    ],
)
def test_only_a_confirmed_empty_worker_may_go(seen: Seen, expected: bool):
    """Everything else might hold a call."""
    assert is_removable(a_set(seen).workers[0]) is expected


LEAVER = a_worker("leaver", cordoned_for=MINUTE, is_priced=True)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        pytest.param(
            a_worker("kept", sessions=2, is_ready=False), "not Ready", id="not-ready-goes-first"
        ),
        pytest.param(
            a_worker("kept", sessions=None, is_ready=False), "not Ready", id="unknown-and-not-ready"
        ),
        pytest.param(
            a_worker("kept", sessions=2, is_priced=True),
            "deletion cost",
            id="as-cheap-as-it",
        ),
    ],
)
def test_nothing_goes_while_the_controller_might_take_another(other: Seen, words: str):
    """The controller takes pods that are not Ready first, then those of lowest cost."""
    workers = a_set(LEAVER, other)

    assert words in (explain_hold(workers, [workers.workers[1]]) or "")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(a_worker("kept", sessions=2), id="a-ready-busy-worker"),
        pytest.param(a_worker("kept", is_running=False, is_ready=False), id="one-without-a-call"),
    ],
)
def test_a_worker_that_cannot_be_mistaken_holds_nothing_up(other: Seen):
    """A pod that crashes for ever must not keep empty workers alive."""
    workers = a_set(LEAVER, other)

    assert explain_hold(workers, [workers.workers[1]]) is None


def test_one_removal_waits_for_the_one_before():
    """Until the controller has caught up, nobody knows which pod it takes."""
    workers = a_set(LEAVER, a_worker("kept"), replicas=1)

    assert "more pods than replicas" in (explain_hold(workers, workers.workers[:1]) or "")


def test_a_removal_waits_until_both_caches_know_the_same_pods():
    """A pod that only the controller knows could be the one it takes."""
    child = a_replicaset(replicas=3)
    (workers,) = view_worker_sets((child,), an_observation(child, seen=(LEAVER,)), NOW)

    assert "counts 3 pods, but 1 are known" in (explain_hold(workers, workers.workers) or "")


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(a_worker(cordoned_for=2 * SECOND), 3 * SECOND, id="the-rest-of-the-settle"),
        pytest.param(
            a_worker(cordoned_for=20 * SECOND, report_age=16 * SECOND),
            5 * SECOND,
            id="a-silent-worker-is-asked-again",
        ),
        pytest.param(
            a_worker(cordoned_for=6 * SECOND, report_age=2 * SECOND), SECOND, id="a-newer-report"
        ),
        pytest.param(a_worker(sessions=2, cordoned_for=MINUTE), None, id="a-busy-one-tells-itself"),
        pytest.param(a_worker(cordoned_for=MINUTE), None, id="a-confirmed-one-needs-no-wait"),
    ],
)
def test_time_that_nobody_announces_is_waited_for(seen: Seen, expected: timedelta | None):
    """Without a wake-up an empty worker would stay until the next resync."""
    assert rest_of_wait(a_set(seen).workers, NOW) == expected
