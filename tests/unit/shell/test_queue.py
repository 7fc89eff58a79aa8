"""The work queue: one fleet, one place, one worker."""

import asyncio
from datetime import timedelta

import pytest

from support.fakes import FakeClock
from voicefleet.adapters.clock import SystemClock
from voicefleet.manifests import ObjectKey
from voicefleet.shell.queue import DEBOUNCE_SECONDS, Urgency, WorkQueue

FLEET = ObjectKey("VoiceFleet", "voice", "interviews")
OTHER = ObjectKey("VoiceFleet", "voice", "screening")


class Waiting:
    """A queue and its clock."""

    def __init__(self, jitter: float = 1.0) -> None:
        self.clock = FakeClock()
        self.queue = WorkQueue(self.clock, jitter=lambda: jitter)

    def meet(self, *keys: ObjectKey) -> None:
        """Let fleets have had their first cycles."""
        for key in keys:
            self.queue.add(key)
            self.clock.advance(timedelta(seconds=1))
            self.queue.done(self.queue.take() or key)

    def after(self, seconds: float) -> ObjectKey | None:
        """Let time pass and return what is due then."""
        self.clock.advance(timedelta(seconds=seconds))
        return self.queue.take()


def test_a_burst_of_events_is_one_cycle():
    """Applying one fleet answers with twenty watch events; they are one reason to look."""
    waiting = Waiting()
    for _ in range(20):
        waiting.queue.add(FLEET)

    taken = [waiting.after(DEBOUNCE_SECONDS), waiting.queue.take()]

    assert taken == [FLEET, None]


def test_an_event_waits_until_its_burst_is_over():
    """A cycle at the first event of a burst would see half of what happened."""
    waiting = Waiting()
    waiting.queue.add(FLEET)

    taken = [waiting.queue.take(), waiting.after(DEBOUNCE_SECONDS / 2), waiting.after(1)]

    assert taken == [None, None, FLEET]


def test_a_stream_of_events_cannot_put_a_cycle_off():
    """A fleet whose pods change all the time has to be looked after too."""
    waiting = Waiting()
    taken = []
    for _ in range(10):
        waiting.queue.add(FLEET)
        taken.append(waiting.after(DEBOUNCE_SECONDS / 5))

    assert FLEET in taken


def test_a_fleet_is_never_in_two_workers_at_once():
    """Two cycles of one fleet would plan on each other's half-written state."""
    waiting = Waiting()
    waiting.queue.add(FLEET)
    waiting.after(1)
    waiting.queue.add(FLEET)

    taken = waiting.after(60)

    assert taken is None


def test_what_happens_during_a_cycle_leads_to_another_one():
    """The running cycle has observed already; only the next one can see it."""
    waiting = Waiting()
    waiting.queue.add(FLEET)
    waiting.after(1)
    waiting.queue.add(FLEET)
    waiting.queue.add(FLEET)

    waiting.queue.done(FLEET)

    assert [waiting.after(1), waiting.after(1)] == [FLEET, None]


def test_two_fleets_run_side_by_side():
    """Only the same fleet is kept apart."""
    waiting = Waiting()
    waiting.queue.add(FLEET)
    waiting.queue.add(OTHER)

    assert {waiting.after(1), waiting.queue.take()} == {FLEET, OTHER}


def test_a_fleet_that_was_never_looked_at_goes_before_all_others():
    """A start with a thousand fleets: the last must not wait for what the others' writes bring."""
    waiting = Waiting()
    waiting.meet(FLEET)
    waiting.queue.add(FLEET)
    waiting.queue.add(OTHER, urgency=Urgency.RESYNC)

    taken = [waiting.after(1), waiting.queue.take()]

    assert taken == [OTHER, FLEET]


def test_a_fleet_of_a_name_that_was_dropped_is_a_new_one():
    """Deleted and made again by its author, who waits for it."""
    waiting = Waiting()
    waiting.meet(FLEET, OTHER)
    waiting.queue.drop(OTHER)
    waiting.queue.add(FLEET)
    waiting.queue.add(OTHER)

    taken = [waiting.after(1), waiting.queue.take()]

    assert taken == [OTHER, FLEET]


def test_it_says_whether_a_fleet_waits_for_its_first_cycle():
    """What can be told later is told later then."""
    waiting = Waiting()
    waiting.meet(FLEET)
    waiting.queue.add(FLEET)
    waiting.queue.add(OTHER)
    waiting.clock.advance(timedelta(seconds=1))

    both = waiting.queue.is_meeting
    first = waiting.queue.take()

    assert (both, first, waiting.queue.is_meeting) == (True, OTHER, False)
    assert waiting.queue.take() == FLEET


