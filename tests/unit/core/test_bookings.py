"""A file of bookings: what can be read counts, and what cannot is named."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicefleet.core.bookings import (
    LINES_MAX,
    LineError,
    read_bookings,
    read_line,
    sum_bookings,
)
from voicefleet.model.surge import Booking

BERLIN = ZoneInfo("Europe/Berlin")
NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_bookings_at_the_same_time_add_up():
    """Two appointments are two callers, unlike two plans about one campus day."""
    text = """
    # The hiring day in Berlin.
    start,durationSeconds,sessions
    2026-11-23T10:00,2700,12
    2026-11-23T10:30:00+01:00,2700,5
    """

    bookings = read_bookings(text, BERLIN)

    assert (bookings.count, bookings.problems) == (2, ())
    assert [(f"{step.starts_at:%H:%M}", step.sessions) for step in bookings.steps] == [
        ("09:00", 12),
        ("09:30", 17),
        ("09:45", 5),
    ]


def test_a_broken_line_is_named_and_the_others_count():
    """One typing error must not cost the rest of the day its capacity."""
    text = "2026-11-23T10:00,2700,12\ntomorrow,2700,12\n2026-11-23T11:00,2700,7"

    bookings = read_bookings(text, BERLIN)

    assert bookings.count == 2
    assert bookings.problems == (
        (
            "line 2: start is no time; "
            "write one such as 2026-11-23T09:30 or 2026-11-23T09:30:00+01:00"
        ),
    )


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param("2026-11-23T10:00,2700", "2 values instead of 3", id="a value is missing"),
        pytest.param(
            "2026-11-23T10:00,0,3", "durationSeconds is not between 1 and 86400", id="no duration"
        ),
        pytest.param("2026-11-23T10:00,86401,3", "durationSeconds is not between", id="over a day"),
        pytest.param("2026-11-23T10:00,2700,-3", "sessions is no number", id="negative"),
        pytest.param("2026-11-23T10:00,2700,1e3", "sessions is no number", id="a fraction"),
        pytest.param("2026-11-23T10:00,2700,٣", "sessions is no number", id="another script"),
        pytest.param("9999-12-31T23:59Z,86400,3", "beyond the year 9999", id="after all years"),
        pytest.param("0001-01-01T00:00+14:00,60,3", "start is no time", id="before all years"),
    ],
)
def test_a_line_that_is_none_says_why(line, says):
    """Whoever exports the file sees only this sentence."""
    with pytest.raises(LineError, match=says):
        read_line(line, BERLIN)


def test_a_problem_never_repeats_what_the_line_says():
    """Whoever may name a ConfigMap in a plan may not be allowed to read it."""
    text = "password=hunter2,hunter2,hunter2\n2026-11-23T10:00,90210,3"

    bookings = read_bookings(text, BERLIN)

    assert len(bookings.problems) == 2
    assert "hunter2" not in str(bookings)
    assert "90210" not in str(bookings)


def test_a_file_without_end_is_cut_and_says_so():
    """The operator reads it for every fleet; its size must not be anybody's weapon."""
    line = "2026-11-23T10:00,60,1\n"

    bookings = read_bookings(line * (LINES_MAX + 1), BERLIN)

    assert bookings.count == LINES_MAX
    assert bookings.problems == (
        "5001 lines, and 5000 are read; remove past ones, or use a second plan",
    )


def test_a_started_minute_counts_as_a_whole_one():
    """A day then has at most 1,440 steps, however the times are written."""
    booking = Booking(NINE + timedelta(seconds=30), NINE + timedelta(seconds=90), 3)

    (step,) = sum_bookings([booking])

    assert (step.starts_at, step.ends_at) == (NINE, NINE + 2 * MINUTE)


BOOKINGS = st.builds(
    lambda begin, length, sessions: Booking(
        NINE + begin * MINUTE, NINE + (begin + length) * MINUTE, sessions
    ),
    st.integers(0, 300),
    st.integers(1, 300),
    st.integers(1, 20),
)


@given(st.lists(BOOKINGS, max_size=20), st.integers(0, 600))
def test_the_steps_are_the_sum_at_every_minute(bookings, minute):
    """The law that the sweep over begins and ends has to keep."""
    instant = NINE + minute * MINUTE
    expected = sum(one.sessions for one in bookings if one.starts_at <= instant < one.ends_at)

    steps = sum_bookings(bookings)

    at_instant = [step for step in steps if step.starts_at <= instant < step.ends_at]
    assert sum(step.sessions for step in at_instant) == expected
    assert len(at_instant) <= 1


@given(st.text())
def test_no_text_whatsoever_is_answered_with_a_traceback(text):
    """It comes from outside, through whoever may write a ConfigMap."""
    bookings = read_bookings(text, BERLIN)

    assert bookings.count + len(bookings.problems) <= len(text.splitlines())
