"""Who leaves first and who is called back first."""

from datetime import timedelta

import pytest

from support.builders import MINUTE, NOW, Seen, a_worker, an_observation
from voicefleet.core.victims import order_recalls, order_victims
from voicefleet.core.workers import Worker, view_workers


def workers(*seen: Seen) -> tuple[Worker, ...]:
    """Return workers as decisions see them."""
    return view_workers(an_observation(seen=seen), NOW)


def names(ordered: list[Worker]) -> list[str]:
    """Return the names in the order found."""
    return [worker.pod.name for worker in ordered]


IDLE = a_worker("idle")
BUSY_LATELY = a_worker("busy-lately", sessions=1, oldest_session=MINUTE)
BUSY_FOR_LONG = a_worker("busy-for-long", sessions=3, oldest_session=30 * MINUTE)
SILENT = a_worker("a-silent", sessions=2, report_age=timedelta(seconds=11))
PENDING = a_worker("z-pending", is_running=False, is_ready=False)
NOT_READY = a_worker("y-not-ready", sessions=None, is_ready=False)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(PENDING, IDLE, id="what-cannot-hold-a-call-before-the-idle"),
        pytest.param(NOT_READY, IDLE, id="what-serves-nobody-before-the-idle"),
        pytest.param(PENDING, NOT_READY, id="what-does-not-run-before-what-does"),
        pytest.param(IDLE, BUSY_FOR_LONG, id="the-idle-before-the-busy"),
        pytest.param(BUSY_FOR_LONG, BUSY_LATELY, id="the-oldest-call-is-expected-to-end-first"),
        pytest.param(BUSY_LATELY, SILENT, id="the-busy-before-the-unknown"),
        pytest.param(a_worker("a"), a_worker("b"), id="the-name-decides-between-equals"),
        pytest.param(
            a_worker("z", is_marked=True), a_worker("a"), id="whoever-was-chosen-before-stays-so"
        ),
    ],
)
def test_the_worker_that_loses_least_leaves_first(first: Seen, second: Seen):
    """The order decides how long callers' workers drain, and it must never waver."""
    assert names(order_victims(workers(second, first))) == [first.pod.name, second.pod.name]


def test_a_stale_count_is_no_count():
    """A worker that was idle eleven seconds ago may hold a call now."""
    stale = a_worker("a-stale", sessions=0, report_age=timedelta(seconds=11))

    assert names(order_victims(workers(stale, BUSY_LATELY))) == ["busy-lately", "a-stale"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(
            a_worker("b", sessions=3, cordoned_for=MINUTE),
            a_worker("a", sessions=1, cordoned_for=MINUTE),
            id="the-busiest-stays-longest-anyway",
        ),
        pytest.param(
            a_worker("b", cordoned_for=MINUTE),
            a_worker("a", cordoned_for=5 * MINUTE),
            id="the-one-cordoned-last",
        ),
        pytest.param(
            a_worker("b", cordoned_for=MINUTE),
            a_worker("a", sessions=9, cordoned_for=MINUTE, is_ready=False),
            id="one-that-can-serve-at-once",
        ),
        pytest.param(
            a_worker("b", cordoned_for=MINUTE),
            a_worker("a", sessions=9, cordoned_for=MINUTE, is_marked=True),
            id="whoever-was-already-called-back",
        ),
    ],
)
def test_the_worker_most_worth_keeping_comes_back_first(first: Seen, second: Seen):
    """A recalled worker serves at once; the right one saves a pod start."""
    assert names(order_recalls(workers(second, first))) == [first.pod.name, second.pod.name]