def test_a_fleet_whose_place_is_out_of_date_is_not_waited_for():
    """It was asked for again, for an earlier time: it has one place, not two."""
    waiting = Waiting()
    waiting.queue.add(FLEET, urgency=Urgency.RESYNC)
    waiting.clock.advance(timedelta(seconds=1))
    depth = waiting.queue.depth
    waiting.queue.add(FLEET, after_seconds=0)

    assert (depth, waiting.queue.is_meeting, waiting.queue.take()) == (1, True, FLEET)
    assert not waiting.queue.is_meeting


def test_a_change_goes_before_a_resync():
    """A user who waits in front of kubectl matters more than a routine look."""
    waiting = Waiting()
    waiting.meet(FLEET, OTHER)
    waiting.queue.add(OTHER, urgency=Urgency.RESYNC)
    waiting.after(0.01)
    waiting.queue.add(FLEET)

    taken = [waiting.after(1), waiting.queue.take()]

    assert taken == [FLEET, OTHER]


def test_a_change_of_a_fleet_that_waits_for_its_resync_makes_it_urgent():
    """It keeps its one place in the queue, but a better one."""
    waiting = Waiting()
    waiting.meet(FLEET, OTHER)
    waiting.queue.add(OTHER, urgency=Urgency.RESYNC)
    waiting.queue.add(FLEET, urgency=Urgency.RESYNC)
    waiting.queue.add(FLEET)

    taken = [waiting.after(1), waiting.queue.take(), waiting.queue.take()]

    assert taken == [FLEET, OTHER, None]


def test_the_earlier_of_two_times_counts():
    """A fleet that was to be looked at in a minute must not sleep through a change."""
    waiting = Waiting()
    waiting.queue.add(FLEET, after_seconds=60)
    waiting.queue.add(FLEET)

    taken = [waiting.after(1), waiting.queue.done(FLEET), waiting.after(120)]

    assert taken == [FLEET, None, None]


def test_pauses_after_failures_double_up_to_a_minute():
    """A fleet that keeps failing must cost less and less, and be noticed when it heals."""
    waiting = Waiting()

    pauses = [waiting.queue.retry(FLEET) for _ in range(12)]

    assert pauses[:4] == pytest.approx([0.2, 0.4, 0.8, 1.6])
    assert pauses[-2:] == [60, 60]


def test_jitter_takes_up_to_half_of_a_pause_away():
    """A thousand fleets that failed together must not come back together."""
    assert Waiting(jitter=0.0).queue.retry(FLEET) == pytest.approx(0.1)


def test_success_starts_the_pauses_anew():
    """One good cycle says that the reason is gone."""
    waiting = Waiting()
    for _ in range(8):
        waiting.queue.retry(FLEET)

    waiting.queue.forget(FLEET)

    assert waiting.queue.retry(FLEET) == pytest.approx(0.2)


def test_depth_and_age_tell_of_fleets_that_are_due():
    """The liveness probe restarts an operator whose queue does not move; naps do not count."""
    waiting = Waiting()
    waiting.queue.add(FLEET, after_seconds=0)
    waiting.queue.add(OTHER, after_seconds=600)
    waiting.clock.advance(timedelta(seconds=30))

    seen = (waiting.queue.depth, waiting.queue.oldest_age_seconds)

    assert seen == (1, 30)


def test_a_running_cycle_shows_how_long_it_takes():
    """A cycle that hangs holds its fleet for ever, and the probe has to see it."""
    waiting = Waiting()
    waiting.queue.add(FLEET)
    waiting.after(1)
    waiting.clock.advance(timedelta(seconds=45))

    assert waiting.queue.longest_cycle_seconds == 45


async def test_a_waiting_worker_wakes_up_for_a_new_fleet():
    """Nobody polls: a quiet operator costs nothing."""
    queue = WorkQueue(SystemClock(), jitter=lambda: 1.0, debounce_seconds=0.01)
    waiter = asyncio.create_task(queue.get())
    await asyncio.sleep(0)

    queue.add(FLEET)

    assert await asyncio.wait_for(waiter, 5) == FLEET


async def test_a_waiting_worker_wakes_up_when_a_delay_is_over():
    """Settle times and backoffs end by themselves; no event tells of it."""
    queue = WorkQueue(SystemClock(), jitter=lambda: 1.0)
    queue.add(FLEET, after_seconds=0.05)

    assert await asyncio.wait_for(queue.get(), 5) == FLEET
