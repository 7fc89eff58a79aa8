"""Gives every fleet a cycle on the resync interval, although nothing seems to have changed.

It repairs what no watch told: Secrets that nobody may read, refusals whose cause went away,
and missed events. Fleets are spread over the interval, each at its own fixed moment, so that
1,000 of them are a trickle. Once per interval it is asked which fleets exist at all, because
a deletion between two watches is told to nobody. Started by `__main__`.
"""

import asyncio
import logging
import zlib
from collections.abc import Awaitable, Callable, Iterable

from voicefleet.errors import VoiceFleetError
from voicefleet.manifests import ObjectKey
from voicefleet.ports import Clock, Cluster
from voicefleet.shell.queue import Urgency, WorkQueue

logger = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]

TICK_SECONDS = 1.0
"""How often is looked for fleets whose moment has come."""


class Resync:
    """Finds the fleets whose moment has come.

    Args:
        cluster: Knows every fleet.
        clock: Measures the interval.
        queue: Gets each fleet that is due, behind those that changed.
        note_resync: Is told first, so that the cycle repeats also what cannot be observed.
        interval_seconds: Reads the configured interval, which may change while it runs.
        sleep: Waits between two looks.
    """

    def __init__(
        self,
        *,
        cluster: Cluster,
        clock: Clock,
        queue: WorkQueue,
        note_resync: Callable[[ObjectKey], None],
        interval_seconds: Callable[[], float],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._cluster = cluster
        self._clock = clock
        self._queue = queue
        self._note_resync = note_resync
        self._interval_seconds = interval_seconds
        self._sleep = sleep
        self._looked_at = self._listed_at = clock.monotonic()

    async def run(self) -> None:
        """Look forever."""
        while True:
            await self._sleep(TICK_SECONDS)
            self.look()
            await self.list_when_due()

    async def list_when_due(self) -> None:
        """Once per interval, let fleets go whose end nobody has told."""
        if self._clock.monotonic() - self._listed_at < self._interval_seconds():
            return
        self._listed_at = self._clock.monotonic()
        try:
            lost = await self._cluster.forget_lost_fleets()
        except VoiceFleetError as error:
            logger.debug("fleets could not be listed, the next resync tries again: %s", error)
            return
        for key in lost:
            logger.info("%s/%s is gone, which no watch has told", key.namespace, key.name)
            self._queue.add(key)

    def look(self) -> None:
        """Wake every fleet whose moment has come since the last look."""
        before, self._looked_at = self._looked_at, self._clock.monotonic()
        interval = self._interval_seconds()
        for key in find_due(
            self._cluster.fleet_keys(), interval, since=before, until=self._looked_at
        ):
            self._note_resync(key)
            self._queue.add(key, urgency=Urgency.RESYNC)


def find_due(
    keys: Iterable[ObjectKey], interval: float, *, since: float, until: float
) -> tuple[ObjectKey, ...]:
    """Return the fleets whose moment lies after `since` and not after `until`.

    A fleet's moments are `interval` apart, shifted by a fixed share of it that follows from
    its name: with 60 s and a share of 0.25 they are 15, 75, 135 …
    """
    return tuple(
        key
        for key in keys
        if (until - _shift(key, interval)) // interval > (since - _shift(key, interval)) // interval
    )


def _shift(key: ObjectKey, interval: float) -> float:
    return zlib.crc32(f"{key.namespace}/{key.name}".encode()) / 2**32 * interval
