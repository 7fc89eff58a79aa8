"""What a SurgePlan announces, in real time: its windows and bookings → surges in UTC.

Pure: the plan, its bookings and an instant go in. Time zones come from the `tzdata` package
where the system has none, so that they are the same in every container. Called by
`adapters/surges` for the cycles, and by `core/surge_status`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from voicefleet.api.surgeplan import SurgePlanSpec, SurgeWindow, WeeklyHours
from voicefleet.core.bookings import steps_between
from voicefleet.core.week_windows import Span, WeekWindow, find_spans
from voicefleet.errors import SpecError
from voicefleet.model.surge import BookedStep, Bookings, Surge

HORIZON = timedelta(days=1)
"""How far back and ahead cycles look: a glide ends within half a day, and no lead time is so
long that tomorrow's window begins today."""

AHEAD = timedelta(days=8)
"""How far ahead the status looks: every weekly window comes within it, clock changes included."""

BOOKED = "bookings"
"""What the window is called that a file of bookings makes."""


def find_zone(name: str) -> ZoneInfo:
    """Return a time zone of the IANA database.

    Raises:
        SpecError: There is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SpecError(
            f"`spec.timeZone` is {name}, which the time zone database does not have; "
            "write a name such as Europe/Berlin, or UTC"
        ) from None


def resolve_surges(
    plan: str, spec: SurgePlanSpec, bookings: Bookings, *, after: datetime, before: datetime
) -> tuple[Surge, ...]:
    """Return every surge of a plan of which any part lies in a stretch of time, glide included.

    Args:
        plan: Name of the plan; sentences name it.
        spec: What its author wrote.
        bookings: What its file of bookings says.
        after: Begin of the stretch.
        before: Its end.

    Raises:
        SpecError: The plan's time zone does not exist.
    """
    zone = find_zone(spec.time_zone)
    surges = [
        _make_surge(plan, window, span)
        for window in spec.windows
        for span in _spans_of(window, zone, after - _glide(window), before)
    ]
    booked = [_book(plan, step) for step in steps_between(bookings.steps, after, before)]
    return tuple(sorted([*surges, *booked], key=_order))


def find_later(
    plan: str, spec: SurgePlanSpec, bookings: Bookings, after: datetime
) -> tuple[Surge, ...]:
    """Return what comes once and begins after an instant, however far away.

    Of bookings only the first step, because a file may hold a year of them.
    """
    windows = [
        _make_surge(plan, window, Span(begin, window.once.end_time.astimezone(UTC)))
        for window in spec.windows
        if window.once is not None
        and (begin := window.once.start_time.astimezone(UTC)) >= after
        and begin < window.once.end_time
    ]
    booked = (_book(plan, step) for step in bookings.steps if step.starts_at >= after)
    first = next(booked, None)
    surges = [*windows, first] if first is not None else windows
    return tuple(sorted(surges, key=_order))


def _spans_of(
    window: SurgeWindow, zone: ZoneInfo, after: datetime, before: datetime
) -> Iterator[Span]:
    if window.once is not None:
        begin, end = (at.astimezone(UTC) for at in (window.once.start_time, window.once.end_time))
        span = Span(begin, end)
        if span.starts_at < before and span.ends_at > after and span.starts_at < span.ends_at:
            yield span
    if window.weekly is not None:
        yield from find_spans(_week_window(window.weekly, zone), after, before)


def _week_window(hours: WeeklyHours, zone: ZoneInfo) -> WeekWindow:
    return WeekWindow(
        days=frozenset(day.number for day in hours.days),
        start=time.fromisoformat(hours.start),
        end=time.fromisoformat(hours.end),
        zone=zone,
    )


def _glide(window: SurgeWindow) -> timedelta:
    return timedelta(seconds=window.glide_seconds)


def _order(surge: Surge) -> tuple[datetime, str]:
    return surge.starts_at, surge.window


def _book(plan: str, step: BookedStep) -> Surge:
    return Surge(
        plan,
        BOOKED,
        starts_at=step.starts_at,
        ends_at=step.ends_at,
        peak_sessions=step.sessions,
        is_booked=True,
    )


def _make_surge(plan: str, window: SurgeWindow, span: Span) -> Surge:
    return Surge(
        plan,
        window.name,
        starts_at=span.starts_at,
        ends_at=span.ends_at,
        peak_sessions=window.peak_sessions or 0,
        min_replicas=window.min_replicas or 0,
        ramp_seconds=window.ramp_seconds,
        glide_seconds=window.glide_seconds,
        inhibit_scale_down=window.inhibit_scale_down,
        priority=window.priority,
    )
