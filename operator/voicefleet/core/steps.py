"""A number over time, kept as the times at which it changed.

Cycles come many per second or a minute apart, so nothing may be counted per cycle: a value
stands until another one is noted. While nothing changes, nothing is added, and what is
remembered of an idle fleet stays the same for ever. Called by `core/stabilise` and by the
parts of `core` that look back.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from voicefleet.core.stored import read_number, read_whole
from voicefleet.recall import remembered

GRAIN_SECONDS = 5
"""Changes closer together than this are one change, to the larger value: it bounds what is
remembered of a busy fleet, and errs towards keeping capacity."""

CHANGES_MAX = 400
"""No memory that we wrote is longer; a longer one is not ours."""

STEPS_ANSWERS = 32
"""Targets and counts of a tier at rest stay the same from cycle to cycle: four fleets of theirs."""

NUMBER_MAX = 1e11
"""Larger than any time in seconds until the year 5138, and than any count of a fleet."""


def _until(changes: Sequence[tuple[int, float]], at: int) -> list[tuple[int, float]]:
    """Return the changes up to `at`; later ones become one of then, of their largest value."""
    if not changes or changes[-1][0] <= at:
        return list(changes)
    past = [change for change in changes if change[0] < at]
    return [*past, (at, max(value for time, value in changes if time >= at))]


@dataclass(frozen=True, slots=True)
class Steps:
    """A step function: `changes` are (time in whole seconds, value from then on)."""

    changes: tuple[tuple[int, float], ...] = ()

    @property
    def latest(self) -> float | None:
        """The value that stands now; None where nothing was ever noted."""
        return self.changes[-1][1] if self.changes else None

    def note(self, at: int, value: float, *, keep_seconds: int) -> "Steps":
        """Return the same with `value` from `at` on, without what ended `keep_seconds` ago.

        A clock that went back makes the later entries one entry of now, of their largest
        value: what was known stays known, and waits its whole time again.
        """
        past = _until(self.changes, at)
        if past and at - past[-1][0] < GRAIN_SECONDS:
            began, known = past.pop()
            value = max(known, value)
            at = began
        if not past or past[-1][1] != value:
            past.append((at, value))
        changes = _forget(past, at - keep_seconds)
        return self if changes == self.changes else Steps(changes)

    def peak(self, since: int) -> float | None:
        """Return the largest value that stood at any time from `since` on."""
        return max(self._standing(since), default=None)

    def trough(self, since: int) -> float | None:
        """Return the smallest value that stood at any time from `since` on."""
        return min(self._standing(since), default=None)

    def mean(self, start: int, end: int) -> float | None:
        """Return the average over a time; None where its beginning is not remembered."""
        if not self.changes or self.changes[0][0] > start or end <= start:
            return None
        area = 0.0
        until = end
        for begins, value in reversed(self.changes):
            if begins < until:
                area += value * (until - max(begins, start))
                until = begins
            if begins <= start:
                break
        return area / (end - start)

    def next_fall(self, now: int, *, window: int) -> int | None:
        """Return in how many seconds the peak over `window` falls if nothing changes."""
        leaves = (
            ends + window - now
            for (_, value), (ends, follower) in pairwise(self.changes)
            if value > follower and ends + window > now
        )
        return min(leaves, default=None)

    def to_json(self) -> list[list[float]]:
        """Return the form that memory keeps."""
        return [[at, value] for at, value in self.changes]

    def _standing(self, since: int) -> Iterator[float]:
        for (_, value), (ends, _) in pairwise(self.changes):
            if ends > since:
                yield value
        if self.changes:
            yield self.changes[-1][1]


@remembered(STEPS_ANSWERS)
def read_steps(stored: object) -> Steps:
    """Return remembered steps; anything that is not exactly what we write counts as none."""
    if not isinstance(stored, list) or len(stored) > CHANGES_MAX:
        return Steps()
    changes: list[tuple[int, float]] = []
    before = -1
    for entry in stored:
        change = _read_change(entry)
        if change is None or change[0] <= before:
            return Steps()
        changes.append(change)
        before = change[0]
    return Steps(tuple(changes))


def _read_change(entry: object) -> tuple[int, float] | None:
    """Return one change, or None where it is none; nearly always two whole numbers."""
    if not isinstance(entry, list | tuple) or len(entry) != 2:  # noqa: PLR2004 - a pair
        return None
    began, stood = entry
    if type(began) is type(stood) is int and 0 <= began <= NUMBER_MAX and 0 <= stood <= NUMBER_MAX:
        return began, stood
    at, value = read_whole(began), read_number(stood)
    if at is None or value is None or at > NUMBER_MAX or value > NUMBER_MAX:
        return None
    return at, value


def _forget(changes: list[tuple[int, float]], before: int) -> tuple[tuple[int, float], ...]:
    """Drop what ended before that time; the entry that stood then stays."""
    first = 0
    while first + 1 < len(changes) and changes[first + 1][0] <= before:
        first += 1
    return tuple(changes[first:])
