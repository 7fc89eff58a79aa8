"""Which replica may write: the one that holds the Lease.

The holder renews every 2 s and stops writing by itself 7 s after its last success; others look
every second and take the Lease over 10 s after they last saw it change. Both measure with
their own monotonic clock, so no replica ever compares another machine's wall clock with its
own, and 3 s lie between the end of one leader and the start of the next. Started by
`__main__`; `shell/apply` asks before each write.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from voicefleet.errors import ConflictError, RefusedError, VoiceFleetError
from voicefleet.ports import Clock, LeaseRecord, LeaseStore

logger = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]

RELEASE_SECONDS = 1.0
"""How long giving the Lease back may take: a stopping replica has two seconds in all."""


@dataclass(frozen=True, slots=True)
class LeaseTimings:
    """The durations of leader election, in seconds."""

    duration: int = 10
    """Others may take over this long after the Lease last changed."""
    renew_deadline: float = 7.0
    """The holder stops writing this long after it last renewed."""
    retry: float = 2.0
    """Pause between two attempts to renew."""
    look: float = 1.0
    """Pause between two looks of a replica that waits. A leader that is told to stop finishes
    its writes for 0.8 s at most, so the next one leads within two seconds."""


class Leadership:
    """Takes, keeps and gives back one Lease.

    Args:
        store: The Lease on the server.
        clock: Monotonic for every decision; wall clock only for what people read in the Lease.
        identity: Unique among the replicas.
        jitter: Returns a number in 0..1 for each pause.
        timings: The durations.
        sleep: Waits; tests advance their clock instead.
    """

    def __init__(
        self,
        store: LeaseStore,
        clock: Clock,
        *,
        identity: str,
        jitter: Callable[[], float],
        timings: LeaseTimings | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._store = store
        self._clock = clock
        self._identity = identity
        self._jitter = jitter
        self._timings = timings or LeaseTimings()
        self._sleep = sleep
        self._seen: LeaseRecord | None = None
        self._seen_at = 0.0
        self._is_held = False
        self._renewed_at = 0.0
        self._asked_at = 0.0

    def may_write(self) -> bool:
        """Say whether this replica certainly is the only leader at this moment."""
        return self._is_held and self._rest_seconds() > 0

    async def acquire(self) -> None:
        """Wait until the Lease is ours."""
        while not await self._try():
            await self._sleep(self._shortened(self._timings.look))

    async def keep(self) -> str:
        """Renew the Lease until it is lost; returns the sentence that says why."""
        while True:
            # Counted from the last question: where each answer takes seconds, the next question
            # follows at once. And never past the deadline, which a leader has to notice in time.
            due_at = self._asked_at + self._shortened(self._timings.retry)
            pause = due_at - self._clock.monotonic()
            await self._sleep(max(0.0, min(pause, self._rest_seconds())))
            if self._is_held:
                await self._try()
            if not self._is_held:
                holder = self._seen.holder if self._seen else ""
                return f"the Lease belongs to {holder or 'nobody'} now"
            if self._rest_seconds() <= 0:
                self._is_held = False
                return f"the Lease was not renewed for {self._timings.renew_deadline:.0f} s"

    async def release(self) -> None:
        """Stop being leader and let another replica take over at once."""
        was_held, self._is_held = self._is_held, False
        if not was_held:
            return
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                await self._clear_holder()
        except (VoiceFleetError, TimeoutError) as error:
            logger.warning("the Lease was not given back, it runs out by itself: %s", error)

    async def attempt(self) -> bool:
        """Take or renew the Lease once; says whether it is ours now.

        Raises:
            ConflictError: Somebody wrote in between.
            UnavailableError: The server gave no answer, so nothing is known.
        """
        self._asked_at = asked_at = self._clock.monotonic()
        if await self._renew(asked_at):
            return True
        seen = await self._store.read()
        self._note(seen)
        if seen is not None and not self._is_free(seen):
            self._is_held = False
            return False
        await self._write(seen, asked_at)
        return True

    async def _renew(self, asked_at: float) -> bool:
        """Write the Lease as it was written last, without a look at it before.

        On a busy API server each request takes seconds, and two of them would be too many. If
        anything has happened to the Lease meanwhile, the version refuses the write.
        """
        if not self._is_held or self._seen is None:
            return False
        try:
            await self._write(self._seen, asked_at)
        except (ConflictError, RefusedError) as error:
            logger.debug("the Lease is not as we left it, looking at it: %s", error)
            return False
        return True

    async def _write(self, seen: LeaseRecord | None, asked_at: float) -> None:
        self._note(await self._store.write(self._claim(seen)))
        # Measured from before the question: the server may have answered late, never early.
        self._renewed_at = asked_at
        self._is_held = True

    async def _try(self) -> bool:
        """Attempt once; what goes wrong is no answer, and the next attempt comes soon."""
        limit = self._rest_seconds() if self._is_held else self._timings.renew_deadline
        try:
            async with asyncio.timeout(max(0.0, limit)):
                return await self.attempt()
        except ConflictError as error:
            logger.debug("another replica was quicker: %s", error)
        except (VoiceFleetError, TimeoutError) as error:
            told = str(error) or "no answer in time"
            logger.warning("the Lease could not be read or written: %s", told)
        return False

    def _is_free(self, seen: LeaseRecord) -> bool:
        if seen.holder in {"", self._identity}:
            return True
        return self._clock.monotonic() - self._seen_at >= seen.duration_seconds

    def _note(self, record: LeaseRecord | None) -> None:
        """Remember when the Lease was last seen to change, by our own clock."""
        if record != self._seen:
            self._seen, self._seen_at = record, self._clock.monotonic()

    def _claim(self, seen: LeaseRecord | None) -> LeaseRecord:
        before = seen.transitions if seen else 0
        is_new_holder = seen is not None and seen.holder != self._identity
        return LeaseRecord(
            holder=self._identity,
            renewed_at=self._clock.now(),
            duration_seconds=self._timings.duration,
            transitions=before + 1 if is_new_holder else before,
            resource_version=seen.resource_version if seen else "",
        )

    async def _clear_holder(self) -> None:
        seen = await self._store.read()
        if seen is None or seen.holder != self._identity:
            return
        free = LeaseRecord(
            holder="",
            renewed_at=self._clock.now(),
            duration_seconds=1,
            transitions=seen.transitions,
            resource_version=seen.resource_version,
        )
        self._note(await self._store.write(free))

    def _rest_seconds(self) -> float:
        return self._renewed_at + self._timings.renew_deadline - self._clock.monotonic()

    def _shortened(self, seconds: float) -> float:
        """Return a pause that is a little different for each replica."""
        return seconds * (0.8 + 0.2 * self._jitter())
