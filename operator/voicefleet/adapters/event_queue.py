"""Events behind the cycles: what is to be told is queued, and written in a few lanes.

An Event is worth no cycle's time. Told from within, each made its fleet wait for one more
answer of the API server, and on a busy one that was a third of a decision. A fleet keeps to one
lane, so what was told of it first is written first. Wired by `handlers/parts`.
"""

import asyncio
import logging
import zlib
from dataclasses import dataclass
from typing import Self

from voicefleet.api.reasons import Reason
from voicefleet.manifests import Manifest
from voicefleet.ports import Recorder

logger = logging.getLogger(__name__)

LANES = 4
"""Events written at the same time. In one lane 1,000 decisions of a minute were told for two; more
lanes would take connections from decisions."""

WAITING_MAX = 1000
"""Events that may wait in a lane. Each fleet's allowance is some dozens, so this many wait only
while the API server takes none; the log has every sentence anyway."""

FAREWELL_SECONDS = 0.4
"""How long the last Events may take when we stop; a stopping replica has two seconds in all."""


@dataclass(frozen=True, slots=True)
class _Told:
    """One Event to be written."""

    fleet: Manifest
    reason: Reason
    note: str
    is_warning: bool


class QueuedRecorder:
    """Implements `ports.Recorder`; use it as an async context manager.

    Args:
        recorder: Writes the Events.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._lanes = tuple(asyncio.Queue[_Told](WAITING_MAX) for _ in range(LANES))

    async def __aenter__(self) -> Self:
        """Begin to write."""
        self._tasks = [
            asyncio.create_task(self._write_forever(lane), name=f"events {number}")
            for number, lane in enumerate(self._lanes)
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Write what still waits, if that is a matter of moments."""
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await asyncio.gather(*(lane.join() for lane in self._lanes))
        except TimeoutError:
            waiting = sum(lane.qsize() for lane in self._lanes)
            logger.info("%d Events were not written any more", waiting)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def record(self, fleet: Manifest, *, reason: Reason, note: str, is_warning: bool) -> None:
        """Queue one Event about a fleet; neither waits nor raises."""
        lane = self._lanes[zlib.crc32(str(fleet["metadata"]["uid"]).encode()) % LANES]
        try:
            lane.put_nowait(_Told(fleet, reason, note, is_warning))
        except asyncio.QueueFull:
            name = fleet["metadata"]["name"]
            logger.warning(
                "Event %s of %s left out, %d wait already: %s", reason, name, WAITING_MAX, note
            )

    async def _write_forever(self, lane: asyncio.Queue[_Told]) -> None:
        while True:
            told = await lane.get()
            try:
                await self._recorder.record(
                    told.fleet, reason=told.reason, note=told.note, is_warning=told.is_warning
                )
            except Exception:
                # One of two catch-alls (the other is in `shell/reconcile`): a fault of ours over
                # one Event must not silence all that wait behind it.
                logger.exception("Event %s was not written: %s", told.reason, told.note)
            finally:
                lane.task_done()
