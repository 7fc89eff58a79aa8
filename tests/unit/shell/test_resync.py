"""The resync: every fleet once per interval, never all at once."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from support.cycles import Shell, a_fleet_body, fleet_key_of
from support.fakes import FakeCluster
from voicefleet.errors import UnavailableError
from voicefleet.manifests import ObjectKey
from voicefleet.shell.resync import Resync, find_due

FLEETS = [ObjectKey("VoiceFleet", "voice", f"fleet-{number}") for number in range(300)]


def a_resync(shell: Shell) -> Resync:
    """Return the resync of a shell, every minute."""
    return Resync(
        cluster=shell.cluster,
        clock=shell.clock,
        queue=shell.queue,
        note_resync=shell.reconciler.note_resync,
        interval_seconds=lambda: 60,
    )


@given(
    interval=st.integers(5, 600),
    ticks=st.lists(st.floats(0.2, 3.0), min_size=1, max_size=400),
)
def test_every_fleet_is_due_once_per_interval(interval: int, ticks: list[float]):
    """However uneven the looks are, no fleet is left out and none is looked at twice."""
    now, counts = 1000.0, 0
    for tick in ticks:
        counts += len(find_due(FLEETS[:1], interval, since=now, until=now + tick))
        now += tick
    rounds = (now - 1000.0) / interval

    assert rounds - 1 < counts < rounds + 1


def test_fleets_are_spread_over_the_interval():
    """A thousand fleets at once would be a burst for the API server every minute."""
    due = [len(find_due(FLEETS, 60, since=second, until=second + 1)) for second in range(60)]

    assert sum(due) == len(FLEETS)
    assert max(due) < len(FLEETS) / 10


async def test_a_resync_wakes_the_fleet_and_repeats_what_cannot_be_observed():
    """A deleted Secret and a refusal that has ended tell nobody."""
    shell = Shell()
    key = await shell.apply(a_fleet_body())
    resync = a_resync(shell)
    shell.clock.advance(timedelta(seconds=61))

    resync.look()

    shell.clock.advance(timedelta(seconds=1))
    assert shell.queue.take() == key == fleet_key_of()
    assert shell.reconciler._memories[key].is_resync_due


class Ghosts(FakeCluster):
    """A cluster whose watch has missed that a fleet was deleted."""

    def __init__(self, ghost: ObjectKey) -> None:
        super().__init__()
        self.ghost = ghost
        self.lists = 0

    async def forget_lost_fleets(self) -> tuple[ObjectKey, ...]:
        """Find the ghost."""
        self.lists += 1
        return (self.ghost,)


async def test_a_fleet_whose_deletion_nobody_told_is_let_go_once_per_interval():
    """Its children would be made again for ever, and removed again by the garbage collector."""
    shell = Shell(cluster=Ghosts(FLEETS[0]))
    resync = a_resync(shell)
    await resync.list_when_due()
    too_early = shell.cluster.lists
    shell.clock.advance(timedelta(seconds=61))

    await resync.list_when_due()
    await resync.list_when_due()

    shell.clock.advance(timedelta(seconds=1))
    assert (too_early, shell.cluster.lists) == (0, 1)
    assert shell.queue.take() == FLEETS[0]


async def test_a_list_that_fails_is_tried_at_the_next_resync():
    """The resync itself must not end with it."""
    shell = Shell()
    shell.cluster.fail_next("list", UnavailableError("no answer"))
    resync = a_resync(shell)
    shell.clock.advance(timedelta(seconds=61))

    await resync.list_when_due()

    assert shell.queue.take() is None
