"""The Lease: never two leaders, and none for as short as possible."""

import asyncio
import math
import time
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.fakes import FakeClock, FakeLeaseStore
from voicefleet.adapters.clock import SystemClock
from voicefleet.ports import LeaseRecord
from voicefleet.shell.leadership import Leadership, LeaseTimings

SECONDS_IN_A_MINUTE = 60


class Replicas:
    """Replicas that share one Lease; each has a clock of its own that starts anywhere."""

    def __init__(self, *identities: str) -> None:
        self.store = FakeLeaseStore()
        self.clocks = {name: FakeClock() for name in identities}
        for number, clock in enumerate(self.clocks.values()):
            clock.advance(timedelta(seconds=1000 * number))
        self.electors = {
            name: Leadership(
                self.store,
                clock,
                identity=name,
                jitter=lambda: 1.0,
                sleep=self._sleeper(name),
            )
            for name, clock in self.clocks.items()
        }
        self.end_outage_after = math.inf

    def _sleeper(self, name: str):
        async def sleep(seconds: float) -> None:
            self.pass_seconds(seconds)
            if self.clocks[name].monotonic() >= self.end_outage_after:
                self.store.is_down = False
            await asyncio.sleep(0)

        return sleep

    def __getitem__(self, name: str) -> Leadership:
        return self.electors[name]

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass for everybody."""
        for clock in self.clocks.values():
            clock.advance(timedelta(seconds=seconds))

    @property
    def leaders(self) -> list[str]:
        """Who may write now."""
        return [name for name, elector in self.electors.items() if elector.may_write()]


async def test_the_first_replica_takes_a_lease_that_does_not_exist():
    """A fresh installation has no Lease; somebody has to make it."""
    replicas = Replicas("a")

    await replicas["a"].acquire()

    record = await replicas.store.read()
    assert replicas.leaders == ["a"]
    assert record is not None
    assert (record.holder, record.duration_seconds, record.transitions) == ("a", 10, 0)


async def test_a_leader_renews_with_one_request():
    """A busy API server takes seconds for each, and there are seven of them."""
    replicas = Replicas("a")
    await replicas["a"].acquire()
    replicas.store.requests.clear()

    await replicas["a"].attempt()

    assert replicas.store.requests == ["write"]


async def test_a_leader_keeps_the_lease_on_a_server_that_takes_three_seconds():
    """An API server that builds 1,000 fleets took 2.4 s; another start would make it slower."""
    replicas = Replicas("a")
    await replicas["a"].acquire()
    replicas.store.requests.clear()

    def take_three_seconds() -> None:
        replicas.pass_seconds(3.0)
        replicas.store.is_down = replicas.clocks["a"].monotonic() > SECONDS_IN_A_MINUTE

    replicas.store.before_write = take_three_seconds

    await replicas["a"].keep()

    assert replicas.store.requests.count("write") >= SECONDS_IN_A_MINUTE / 3.0


async def test_a_lease_that_somebody_deleted_is_made_again_by_its_leader():
    """Nobody else has it, so nobody has to stop."""
    replicas = Replicas("a")
    await replicas["a"].acquire()
    replicas.store.remove()

    renewed = await replicas["a"].attempt()

    record = await replicas.store.read()
    assert (renewed, replicas.leaders) == (True, ["a"])
    assert record is not None
    assert record.holder == "a"


async def test_a_second_replica_stands_by():
    """Both run warm, one writes."""
    replicas = Replicas("a", "b")
    await replicas["a"].acquire()

    is_leader = await replicas["b"].attempt()

    assert (is_leader, replicas.leaders) == (False, ["a"])


async def test_the_old_leader_stops_writing_before_the_new_one_can_start():
    """A frozen process that wakes up must find itself without the right to write."""
    replicas = Replicas("a", "b")
    await replicas["a"].acquire()
    await replicas["b"].attempt()
    replicas.pass_seconds(6.9)
    before = replicas["a"].may_write()
    replicas.pass_seconds(0.1)

    after = replicas["a"].may_write()

    assert (before, after) == (True, False)


async def test_a_wall_clock_that_jumps_makes_no_leader():
    """Two machines never agree on the time; an hour's difference must change nothing."""
    replicas = Replicas("a", "b")
    await replicas["a"].acquire()
    await replicas["b"].attempt()
    replicas.clocks["b"].jump(timedelta(hours=1))

    is_leader = await replicas["b"].attempt()

    assert (is_leader, replicas.leaders) == (False, ["a"])


@pytest.mark.parametrize(
    "skew_seconds", [0, -60, 60], ids=["same_clock", "a_minute_behind", "a_minute_ahead"]
)
async def test_a_leader_that_died_is_replaced_after_ten_seconds_whatever_its_clock(
    skew_seconds: int,
):
    """Nobody releases a killed process's Lease, and of the time in it only the change counts."""
    replicas = Replicas("a", "b")
    replicas.clocks["b"].jump(timedelta(seconds=skew_seconds))
    await replicas["a"].acquire()
    await replicas["b"].attempt()
    replicas.pass_seconds(9.9)
    too_early = await replicas["b"].attempt()
    replicas.pass_seconds(0.1)

    in_time = await replicas["b"].attempt()

    assert (too_early, in_time) == (False, True)


