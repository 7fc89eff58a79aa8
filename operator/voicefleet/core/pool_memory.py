"""What has to be known of a speech pool's past: since when things are as they are.

Everything is kept as the time at which it began, so that missed cycles count nothing twice
and nothing too little. Lost or unreadable memory makes everything begin now, which changes
nothing at first. Called by `core/speech_size`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from voicefleet.core.stored import read_whole

QUEUE_GAP_SECONDS = 180
"""Requests that were seen waiting longer ago than this have nothing to do with those of now."""


@dataclass(frozen=True, slots=True)
class PoolMemory:
    """Times in whole seconds since 1970; None where something is not so."""

    settled: tuple[int, int] | None = None
    """Since when all replicas have been ready, and how many they are."""
    waiting: tuple[int, int] | None = None
    """When requests were first and last seen waiting, without a look in between that saw none."""
    slow: tuple[int, int] | None = None
    """Number of the last slow window of the pool's stage, and how many in a row they are."""
    unused_since: int | None = None
    """Since when there has certainly been no call."""

    def to_json(self) -> dict[str, Any]:
        """Return the form that memory keeps; what is not so is left out."""
        pairs = {"settled": self.settled, "waiting": self.waiting, "slow": self.slow}
        stored: dict[str, Any] = {
            name: list(pair) for name, pair in pairs.items() if pair is not None
        }
        if self.unused_since is not None:
            stored["unusedSince"] = self.unused_since
        return stored


def read_pool_memory(stored: object, at: int) -> PoolMemory:
    """Return what was remembered; a time that has not come yet was another clock's."""
    if not isinstance(stored, Mapping):
        return PoolMemory()
    settled, waiting, slow = (_read_pair(stored.get(n)) for n in ("settled", "waiting", "slow"))
    unused = read_whole(stored.get("unusedSince"))
    return PoolMemory(
        settled if settled is not None and settled[0] <= at else None,
        waiting if waiting is not None and waiting[0] <= waiting[1] <= at else None,
        slow,
        unused if unused is not None and unused <= at else None,
    )


def note_settled(memory: PoolMemory, count: int | None, at: int) -> tuple[int, int] | None:
    """Return since when the pool has had this size; `count` is None while it changes."""
    if count is None:
        return None
    known = memory.settled
    return known if known is not None and known[1] == count else (at, count)


def note_waiting(
    memory: PoolMemory, seen_at: int | None, *, is_over: bool
) -> tuple[int, int] | None:
    """Return since when requests wait; a look that brought nothing changes nothing."""
    known = memory.waiting
    if seen_at is None:
        return known
    if not is_over:
        return None
    if known is None or seen_at - known[1] > QUEUE_GAP_SECONDS:
        return seen_at, seen_at
    return known[0], max(known[1], seen_at)


def note_slow(memory: PoolMemory, window: int | None, *, is_slow: bool) -> tuple[int, int] | None:
    """Return the row of slow windows; each window counts once, and a gap begins a new row."""
    known = memory.slow
    if window is None:
        return known
    if not is_slow:
        return None
    if known is None or not 0 <= window - known[0] <= 1:
        return window, 1
    return known if window == known[0] else (window, known[1] + 1)


def _read_pair(stored: object) -> tuple[int, int] | None:
    if not isinstance(stored, list | tuple) or len(stored) != 2:  # noqa: PLR2004 - a pair
        return None
    first, second = read_whole(stored[0]), read_whole(stored[1])
    return None if first is None or second is None else (first, second)
