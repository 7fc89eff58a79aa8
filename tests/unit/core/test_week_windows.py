"""Windows that come back weekly: midnight, clock changes, zones, and laws over all of them."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicefleet.core.week_windows import (
    Span,
    WeekWindow,
    find_next_change,
    find_spans,
    merge_spans,
    span_on,
)

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland",
         "Australia/Lord_Howe", "America/St_Johns", "Pacific/Kiritimati")  # fmt: skip
EVERY_DAY = frozenset(range(7))
HOUR = timedelta(hours=1)


def utc(text: str) -> datetime:
    """Return an instant written as `2026-03-29T01:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def a_window(start: str, end: str, *, days: frozenset[int] = EVERY_DAY, zone=BERLIN) -> WeekWindow:
    """Return a window from clock times such as `22:00`."""
    return WeekWindow(days, time.fromisoformat(start), time.fromisoformat(end), zone)


@st.composite
def windows(draw: st.DrawFn) -> WeekWindow:
    """Any window in zones whose clocks change at odd times and by odd amounts."""
    minute = st.integers(0, 24 * 60 - 1).map(lambda m: time(m // 60, m % 60))
    days = draw(st.frozensets(st.integers(0, 6), min_size=1))
    return WeekWindow(days, draw(minute), draw(minute), ZoneInfo(draw(st.sampled_from(ZONES))))


INSTANTS = st.integers(0, 12 * 366 * 24 * 60).map(
    lambda minutes: datetime(2019, 12, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins():
    """Who writes Friday 22:00 to 06:00 means the night to Saturday."""
    friday = a_window("22:00", "06:00", days=frozenset({4}))

    spans = find_spans(friday, utc("2026-03-02T00:00"), utc("2026-03-09T00:00"))

    assert spans == (Span(utc("2026-03-06T21:00"), utc("2026-03-07T05:00")),)


def test_a_window_that_began_yesterday_is_still_found_today():
    """At three in the morning the night window is open, although it began on another day."""
    window = a_window("22:00", "06:00")

    spans = find_spans(window, utc("2026-03-03T02:00"), utc("2026-03-03T02:01"))

    assert spans == (Span(utc("2026-03-02T21:00"), utc("2026-03-03T05:00")),)


def test_equal_times_are_a_whole_day():
    """The alternative, an empty window, is nothing that anybody writes on purpose."""
    window = a_window("00:00", "00:00", days=frozenset({6}), zone=UTC)

    span = span_on(window, date(2026, 3, 1))

    assert span == Span(utc("2026-03-01T00:00"), utc("2026-03-02T00:00"))


@pytest.mark.parametrize(
    ("start", "end", "day", "begins", "ends"),
    [
        pytest.param("22:00", "06:00", "2026-03-28", "2026-03-28T21:00", "2026-03-29T04:00",
                     id="the night loses an hour in spring"),
        pytest.param("22:00", "06:00", "2026-10-24", "2026-10-24T20:00", "2026-10-25T05:00",
                     id="the night gains an hour in autumn"),
        pytest.param("02:30", "05:00", "2026-03-29", "2026-03-29T01:00", "2026-03-29T03:00",
                     id="a begin that is left out is the jump"),
        pytest.param("02:15", "02:45", "2026-03-29", "2026-03-29T01:00", "2026-03-29T01:45",
                     id="a window inside the jump is not lost"),
        pytest.param("02:30", "02:45", "2026-10-25", "2026-10-25T00:30", "2026-10-25T01:45",
                     id="an hour that comes twice is both"),
        pytest.param("09:00", "17:00", "2028-02-29", "2028-02-29T08:00", "2028-02-29T16:00",
                     id="leap day"),
        pytest.param("23:30", "00:30", "2026-12-31", "2026-12-31T22:30", "2026-12-31T23:30",
                     id="year end"),
    ],
)  # fmt: skip
def test_clock_changes_and_the_calendar(start, end, day, begins, ends):
    """Off-peak hours are the wall clock's, and that has nights of 23 and of 25 hours."""
    span = span_on(a_window(start, end), date.fromisoformat(day))

    assert span == Span(utc(begins), utc(ends))


@given(windows(), INSTANTS, st.integers(1, 14 * 24))
def test_found_spans_overlap_the_stretch_and_are_in_order(window, after, hours):
    """Decisions take the first span as the next one."""
    before = after + hours * HOUR

    spans = find_spans(window, after, before)

    assert list(spans) == sorted(spans)
    assert all(span.starts_at < before and span.ends_at > after for span in spans)


@given(windows(), INSTANTS)
def test_a_longer_look_finds_what_a_shorter_one_finds(window, now):
    """Otherwise a decision would depend on how far ahead somebody happened to look."""
    near = find_spans(window, now, now + 24 * HOUR)

    far = find_spans(window, now - 72 * HOUR, now + 10 * 24 * HOUR)

    assert set(near) <= set(far)


@given(windows(), INSTANTS)
def test_inside_a_window_is_what_the_wall_clock_says(window, now):
    """Where no clock was changed nearby, spans agree with plain reading of the clock."""
    local = now.astimezone(window.zone)
    nearby = [(local + hours * HOUR).utcoffset() for hours in (-50, -25, 0, 25, 50)]
    steady = {(now + h * HOUR).astimezone(window.zone).utcoffset() for h in range(-50, 51, 5)}

    inside = any(now in span for span in find_spans(window, now, now + HOUR / 60))

    clock = local.time().replace(tzinfo=None)
    today, yesterday = local.weekday() in window.days, (local.weekday() - 1) % 7 in window.days
    if window.start < window.end:
        expected = today and window.start <= clock < window.end
    else:
        expected = (today and clock >= window.start) or (yesterday and clock < window.end)
    assert len(set(nearby)) > 1 or len(steady) > 1 or inside == expected


@given(windows(), st.integers(0, 4000))
def test_a_window_lasts_as_long_as_it_says_give_or_take_a_clock_change(window, index):
    """A window may never come out empty, and never longer than its words and the change."""
    span = span_on(window, date(2020, 1, 1) + timedelta(days=index))

    wall = datetime.combine(date.min, window.end) - datetime.combine(date.min, window.start)
    stated = wall if wall > timedelta(0) else wall + 24 * HOUR
    lasted = span.ends_at - span.starts_at
    assert timedelta(0) < lasted
    assert abs(lasted - stated) <= HOUR


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=12))
def test_merged_spans_cover_the_same_hours_and_never_touch(pairs):
    """Two windows that overlap are one stretch; adding them up would count hours twice."""
    zero = utc("2026-03-02T00:00")
    spans = [Span(zero + a * HOUR, zero + (a + b) * HOUR) for a, b in pairs]

    merged = merge_spans(spans)

    hours = [zero + h * HOUR for h in range(100)]
    assert [any(h in span for span in merged) for h in hours] == [
        any(h in span for span in spans) for h in hours
    ]
    assert all(a.ends_at < b.starts_at for a, b in pairwise(merged))


def test_the_next_change_is_the_nearest_edge_ahead():
    """A decision made now has to be made again right then, not a resync later."""
    zero = utc("2026-03-02T00:00")
    spans = (Span(zero, zero + 2 * HOUR), Span(zero + HOUR, zero + 5 * HOUR))

    assert find_next_change(spans, zero) == zero + HOUR
    assert find_next_change(spans, zero + 5 * HOUR) is None