async def test_a_released_lease_is_noticed_within_a_second():
    """With the 0.8 s in which the old leader finishes its writes that is less than two."""
    replicas = Replicas("a", "b")
    await replicas["a"].acquire()
    waiting = asyncio.create_task(replicas["b"].acquire())
    for _ in range(5):
        await asyncio.sleep(0)
    await replicas["a"].release()
    released_at = replicas.clocks["b"].monotonic()

    await waiting

    assert replicas.clocks["b"].monotonic() - released_at <= 1
    assert replicas.leaders == ["b"]


async def test_a_renewed_lease_starts_the_wait_of_the_others_anew():
    """What counts is when the Lease was last seen to change, not when it was first seen."""
    replicas = Replicas("a", "b")
    await replicas["a"].acquire()
    await replicas["b"].attempt()
    replicas.pass_seconds(6)
    await replicas["a"].attempt()
    await replicas["b"].attempt()
    replicas.pass_seconds(6)

    assert not await replicas["b"].attempt()


async def test_a_released_lease_is_taken_at_once():
    """A rolling update of the operator must not leave fleets alone for ten seconds."""
    replicas = Replicas("a", "b")
    await replicas["a"].acquire()
    await replicas["b"].attempt()

    await replicas["a"].release()

    assert await replicas["b"].attempt()
    assert replicas.leaders == ["b"]


async def test_a_release_leaves_a_lease_of_somebody_else_alone():
    """A replica that lost the Lease long ago must not give away another's."""
    replicas = Replicas("a", "b")
    await replicas["a"].acquire()
    await replicas["b"].attempt()
    replicas.pass_seconds(10)
    await replicas["b"].attempt()

    await replicas["a"].release()

    record = await replicas.store.read()
    assert record is not None
    assert record.holder == "b"


async def test_a_short_outage_of_the_api_server_costs_no_leadership():
    """Every change of leader costs a start; two missed renewals are no reason."""
    replicas = Replicas("a")
    await replicas["a"].acquire()
    replicas.store.is_down = True
    replicas.end_outage_after = 6.0

    keeping = asyncio.create_task(replicas["a"].keep())
    for _ in range(200):
        await asyncio.sleep(0)
    leaders = replicas.leaders
    keeping.cancel()

    assert replicas.clocks["a"].monotonic() > 60
    assert leaders == ["a"]


async def test_a_leader_without_an_answer_gives_up_at_its_deadline():
    """After seven seconds without a renewal somebody else may be about to lead."""
    replicas = Replicas("a")
    await replicas["a"].acquire()
    replicas.store.is_down = True
    began = replicas.clocks["a"].monotonic()

    why = await replicas["a"].keep()

    assert replicas.clocks["a"].monotonic() - began == pytest.approx(7)
    assert "7 s" in why
    assert replicas.leaders == []


async def test_a_leader_that_was_overtaken_says_by_whom():
    """An SRE who reads why the operator restarted wants the other's name."""
    replicas = Replicas("a", "b")
    await replicas["a"].acquire()
    record = await replicas.store.read()
    assert record is not None
    stolen = LeaseRecord("b", None, 10, 1, record.resource_version)
    await replicas.store.write(stolen)

    why = await replicas["a"].keep()

    assert "belongs to b" in why
    assert replicas.leaders == []


async def test_a_leader_does_not_take_back_what_it_released():
    """The stopping process may still renew in the background for a moment."""
    replicas = Replicas("a")
    await replicas["a"].acquire()
    await replicas["a"].release()

    why = await replicas["a"].keep()

    record = await replicas.store.read()
    assert record is not None
    assert (record.holder, "nobody" in why) == ("", True)


@given(
    history=st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(0, 4), st.booleans(), st.integers(-60, 60)),
        min_size=1,
        max_size=60,
    )
)
async def test_there_are_never_two_leaders(history: list[tuple[str, float, bool, int]]):
    """Any order of attempts, pauses, outages and jumping clocks: at most one may write."""
    replicas = Replicas("a", "b", "c")
    most = 0
    for name, pause, is_down, jump in history:
        replicas.store.is_down = is_down
        replicas.clocks[name].jump(timedelta(seconds=jump))
        await replicas[name]._try()
        most = max(most, len(replicas.leaders))
        replicas.pass_seconds(pause)
        most = max(most, len(replicas.leaders))

    assert most <= 1


async def test_a_leader_whose_event_loop_is_held_up_again_and_again_keeps_the_lease():
    """Lists of thousands of pods are parsed on the loop that renews, half a second at a time.

    Everything is a tenth as long as in earnest: deadline 0.7 s, held up for 0.05 s of each 0.06.
    """
    store, clock = FakeLeaseStore(), SystemClock()
    timings = LeaseTimings(duration=1, renew_deadline=0.7, retry=0.2, look=0.1)
    elector = Leadership(store, clock, identity="a", jitter=lambda: 1.0, timings=timings)
    await elector.acquire()
    keeping = asyncio.create_task(elector.keep())
    led = []

    until = clock.monotonic() + 3 * timings.renew_deadline
    while clock.monotonic() < until:
        time.sleep(0.05)  # noqa: ASYNC251 - to hold the loop up is the point
        led.append(elector.may_write())
        await asyncio.sleep(0.01)

    assert all(led)
    assert not keeping.done()
    keeping.cancel()
