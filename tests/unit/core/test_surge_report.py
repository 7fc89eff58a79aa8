"""A fleet says which announced demand it is the size of, and what comes next."""

from datetime import UTC, datetime, timedelta

from voicefleet.api.status import SURGES_MAX, SurgeStatus
from voicefleet.core.surge_report import report_surges
from voicefleet.model.surge import Surge

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def a_surge(begins_in: timedelta, *, plan: str = "day", **facts: int) -> Surge:
    """Return a window of an hour with ten minutes of glide."""
    begin = NOW + begins_in
    values = {"peak_sessions": 50, "glide_seconds": 600, **facts}
    return Surge(plan, "rush", starts_at=begin, ends_at=begin + HOUR, **values)


def names(status: SurgeStatus | None) -> tuple[list[str], str]:
    """Return the plans that last now, and the one that comes next."""
    assert status is not None
    return [one.plan for one in status.active], status.next.plan if status.next else ""


def test_what_lasts_now_and_what_comes_next_are_told_apart():
    """The first question about a large fleet is why, and the second is for how long."""
    surges = [
        a_surge(3 * HOUR, plan="evening"),
        a_surge(2 * HOUR, plan="noon"),
        a_surge(-HOUR / 2, plan="small"),
        a_surge(-HOUR / 2, plan="large", peak_sessions=500),
        a_surge(-HOUR - timedelta(seconds=599), plan="gliding"),
        a_surge(-HOUR - timedelta(seconds=600), plan="gone"),
    ]

    status = report_surges(surges, NOW)

    assert names(status) == (["large", "gliding", "small"], "noon")


def test_an_exception_is_not_shown_as_demand():
    """A holiday expects nobody."""
    assert report_surges([a_surge(-HOUR / 2, peak_sessions=0)], NOW) is None


def test_a_window_that_a_holiday_stands_for_is_not_shown():
    """The fleet is small today because of the holiday, whatever other Mondays are."""
    monday = a_surge(-HOUR / 2)
    holiday = a_surge(-HOUR / 2, peak_sessions=0, priority=10)

    assert report_surges([monday, holiday], NOW) is None


def test_no_plan_is_no_block():
    """An empty block would read as if somebody had looked for plans in vain."""
    assert report_surges([], NOW) is None


def test_many_windows_are_cut_to_the_largest():
    """Status has a bound, and the plans' own status has all of them."""
    surges = [a_surge(-HOUR / 2, plan=f"p{size}", peak_sessions=size) for size in range(1, 20)]

    assert names(report_surges(surges, NOW))[0] == [
        f"p{size}" for size in range(19, 19 - SURGES_MAX, -1)
    ]
