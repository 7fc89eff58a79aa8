"""Events are told behind the cycles: in order, without making anybody wait."""

import asyncio
import logging

import pytest

from support.fakes import FakeRecorder
from support.worlds import eventually
from voicefleet.adapters.event_queue import WAITING_MAX, QueuedRecorder
from voicefleet.api.reasons import Reason
from voicefleet.manifests import Manifest

REASON = next(iter(Reason))
FLEET: Manifest = {"metadata": {"name": "interviews", "namespace": "calls", "uid": "uid-1"}}


class SlowRecorder(FakeRecorder):
    """Writes only once it is allowed to."""

    def __init__(self) -> None:
        super().__init__()
        self.may_write = asyncio.Event()

    async def record(self, fleet: Manifest, *, reason: Reason, note: str, is_warning: bool) -> None:
        """Do what the protocol says, later."""
        await self.may_write.wait()
        await super().record(fleet, reason=reason, note=note, is_warning=is_warning)


class BreakingRecorder(FakeRecorder):
    """Has a fault that one note brings to light."""

    def __init__(self, breaks_over: str) -> None:
        super().__init__()
        self._breaks_over = breaks_over

    async def record(self, fleet: Manifest, *, reason: Reason, note: str, is_warning: bool) -> None:
        """Break over the one note, and keep every other one."""
        if note == self._breaks_over:
            raise KeyError("a field that nobody expected to be missing")
        await super().record(fleet, reason=reason, note=note, is_warning=is_warning)


async def tell(recorder: QueuedRecorder, *notes: str) -> None:
    """Record these notes about the fleet."""
    for note in notes:
        await recorder.record(FLEET, reason=REASON, note=note, is_warning=False)


async def test_a_cycle_does_not_wait_for_its_event():
    """A busy API server takes seconds, and the next fleet has a decision to carry out."""
    slow = SlowRecorder()
    async with QueuedRecorder(slow) as recorder:
        async with asyncio.timeout(1):
            await tell(recorder, "2 → 6 workers", "6 → 8 workers")
        before = list(slow.events)
        slow.may_write.set()
        await eventually(lambda: len(slow.events) == 2)

    assert before == []
    assert [event.note for event in slow.events] == ["2 → 6 workers", "6 → 8 workers"]


async def test_what_was_told_last_is_written_before_the_end():
    """The next replica does not know what this one has decided."""
    writing = FakeRecorder()

    async with QueuedRecorder(writing) as recorder:
        await tell(recorder, "2 → 6 workers")

    assert [event.note for event in writing.events] == ["2 → 6 workers"]


async def test_an_event_that_cannot_be_written_does_not_hold_up_the_end(
    caplog: pytest.LogCaptureFixture,
):
    """Who stops has two seconds in all, and Events are the least of it."""
    caplog.set_level(logging.INFO)

    async with asyncio.timeout(2), QueuedRecorder(SlowRecorder()) as recorder:
        await tell(recorder, "one", "two")

    assert "Events were not written any more" in caplog.text


async def test_one_event_that_breaks_the_writer_does_not_silence_the_others(
    caplog: pytest.LogCaptureFixture,
):
    """A lane ended by a fault of ours would leave a quarter of the fleets without a word."""
    breaking = BreakingRecorder(breaks_over="2 → 6 workers")

    async with QueuedRecorder(breaking) as recorder:
        await tell(recorder, "2 → 6 workers", "6 → 8 workers")

    assert [event.note for event in breaking.events] == ["6 → 8 workers"]
    assert "was not written: 2 → 6 workers" in caplog.text


async def test_an_outage_fills_no_memory(caplog: pytest.LogCaptureFixture):
    """Thousands of fleets decide on while the API server takes nothing."""
    slow = SlowRecorder()
    async with QueuedRecorder(slow) as recorder:
        await tell(recorder, *map(str, range(WAITING_MAX + 5)))

    assert "left out, 1000 wait already" in caplog.text
