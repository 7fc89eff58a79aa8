"""Calls that people have booked: lines of text → demand over time.

A line is `start,durationSeconds,sessions`. One that cannot be read does not count, and says why
by its number; the others do. Messages never repeat what a line says: whoever may name a
ConfigMap in a plan may not be allowed to read it. Called by `adapters/surges`.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import accumulate, pairwise

from voicefleet.model.surge import BookedStep, Booking, Bookings

LINES_MAX = 5000
"""A ConfigMap holds at most 1 MiB, 30,000 lines of 35 characters. Every line is read again
whenever one has changed: 5,000 take 20 ms."""

SESSIONS_MAX = 10_000
"""Sessions of one booking."""

DURATION_SECONDS_MAX = 86_400
"""Seconds of one booking: a day."""

MINUTE_SECONDS = 60
"""Bookings are counted by whole minutes, so that a day has at most 1,440 steps."""

HEADER = "start"
"""A first line that begins with this names the columns."""

COLUMNS = 3


class LineError(ValueError):
    """Why a line is no booking."""


def read_bookings(text: str, zone: tzinfo) -> Bookings:
    """Read a file of bookings.

    Args:
        text: One booking per line; empty lines, comments and a first line of names are left out.
        zone: What a start without an offset is meant in.
    """
    lines = [
        (number, line.strip())
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if lines and lines[0][1].lower().startswith(HEADER):
        lines = lines[1:]
    found, problems = [], []
    for number, line in lines[:LINES_MAX]:
        try:
            found.append(read_line(line, zone))
        except LineError as error:
            problems.append(f"line {number}: {error}")
    if len(lines) > LINES_MAX:
        problems.append(
            f"{len(lines)} lines, and {LINES_MAX} are read; remove past ones, or use a second plan"
        )
    return Bookings(len(found), sum_bookings(found), tuple(problems))


def read_line(line: str, zone: tzinfo) -> Booking:
    """Read one booking.

    Raises:
        LineError: What is wrong and what to write instead.
    """
    parts = [part.strip() for part in line.split(",")]
    if len(parts) != COLUMNS:
        raise LineError(
            f"{len(parts)} values instead of {COLUMNS}; write start,durationSeconds,sessions"
        )
    start = _read_start(parts[0], zone)
    seconds = _read_number(parts[1], "durationSeconds", DURATION_SECONDS_MAX)
    sessions = _read_number(parts[2], "sessions", SESSIONS_MAX)
    try:
        return Booking(start, start + timedelta(seconds=seconds), sessions)
    except OverflowError:
        raise LineError("start is beyond the year 9999; write the date of the call") from None


def sum_bookings(bookings: Iterable[Booking]) -> tuple[BookedStep, ...]:
    """Add up bookings over time, by whole minutes: a started minute counts as a whole one.

    12 from 09:00 to 09:45 and 5 from 09:30 to 10:15 are 12, 17 from 09:30, 5 from 09:45.
    """
    changes: dict[int, int] = {}
    for booking in bookings:
        begin = int(booking.starts_at.timestamp() // MINUTE_SECONDS)
        end = int(-(-booking.ends_at.timestamp() // MINUTE_SECONDS))
        changes[begin] = changes.get(begin, 0) + booking.sessions
        changes[end] = changes.get(end, 0) - booking.sessions
    edges = sorted(minute for minute, change in changes.items() if change)
    levels = accumulate(changes[minute] for minute in edges)
    return tuple(
        BookedStep(_instant(begin), _instant(end), level)
        for (begin, end), level in zip(pairwise(edges), levels, strict=False)
        if level
    )


def steps_between(
    steps: Sequence[BookedStep], after: datetime, before: datetime
) -> tuple[BookedStep, ...]:
    """Return the steps that overlap a stretch of time."""
    return tuple(step for step in steps if step.starts_at < before and step.ends_at > after)


def _read_start(text: str, zone: tzinfo) -> datetime:
    try:
        start = datetime.fromisoformat(text)
        start = start if start.tzinfo is not None else start.replace(tzinfo=zone)
        return start.astimezone(UTC)
    except (ValueError, OverflowError):
        raise LineError(
            "start is no time; write one such as 2026-11-23T09:30 or 2026-11-23T09:30:00+01:00"
        ) from None


def _read_number(text: str, name: str, most: int) -> int:
    # `isdecimal` takes digits of every script, and so does `int`; a file of bookings has ASCII.
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most))):
        raise LineError(f"{name} is no number from 1 to {most}; write such a number")
    number = int(text)
    if not 1 <= number <= most:
        raise LineError(f"{name} is not between 1 and {most}; write such a number")
    return number


def _instant(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * MINUTE_SECONDS, UTC)
