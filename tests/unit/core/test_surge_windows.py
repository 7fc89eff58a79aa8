"""What a plan says becomes the right instants, in every zone and on every odd day."""

import json
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicefleet.api.surgeplan import SurgePlanSpec
from voicefleet.core.bookings import sum_bookings
from voicefleet.core.surge import surge_floor
from voicefleet.core.surge_windows import find_zone, resolve_surges
from voicefleet.errors import SpecError
from voicefleet.model.surge import Booking, Bookings, Surge

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
EVERY_DAY = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def a_plan(*windows: dict, zone: str = "Europe/Berlin") -> SurgePlanSpec:
    """Return a plan of these windows, each of 100 sessions if it says nothing else."""
    written = [
        {"name": f"window-{number}", "peakSessions": 100, "glideSeconds": 0, **window}
        for number, window in enumerate(windows)
    ]
    return SurgePlanSpec.model_validate_json(
        json.dumps({"fleetName": "f", "timeZone": zone, "windows": written})
    )


def weekly(start: str, end: str, *days: str) -> dict:
    """Return hours that come every week, on every day if none is named."""
    return {"weekly": {"days": list(days) or EVERY_DAY, "from": start, "to": end}}


def surges_on(day: str, plan: SurgePlanSpec, bookings: Bookings | None = None) -> tuple[Surge, ...]:
    """Return the surges that overlap one day in UTC."""
    begin = datetime.fromisoformat(f"{day}T00:00:00Z")
    return resolve_surges("plan", plan, bookings or Bookings(), after=begin, before=begin + DAY)


def hours(surges: tuple[Surge, ...]) -> list[str]:
    """Return begin and end of surges in UTC."""
    return [f"{one.starts_at:%d %H:%M}-{one.ends_at:%d %H:%M}" for one in surges]


@pytest.mark.parametrize(
    ("day", "start", "end", "expected"),
    [
        pytest.param("2026-01-12", "09:00", "11:00", ["12 08:00-12 10:00"], id="winter is UTC+1"),
        pytest.param("2026-07-13", "09:00", "11:00", ["13 07:00-13 09:00"], id="summer is UTC+2"),
        pytest.param(
            "2026-03-29", "02:30", "04:30", ["29 01:00-29 02:30"], id="02:30 is left out: the jump"
        ),
        pytest.param(
            "2026-10-25", "02:30", "04:30", ["25 00:30-25 03:30"], id="02:30 twice: the first"
        ),
        pytest.param(
            "2026-10-25", "01:30", "02:30", ["24 23:30-25 01:30"], id="ends at the second 02:30"
        ),
        pytest.param(
            "2028-02-29", "09:00", "11:00", ["29 08:00-29 10:00"], id="a leap day is a day"
        ),
        pytest.param(
            "2026-12-31",
            "22:00",
            "02:00",
            ["30 21:00-31 01:00", "31 21:00-01 01:00"],
            id="over midnight and the end of the year",
        ),
    ],
)
def test_weekly_hours_follow_the_clock_of_their_zone(day, start, end, expected):
    """People say nine o'clock and mean what the clock on their wall shows."""
    assert hours(surges_on(day, a_plan(weekly(start, end)))) == expected


def test_hours_begin_only_on_their_days():
    """A night from Friday is Friday's, although most of it is Saturday."""
    plan = a_plan(weekly("22:00", "06:00", "Friday"))

    on_saturday, on_sunday = surges_on("2026-11-21", plan), surges_on("2026-11-22", plan)

    assert hours(on_saturday) == ["20 21:00-21 05:00"]
    assert on_sunday == ()


def test_a_glide_is_still_part_of_its_window():
    """The floor has to sink in a cycle that looks only at what is left of it."""
    plan = a_plan({**weekly("20:00", "23:30", "Friday"), "glideSeconds": 7200})

    assert hours(surges_on("2026-11-21", plan)) == ["20 19:00-20 22:30"]


def test_hours_that_come_once_name_their_own_offset():
    """An exact time needs no zone; the plan's own must not be added to it."""
    once = {"startTime": "2026-11-23T09:00:00+09:00", "endTime": "2026-11-23T11:00:00+09:00"}

    assert hours(surges_on("2026-11-23", a_plan({"once": once}))) == ["23 00:00-23 02:00"]


def test_an_end_before_its_begin_announces_nothing():
    """The API server refuses it; a plan from before that law must do no harm either."""
    once = {"startTime": "2026-11-23T11:00:00Z", "endTime": "2026-11-23T09:00:00Z"}

    assert surges_on("2026-11-23", a_plan({"once": once})) == ()


def test_bookings_become_surges_that_nothing_outranks():
    """Somebody has promised these people a call, whatever day it is."""
    begin = datetime(2026, 11, 23, 9, tzinfo=UTC)
    steps = sum_bookings([Booking(begin, begin + timedelta(minutes=45), 12)])

    (surge,) = surges_on("2026-11-23", a_plan(), Bookings(1, steps))

    assert (surge.window, surge.peak_sessions, surge.is_booked) == ("bookings", 12, True)
    assert hours((surge,)) == ["23 09:00-23 09:45"]


def test_an_unknown_zone_is_named_together_with_what_to_write():
    """The API server may know a zone that this operator's database does not have yet."""
    with pytest.raises(SpecError, match=r"Europe/Berln.*Europe/Berlin, or UTC"):
        find_zone("Europe/Berln")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/localtime", "", "Europe", "a\0b"])
def test_a_zone_is_never_a_path(name):
    """The name ends in a file name; nobody may read files of the operator by it."""
    with pytest.raises(SpecError):
        find_zone(name)


ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
DAYS = st.integers(0, 8 * 366).map(lambda days: datetime(2024, 1, 1, 12, tzinfo=UTC) + days * DAY)
TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))


@given(
    st.sampled_from(ZONES),
    TIMES,
    TIMES,
    DAYS,
    st.integers(0, 1800),
)
def test_every_window_is_felt_exactly_a_lead_time_early(zone, start, end, day, lead):
    """Whatever the clocks do: one second earlier nothing, then the whole peak."""
    plan = a_plan(weekly(f"{start:%H:%M}", f"{end:%H:%M}", EVERY_DAY[day.weekday()]), zone=zone)
    noon = datetime.combine(day, time(12), ZoneInfo(zone)).astimezone(UTC)
    lead_time = timedelta(seconds=lead)
    surges = resolve_surges("p", plan, Bookings(), after=noon - 3 * DAY, before=noon + 3 * DAY)

    floors = [
        surge_floor(surges, one.starts_at - lead_time + shift, lead_time).sessions
        for one in surges
        for shift in (-SECOND, timedelta(0))
    ]

    assert len(surges) == 1
    assert floors == [0, 100]


@given(st.sampled_from(ZONES), TIMES, TIMES, DAYS)
def test_a_window_begins_when_the_clock_first_shows_its_time(zone, start, end, now):
    """Or, where that time is left out, when the clock jumps over it."""
    plan = a_plan(weekly(f"{start:%H:%M}", f"{end:%H:%M}"), zone=zone)

    surges = resolve_surges("p", plan, Bookings(), after=now - DAY, before=now + DAY)

    shown = [one.starts_at.astimezone(ZoneInfo(zone)).time() for one in surges]
    just_before = [(one.starts_at - SECOND).astimezone(ZoneInfo(zone)).time() for one in surges]
    assert all(
        show == start or before < start < show
        for show, before in zip(shown, just_before, strict=True)
    )
    assert all(one.starts_at < one.ends_at <= one.starts_at + 1.2 * DAY for one in surges)
