"""The look after a removal: who really went?"""

from dataclasses import replace

from support.fakes import NOW
from support.stand_ins import a_running
from voicefleet.manifests import ObjectKey
from voicefleet.model.observed import Observed, Pod, Tier, WorkerReport
from voicefleet.model.plan import ScaleChild
from voicefleet.shell.removals import VERIFY_SECONDS, note_removals, verify_removals

KEY = ObjectKey("ReplicaSet", "calls", "agents-0a1b2c3d")
REMOVAL = ScaleChild(KEY, replicas_from=3, replicas_to=2, because="one is empty")


def a_worker(number: int, *, is_deleting: bool = False) -> Pod:
    """Return a worker of the ReplicaSet that shrinks."""
    return replace(a_running(Tier.AGENTS, number), is_deleting=is_deleting)


def seen(*workers: Pod, **sessions: int) -> Observed:
    """Return a picture with these workers; keywords are sessions by pod UID with underscores."""
    reports = {
        uid.replace("_", "-"): WorkerReport(NOW, "0a1b2c3d", 8, count, 0, is_cordoned=True)
        for uid, count in sessions.items()
    }
    return Observed(pods=workers, workers=reports)


def test_an_empty_victim_is_what_was_wanted():
    """The usual case must count nothing."""
    removals = note_removals([REMOVAL], seen(a_worker(1)), now=0.0)

    wrong, _ = verify_removals(removals, seen(a_worker(1, is_deleting=True), uid_agents_1=0), 1.0)

    assert wrong == ()


def test_a_busy_victim_is_named_once():
    """A call was cut: the number must say so, and not grow with every look."""
    removals = note_removals([REMOVAL], seen(a_worker(1)), now=0.0)
    after = seen(a_worker(1, is_deleting=True), uid_agents_1=2)
    first, left = verify_removals(removals, after, 1.0)

    second, _ = verify_removals(left, after, 2.0)

    assert ([pod.name for pod in first], second) == (["agents-1"], ())


def test_a_pod_that_was_leaving_before_is_no_victim_of_ours():
    """Somebody else deleted it; our removal took another one."""
    leaving = a_worker(1, is_deleting=True)
    removals = note_removals([REMOVAL], seen(leaving), now=0.0)

    wrong, _ = verify_removals(removals, seen(leaving, uid_agents_1=1), 1.0)

    assert wrong == ()


def test_a_pod_that_goes_much_later_has_another_reason():
    """A node drain in the evening is not this morning's removal."""
    removals = note_removals([REMOVAL], seen(a_worker(1)), now=0.0)

    _, left = verify_removals(removals, seen(a_worker(1)), VERIFY_SECONDS + 1)

    assert left == ()


def test_growing_is_nothing_to_verify():
    """Only a lower count takes pods away."""
    growth = ScaleChild(KEY, replicas_from=2, replicas_to=3, because="more are wanted")

    assert note_removals([growth], seen(), now=0.0) == ()
