"""Windows that come back every week, by a wall clock: when exactly they begin and end.

Clocks are changed twice a year, windows may end after midnight, and a day in Sydney begins
while it is still yesterday in UTC. All of that is settled here, so that decisions only ever
compare instants. Called by `core/evaluation_size`, and by whatever else comes back weekly.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from operator import attrgetter

DAY = timedelta(days=1)

LONGEST = 2 * DAY
"""A window ends on the next day at the latest; where clocks are set back meanwhile, that is
more than 24 hours, and never so much."""

DAYS_KEPT = 1024
"""Occurrences that are not looked up again in each cycle: zones are asked four times for each."""

PRECISION = timedelta(seconds=1)
"""Changes of clocks happen at whole seconds."""


@dataclass(frozen=True, slots=True)
class WeekWindow:
    """Hours that recur on some days of the week."""

    days: frozenset[int]
    """Days on which it begins; Monday is 0, as `date.weekday` says."""
    start: time
    end: time
    """At or before `start` means on the next day; equal to it means a whole day."""
    zone: tzinfo


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """One occurrence of a window, in UTC; its end no longer belongs to it."""

    starts_at: datetime
    ends_at: datetime

    def __contains__(self, instant: datetime) -> bool:
        """Say whether the instant lies inside."""
        return self.starts_at <= instant < self.ends_at


def find_spans(window: WeekWindow, after: datetime, before: datetime) -> tuple[Span, ...]:
    """Return every occurrence that overlaps a stretch of time, the earliest first.

    Args:
        window: The recurring hours.
        after: Begin of the stretch, aware.
        before: Its end; an occurrence that begins right then is not in it.
    """
    first = (after - LONGEST).astimezone(window.zone).date()
    last = before.astimezone(window.zone).date()
    spans = _spans_between(window, first, last)
    return tuple([span for span in spans if span.starts_at < before and span.ends_at > after])


@lru_cache(maxsize=DAYS_KEPT)
def _spans_between(window: WeekWindow, first: date, last: date) -> tuple[Span, ...]:
    """Return the occurrences that begin on any of these days."""
    count = (last - first).days + 1
    days = (first + index * DAY for index in range(count))
    return tuple(span_on(window, day) for day in days if day.weekday() in window.days)


@lru_cache(maxsize=DAYS_KEPT)
def span_on(window: WeekWindow, day: date) -> Span:
    """Return the occurrence that begins on one day.

    Where clocks are changed, it begins as early and ends as late as its words allow: of an
    hour that comes twice, the first one begins it and the second one ends it. An hour that
    is left out begins when the clock jumps, and ends as long after the jump as it says:
    02:15 to 02:45 on the night when 02:00 becomes 03:00 is 03:00 to 03:45.
    """
    last_day = day if window.end > window.start else day + DAY
    starts_at = _first_instant(datetime.combine(day, window.start), window.zone)
    ends_at = _last_instant(datetime.combine(last_day, window.end), window.zone)
    return Span(starts_at, ends_at)


def merge_spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return the same time as spans that neither overlap nor touch, the earliest first."""
    merged: list[Span] = []
    for span in sorted(spans, key=attrgetter("starts_at", "ends_at")):
        if merged and span.starts_at <= merged[-1].ends_at:
            merged[-1] = Span(merged[-1].starts_at, max(merged[-1].ends_at, span.ends_at))
        else:
            merged.append(span)
    return tuple(merged)


def find_next_change(spans: Collection[Span], now: datetime) -> datetime | None:
    """Return when the answer to "are we inside?" may change next, or None if it never does."""
    edges = (edge for span in spans for edge in (span.starts_at, span.ends_at))
    return min((edge for edge in edges if edge > now), default=None)


def _first_instant(wall: datetime, zone: tzinfo) -> datetime:
    """Return the first instant at which the clock shows that time or, after a jump, a later one."""
    early = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _shows(early, wall, zone):
        return early
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _find_jump(before, early, zone)


def _last_instant(wall: datetime, zone: tzinfo) -> datetime:
    """Return the last instant at which the clock shows that time, or would without a jump."""
    late = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if _shows(late, wall, zone):
        return late
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _shows(instant: datetime, wall: datetime, zone: tzinfo) -> bool:
    return instant.astimezone(zone).replace(tzinfo=None) == wall


def _find_jump(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """Return the first instant of the new offset, between one before the jump and one after."""
    old = before.astimezone(zone).utcoffset()
    while after - before > PRECISION:
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after
