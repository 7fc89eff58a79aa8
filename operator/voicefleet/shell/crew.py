"""The workers that take fleets from the queue, one cycle at a time each.

They run only while this replica leads. On a graceful stop a cycle in progress may finish its
current writes; one that takes too long is cancelled, which is safe because every write can be
repeated. Started by `__main__`.
"""

import asyncio
from collections.abc import Awaitable, Callable

from voicefleet.manifests import ObjectKey
from voicefleet.shell.meter import Meter
from voicefleet.shell.queue import WorkQueue

CREW_SIZE = 16
"""A cycle waits for the API server for six sevenths of its time. With a change in each of 1,000
fleets eight at once had eight requests under way and took 96 s on a busy machine; 32
connections carry more. A fleet that is built anew writes eight objects at once, so not 32."""


class Crew:
    """A fixed number of tasks, each running one fleet's cycle after the other.

    Args:
        queue: Where fleets wait.
        reconcile: Runs one cycle; it never raises.
        meter: Is told the queue's depth.
        size: How many cycles may run at once.
    """

    def __init__(
        self,
        queue: WorkQueue,
        reconcile: Callable[[ObjectKey], Awaitable[None]],
        meter: Meter,
        *,
        size: int = CREW_SIZE,
    ) -> None:
        self._queue = queue
        self._reconcile = reconcile
        self._meter = meter
        self._size = size
        self._busy: set[int] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stopping = False

    async def run(self) -> None:
        """Work until stopped."""
        async with asyncio.TaskGroup() as group:
            self._tasks = [
                group.create_task(self._work(number), name=f"cycle {number}")
                for number in range(self._size)
            ]

    async def stop(self, patience_seconds: float) -> None:
        """Take no more fleets, and give cycles in progress this long to end."""
        self._is_stopping = True
        for number, task in enumerate(self._tasks):
            if number not in self._busy:
                task.cancel()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience_seconds)
            for task in late:
                task.cancel()

    async def _work(self, number: int) -> None:
        while not self._is_stopping:
            key = await self._queue.get()
            self._busy.add(number)
            try:
                await self._reconcile(key)
            finally:
                self._queue.done(key)
                self._busy.discard(number)
                self._meter.set_queue_depth(self._queue.depth)
