"""The work queue: which fleet gets a cycle next. A key is never in two workers at once.

A fleet that changes a hundred times while it waits, or while its cycle runs, gets one more
cycle and not a hundred. kopf has no such queue: it processes every event by itself.
Fed by `handlers`, the informers and `shell/resync`; drained by
`shell/reconcile`.
"""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from voicefleet.manifests import ObjectKey
from voicefleet.ports import Clock

DEBOUNCE_SECONDS = 0.05
"""Wait after the first event of a burst. Applying a fleet answers with about 20 watch events
within 30 ms on a local API server; they are one reason to look again, not 20."""

BACKOFF_FIRST_SECONDS = 0.2
"""Pause after the first failure of a fleet; it doubles with each further one."""
BACKOFF_SECONDS_MAX = 60.0
"""Longest pause: an outage of any length is noticed to be over within a minute."""


class Urgency(IntEnum):
    """Who goes first among the fleets that are due; lower goes first."""

    FIRST = 0
    """It has had no cycle yet. An operator that starts looks at every fleet once before it looks
    at any a second time: what the first thousand's writes bring about would else come in between,
    and the last fleet waited for four cycles of each before it."""
    CHANGE = 1
    RESYNC = 2


@dataclass(frozen=True, slots=True)
class _Wish:
    """That a fleet gets a cycle, not before `due_at` (monotonic seconds)."""

    due_at: float
    urgency: Urgency

    def joined(self, other: "_Wish | None") -> "_Wish":
        """Return the one wish that serves both: the earlier time, the greater urgency."""
        if other is None:
            return self
        return _Wish(min(self.due_at, other.due_at), min(self.urgency, other.urgency))


class WorkQueue:
    """A deduplicating queue of fleets with delay, priority and backoff per fleet.

    Args:
        clock: Tells monotonic seconds.
        jitter: Returns a number in 0..1 for each backoff, so that fleets do not retry in step.
        debounce_seconds: Wait after the first event of a burst.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        jitter: Callable[[], float],
        debounce_seconds: float = DEBOUNCE_SECONDS,
    ) -> None:
        self._clock = clock
        self._jitter = jitter
        self._debounce_seconds = debounce_seconds
        self._wishes: dict[ObjectKey, tuple[_Wish, int]] = {}
        self._ready_keys: set[ObjectKey] = set()
        self._later: list[tuple[float, int, ObjectKey]] = []
        self._ready: list[tuple[Urgency, int, ObjectKey]] = []
        self._started: dict[ObjectKey, float] = {}
        self._again: dict[ObjectKey, _Wish] = {}
        self._failures: dict[ObjectKey, int] = {}
        self._met: set[ObjectKey] = set()
        """Fleets that have had a cycle."""
        self._ticket = 0
        self._news = asyncio.Event()

    def add(
        self,
        key: ObjectKey,
        *,
        urgency: Urgency = Urgency.CHANGE,
        after_seconds: float | None = None,
    ) -> None:
        """Ask for a cycle, by default as soon as the burst of events is over.

        A fleet that waits already keeps one place: the earlier time and the greater urgency
        win. One whose cycle runs is queued again when that cycle is done.
        """
        pause = self._debounce_seconds if after_seconds is None else after_seconds
        wish = _Wish(self._clock.monotonic() + pause, urgency)
        if key in self._started:
            self._again[key] = wish.joined(self._again.get(key))
        else:
            self._schedule(key, wish)

    def retry(self, key: ObjectKey) -> float:
        """Ask for a cycle after this fleet's backoff; returns the pause in seconds.

        The pauses are 0.2, 0.4, 0.8 … 60 s, each times a jitter of 0.5 to 1.
        """
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        # 2**9 * 0.2 s is past the maximum; a larger exponent would only overflow some day.
        longest = min(BACKOFF_FIRST_SECONDS * 2.0 ** min(failures, 9), BACKOFF_SECONDS_MAX)
        pause = longest * (0.5 + self._jitter() / 2)
        self.add(key, after_seconds=pause)
        return pause

    def forget(self, key: ObjectKey) -> None:
        """Start the fleet's backoff anew: its cycle went well."""
        self._failures.pop(key, None)

    def drop(self, key: ObjectKey) -> None:
        """Keep nothing about a fleet that is gone; another one of its name is a new one."""
        self._failures.pop(key, None)
        self._met.discard(key)

    def failures(self, key: ObjectKey) -> int:
        """Return how often in a row the fleet asked for a retry."""
        return self._failures.get(key, 0)

    def take(self) -> ObjectKey | None:
        """Return the next fleet that is due and mark its cycle as running, or None."""
        now = self._clock.monotonic()
        self._promote(now)
        while self._ready:
            _, ticket, key = heapq.heappop(self._ready)
            if self._holds(key, ticket):
                del self._wishes[key]
                self._ready_keys.discard(key)
                self._started[key] = now
                self._met.add(key)
                return key
        return None

    async def get(self) -> ObjectKey:
        """Wait for the next fleet that is due and mark its cycle as running."""
        while True:
            key = self.take()
            if key is not None:
                return key
            await self._wait_for_work()

    def done(self, key: ObjectKey) -> None:
        """Say that the fleet's cycle has ended; what came meanwhile is queued now."""
        self._started.pop(key, None)
        wish = self._again.pop(key, None)
        if wish is not None:
            self._schedule(key, wish)

    @property
    def depth(self) -> int:
        """Fleets that are due and wait for a worker."""
        self._promote(self._clock.monotonic())
        return len(self._ready_keys)

    @property
    def is_meeting(self) -> bool:
        """Whether a fleet waits for its first cycle, as all do when an operator starts."""
        self._promote(self._clock.monotonic())
        while self._ready and not self._holds(self._ready[0][2], self._ready[0][1]):
            heapq.heappop(self._ready)
        return bool(self._ready) and self._ready[0][0] is Urgency.FIRST

    @property
    def oldest_age_seconds(self) -> float:
        """How long the fleet that has waited longest has been due; 0 when none waits."""
        now = self._clock.monotonic()
        self._promote(now)
        return max((now - self._wishes[key][0].due_at for key in self._ready_keys), default=0.0)

    @property
    def longest_cycle_seconds(self) -> float:
        """How long the longest of the running cycles has taken so far."""
        now = self._clock.monotonic()
        return max((now - started for started in self._started.values()), default=0.0)

    def _schedule(self, key: ObjectKey, wish: _Wish) -> None:
        before = self._wishes.get(key)
        joined = wish.joined(before[0] if before else None)
        if before and joined == before[0]:
            return
        self._ticket += 1
        self._wishes[key] = (joined, self._ticket)
        self._ready_keys.discard(key)
        heapq.heappush(self._later, (joined.due_at, self._ticket, key))
        self._news.set()

    def _promote(self, now: float) -> None:
        """Move every fleet that has become due to where workers take from."""
        while self._later and self._later[0][0] <= now:
            _, ticket, key = heapq.heappop(self._later)
            if self._holds(key, ticket):
                self._ready_keys.add(key)
                urgency = self._wishes[key][0].urgency if key in self._met else Urgency.FIRST
                heapq.heappush(self._ready, (urgency, ticket, key))

    def _holds(self, key: ObjectKey, ticket: int) -> bool:
        """Say whether a place in a heap is still the fleet's only one."""
        return key in self._wishes and self._wishes[key][1] == ticket

    async def _wait_for_work(self) -> None:
        self._news.clear()
        due_in = self._later[0][0] - self._clock.monotonic() if self._later else None
        try:
            async with asyncio.timeout(due_in):
                await self._news.wait()
        except TimeoutError:
            return
