"""What is usual at this time of the week: the fleet's own history, in quarters of an hour.

Kept are the mean sessions of each quarter of the last five weeks. A quarter that was not
watched is unknown, which is not zero; one in which nobody called is zero. Times are UTC, so a
change of the clocks moves the usual by an hour until the weeks before are forgotten: a
SurgePlan knows time zones. Called by `core/forecast` and `core/agents_size`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from voicefleet.core.stored import read_number, read_whole

BIN_SECONDS = 900
"""Fine enough for the ramp before office hours, coarse enough for a few kilobytes."""

WEEK_SECONDS = 604_800
WEEK_BINS = WEEK_SECONDS // BIN_SECONDS
"""672 quarters."""

WEEKS_BACK = 4
"""Older weeks were another business."""

WEEKS_MIN = 2
"""One week alone may have been a holiday or a campaign."""

UNKNOWN = -1
"""Stands for a quarter that was not watched."""

COVERAGE_SECONDS = BIN_SECONDS // 2
"""A quarter watched for less has no mean."""

UNWATCHED_SECONDS = 600
"""Sessions that nobody looked at for longer are not assumed to have stayed as they were."""

SCALE_MIN, SCALE_MAX = 0.7, 1.5
"""A week may be quieter or busier than usual by so much before the usual says no more."""

SESSIONS_MAX = 200_000
"""1,000 workers of 200 slots."""


@dataclass(frozen=True, slots=True)
class Season:
    """Five weeks of quarters, and the one that is open."""

    until: int | None = None
    """Time up to which sessions have been noted; it stands still while there are none."""
    area: float = 0.0
    """Session-seconds of the open quarter."""
    watched: int = 0
    """Seconds of the open quarter that were watched."""
    weeks: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """672 means by the number of the week since 1970; never written to, only replaced."""

    def note(self, now: int, *, before: float | None, after: float) -> "Season":
        """Return the same with the time since the last call.

        Args:
            now: Seconds since 1970.
            before: Sessions that stood from the last call until now; None if unknown.
            after: Sessions from now on.
        """
        if self.until is None or now < self.until or before is None:
            return replace(self, until=now)
        if before == 0 == after:
            return self
        elapsed = now - self.until
        if (before > 0 and elapsed > UNWATCHED_SECONDS) or elapsed > WEEK_SECONDS:
            return Season(now, weeks=self.weeks)
        season = self
        while season.until is not None and season.until < now:
            season = season._advance(now, before)
        return season

    def usual(self, now: float) -> float | None:
        """Return the median of sessions at this time of the week; None with too few weeks."""
        levels = [level for _, level in self._past_levels(now)]
        return median(levels) if len(levels) >= WEEKS_MIN else None

    def usual_rise(self, now: float, lead_seconds: float, sessions: float) -> float:
        """Return by how much sessions usually rise within a lead time from now, at least 0.

        Each week's rise is scaled by how much busier this week is. 40 sessions now, 30 at this
        time last week and 36 a lead time later: 6 * 40 / 30 = 8 more are to be expected.
        """
        rises = []
        for back, level in self._past_levels(now):
            highest = max(self._levels_until(now, lead_seconds, back), default=level)
            scale = min(SCALE_MAX, max(SCALE_MIN, sessions / level)) if level > 0 else 1.0
            rises.append(max(0.0, highest - level) * scale)
        return median(rises) if len(rises) >= WEEKS_MIN else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the form that memory keeps; the weeks are shared, not copied."""
        return {
            "until": self.until,
            "area": self.area,
            "watched": self.watched,
            "weeks": dict(self.weeks),
        }

    def _advance(self, now: int, sessions: float) -> "Season":
        """Note sessions up to the end of the open quarter, or up to now."""
        began = self.until or now
        ends = (began // BIN_SECONDS + 1) * BIN_SECONDS
        until = min(ends, now)
        area, watched = self.area + sessions * (until - began), self.watched + until - began
        if until < ends:
            return Season(until, area, watched, self.weeks)
        if watched < COVERAGE_SECONDS:
            return Season(until, weeks=self.weeks)
        return Season(until, weeks=_with_mean(self.weeks, began // BIN_SECONDS, area / watched))

    def _past_levels(self, now: float) -> Iterator[tuple[int, float]]:
        if not self.weeks:
            return
        for back in range(1, WEEKS_BACK + 1):
            level = self._level(now - back * WEEK_SECONDS)
            if level is not None:
                yield back, level

    def _levels_until(self, now: float, lead_seconds: float, back: int) -> Iterator[float]:
        """Yield that week's level at the end of the lead time and at each middle before."""
        begin, end = now - back * WEEK_SECONDS, now - back * WEEK_SECONDS + lead_seconds
        middle = (math.floor(begin / BIN_SECONDS) + 0.5) * BIN_SECONDS
        middles = math.ceil(lead_seconds / BIN_SECONDS) + 1
        instants = [end] + [middle + place * BIN_SECONDS for place in range(middles)]
        for instant in instants:
            level = self._level(instant) if begin <= instant <= end else None
            if level is not None:
                yield level

    def _level(self, instant: float) -> float | None:
        """Return the level at an instant, on the line between the middles of two quarters."""
        place = instant / BIN_SECONDS - 0.5
        left, right = self._mean(math.floor(place)), self._mean(math.floor(place) + 1)
        if left is None or right is None:
            return None
        return left + (right - left) * (place - math.floor(place))

    def _mean(self, number: int) -> int | None:
        week = self.weeks.get(str(number // WEEK_BINS))
        mean = week[number % WEEK_BINS] if week is not None else UNKNOWN
        known = read_whole(mean)
        return known if known is not None and known <= SESSIONS_MAX else None


def read_season(stored: object) -> Season:
    """Return the remembered season; weeks that are not what we write are left out.

    Single means are judged where they are used: 3,360 of them would cost more than the rest
    of the decision.
    """
    if not isinstance(stored, Mapping):
        return Season()
    kept = _read_weeks(stored.get("weeks"))
    until, watched = read_whole(stored.get("until")), read_whole(stored.get("watched"))
    area = read_number(stored.get("area"))
    if until is None or watched is None or area is None:
        return Season(until, weeks=kept)
    if watched > BIN_SECONDS or area > SESSIONS_MAX * watched:
        return Season(until, weeks=kept)
    return Season(until, area, watched, kept)


def _read_weeks(stored: object) -> dict[str, list[int]]:
    return {
        number: week
        for number, week in (stored.items() if isinstance(stored, Mapping) else ())
        if isinstance(number, str) and isinstance(week, list) and len(week) == WEEK_BINS
    }


def _with_mean(
    weeks: Mapping[str, Sequence[int]], number: int, mean: float
) -> Mapping[str, Sequence[int]]:
    """Return the weeks with one more quarter, without weeks too old to matter."""
    week, place = divmod(number, WEEK_BINS)
    means = list(weeks.get(str(week), [UNKNOWN] * WEEK_BINS))
    means[place] = round(mean)
    recent = {str(week - back) for back in range(WEEKS_BACK + 1)}
    return {**{name: known for name, known in weeks.items() if name in recent}, str(week): means}
