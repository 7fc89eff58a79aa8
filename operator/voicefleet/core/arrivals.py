"""How often callers come, and how unevenly: sessions begun, counted by when they began.

Each worker tells when its running sessions began, so a session is counted in the quarter of a
minute of its beginning, in whatever cycle it is seen first, and once however often it is
seen. Called by `core/agents_size`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from operator import mul, sub
from typing import Any

from voicefleet.core.stored import read_whole

BIN_SECONDS = 15
"""Sessions that begin and end within one bin, between two looks, are missed: few."""

BINS_MAX = 360
"""90 minutes: long enough to see how uneven demand is, short enough to forget the morning."""

RECENT_BINS = 40
"""10 minutes, over which the rate of now is measured."""

KNOWN_AT_FIRST_SECONDS = 120
"""A first look knows nearly every session of the last two minutes: few are shorter."""

AHEAD_MAX = timedelta(seconds=15)
"""So far may a worker's clock be ahead of ours."""

COUNT_MAX = 100_000
"""Sessions begun in one bin, at most; more is no count of ours."""

WINDOWS_MIN = 8
"""Fewer windows say nothing about how uneven arrivals are."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Sessions begun per bin of 15 s, from bin number `first` on."""

    since: int | None = None
    """Bin from which on every beginning is known; None before the first look."""
    first: int = 0
    counts: tuple[int, ...] = ()

    def note(self, starts: Iterable[datetime], now: datetime) -> "Arrivals":
        """Return the same with the beginnings that are in sight now."""
        present = int(now.timestamp()) // BIN_SECONDS
        since = self.since
        if since is None or since > present:
            since = present - KNOWN_AT_FIRST_SECONDS // BIN_SECONDS
        oldest = present - BINS_MAX + 1
        seen = self._between(oldest, present + 1)
        for number, count in _count_by_bin(starts, now).items():
            if number >= since and number >= oldest:
                place = min(number, present) - oldest
                seen[place] = max(count, seen[place])
        first = next((place for place, count in enumerate(seen) if count), None)
        if first is None:
            return Arrivals(since)
        while not seen[-1]:
            seen.pop()
        return Arrivals(since, oldest + first, tuple(seen[first:]))

    def rate_per_second(self, now: datetime) -> float:
        """Return how many sessions begin per second, over the last 10 minutes."""
        recent = self._window(now)[-RECENT_BINS:]
        return sum(recent) / (len(recent) * BIN_SECONDS) if recent else 0.0

    def recent(self, now: datetime, bins: int) -> Sequence[int]:
        """Return the newest whole bins, the oldest first; fewer where fewer are known."""
        return self._window(now)[-bins:]

    def variance(self, now: datetime, seconds: float) -> float | None:
        """Return how much arrivals within `seconds` vary from one such time to the next.

        Half the mean squared difference of neighbouring windows (the Allan variance): a slow
        trend over the day does not count as noise. None where too little is known.

        Windows of 60 s with 4, 6, 4, 6, … arrivals differ by 2 each time: 2² / 2 = 2.
        """
        bins = self._window(now)
        width = max(1, round(seconds / BIN_SECONDS))
        if len(bins) < WINDOWS_MIN * width:
            return None
        sums = list(accumulate(bins, initial=0))
        windows = list(map(sub, sums[width:], sums))
        steps: list[int] = list(map(sub, windows[width:], windows))
        squares: int = sum(map(mul, steps, steps))
        return squares / len(steps) / 2

    def to_json(self) -> dict[str, Any]:
        """Return the form that memory keeps."""
        return {"since": self.since, "first": self.first, "counts": list(self.counts)}

    def _window(self, now: datetime) -> list[int]:
        """Return the counts of every known whole bin of the last 90 minutes, zeros included."""
        if self.since is None:
            return []
        present = int(now.timestamp()) // BIN_SECONDS
        return self._between(max(self.since, present - BINS_MAX), present)

    def _between(self, begin: int, end: int) -> list[int]:
        """Return the counts of these bins, the last one excluded; 0 where nobody began."""
        first, last = max(begin, self.first), min(end, self.first + len(self.counts))
        if first >= last:
            return [0] * max(0, end - begin)
        counts = self.counts[first - self.first : last - self.first]
        return [*[0] * (first - begin), *counts, *[0] * (end - last)]


def read_arrivals(stored: object) -> Arrivals:
    """Return remembered arrivals; anything that is not what we write counts as none."""
    if not isinstance(stored, Mapping):
        return Arrivals()
    since, first = read_whole(stored.get("since")), read_whole(stored.get("first"))
    counts = _read_counts(stored.get("counts"))
    if since is None or first is None or counts is None:
        return Arrivals()
    return Arrivals(since, first, counts)


def _read_counts(stored: object) -> tuple[int, ...] | None:
    if not isinstance(stored, list) or len(stored) > BINS_MAX:
        return None
    # Types first and then both ends: three quick passes instead of 360 questions in each cycle.
    is_whole = all(kind is int for kind in set(map(type, stored)))
    if not is_whole or (stored and not 0 <= min(stored) <= max(stored) <= COUNT_MAX):
        return None
    return tuple(stored)


def _count_by_bin(starts: Iterable[datetime], now: datetime) -> Mapping[int, int]:
    """Count beginnings that are not from the future."""
    latest = now + AHEAD_MAX
    return Counter([int(start.timestamp()) // BIN_SECONDS for start in starts if start <= latest])
