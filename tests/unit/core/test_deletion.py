"""When a deleted fleet may be let go."""

from dataclasses import replace
from datetime import timedelta

import pytest

from support.builders import MINUTE, NOW, Seen, a_server_pod, a_worker, an_observation
from support.fleets import a_fleet, a_minimal_fleet
from voicefleet.core.deletion import Farewell, decide_farewell, find_holders
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Observed

GRACE = timedelta(minutes=66)


def decide(
    observed: Observed, *, deleted_for: timedelta = MINUTE, fleet: Fleet | None = None
) -> Farewell:
    """Decide about a fleet that was deleted so long ago."""
    deleted = replace(fleet or a_minimal_fleet(), deletion_requested_at=NOW - deleted_for)
    return decide_farewell(deleted, observed, NOW, grace=GRACE)


def test_a_fleet_without_pods_goes_at_once():
    """Nothing can hold a call."""
    assert decide(an_observation()).is_due


@pytest.mark.parametrize(
    ("seen", "holds"),
    [
        pytest.param(a_worker(sessions=1), True, id="a-call"),
        pytest.param(a_worker(), True, id="idle-but-it-takes-calls"),
        pytest.param(a_worker(sessions=None), True, id="never-answered"),
        pytest.param(a_worker(cordoned_for=MINUTE), False, id="confirmed-empty"),
        pytest.param(a_worker(is_running=False), False, id="no-container-runs"),
        pytest.param(a_worker(sessions=1, is_deleting=True), True, id="a-call-in-its-grace"),
        pytest.param(a_worker(is_deleting=True), False, id="idle-on-its-way-out"),
        pytest.param(a_server_pod("m", owner="m-1", rooms=1), True, id="a-room"),
        pytest.param(a_server_pod("m", owner="m-1"), False, id="no-room"),
        pytest.param(a_server_pod("m", owner="m-1", rooms=None), True, id="a-silent-server"),
    ],
)
def test_a_fleet_waits_for_whatever_may_hold_a_call(seen: Seen, holds: bool):
    """Its media servers, its speech and its Redis would go with it."""
    observed = an_observation(seen=(seen,))

    assert decide(observed).is_due is not holds


BUSY = an_observation(seen=(a_worker("w1", sessions=3),))


def test_waiting_says_for_whom_and_how_long_at_most():
    """`kubectl delete` hangs meanwhile, and somebody wonders why."""
    farewell = decide(BUSY, deleted_for=6 * MINUTE)

    assert "w1, 60 min at most" in farewell.because
    assert farewell.wake_after == 60 * MINUTE


def test_a_server_with_rooms_is_asked_again_soon():
    """Workers announce the end of their calls; nothing announces a server's last room."""
    farewell = decide(an_observation(seen=(a_server_pod("m", owner="m-1", rooms=1),)))

    assert farewell.wake_after == timedelta(seconds=10)


def test_patience_ends_with_the_longest_call():
    """A worker that never answers again must not make a fleet undeletable."""
    farewell = decide(BUSY, deleted_for=67 * MINUTE)

    assert farewell.is_due
    assert "1 pods may still hold calls" in farewell.because


def test_the_author_may_cut_the_calls():
    """`deletionPolicy: Now` is a decision, not an accident."""
    spec = {**a_minimal_fleet().spec.to_manifest(), "deletionPolicy": "Now"}

    assert decide(BUSY, fleet=a_fleet(spec)).is_due


def test_a_terminating_namespace_is_not_held_up():
    """Kubernetes deletes everything in it anyway; a finalizer would only block it for ever."""
    assert decide(replace(BUSY, is_namespace_terminating=True)).is_due


def test_holders_are_named_in_order():
    """The same picture gives the same sentence."""
    seen = (a_worker("b", sessions=1), a_worker("a", sessions=1))

    assert [pod.name for pod in find_holders(an_observation(seen=seen), NOW)] == ["a", "b"]
