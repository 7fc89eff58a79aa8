"""What is said about a plan: in time, with numbers, and with what to do."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from support.law_cases import merged
from support.surge_cases import SMALL_PLAN
from voicefleet.api.status import ConditionStatus
from voicefleet.api.surge_reasons import SurgeCondition, SurgeReason
from voicefleet.api.surgeplan import SurgePlanSpec, SurgePlanStatus
from voicefleet.core.bookings import read_bookings
from voicefleet.core.quota import QuotaLimit
from voicefleet.core.surge_status import Room, report_surge_plan
from voicefleet.core.surge_windows import find_zone
from voicefleet.manifests import ObjectKey
from voicefleet.model.surge import Announcement, Bookings

SUNDAY = datetime(2026, 11, 22, 12, tzinfo=UTC)
MONDAY_NINE = datetime(2026, 11, 23, 8, tzinfo=UTC)
"""Nine o'clock in Berlin, when the small plan's window begins."""
ROOM = Room(
    "interviews",
    sessions_per_worker=8,
    max_replicas=100,
    ready_replicas=4,
    lead_time=timedelta(seconds=63),
)
MISSING = Bookings(problems=("ConfigMap/days does not exist; create it",), is_missing=True)


def a_plan(change: dict | None = None, **facts) -> Announcement:
    """Return an announcement of 500 sessions every Monday at nine, with changes."""
    spec = SurgePlanSpec.model_validate_json(json.dumps(merged(SMALL_PLAN, change or {})))
    key = ObjectKey("SurgePlan", "hr", "campus-day")
    fleet = ObjectKey("VoiceFleet", "hr", "interviews")
    return Announcement(key, "p1", 3, fleet, **{"spec": spec, **facts})


def verdict(status: SurgePlanStatus, kind: SurgeCondition) -> tuple[str, str, str]:
    """Return status, reason and message of a condition."""
    (found,) = [one for one in status.conditions if one.type == kind]
    return found.status, found.reason, found.message


def accepted(status: SurgePlanStatus) -> tuple[str, str, str]:
    """Return what condition Accepted says."""
    return verdict(status, SurgeCondition.ACCEPTED)


def reachable(status: SurgePlanStatus) -> tuple[str, str, str]:
    """Return what condition CapacityReachable says."""
    return verdict(status, SurgeCondition.CAPACITY_REACHABLE)


def test_the_next_window_says_what_it_takes_and_when_it_is_ready():
    """Whoever applies a plan reads at once whether the day can come."""
    status = report_surge_plan(a_plan(), ROOM, SUNDAY)

    assert status.next is not None
    assert (status.next.name, status.next.replicas, status.next.message) == ("morning", 63, None)
    assert status.next.scale_up_time == MONDAY_NINE - timedelta(seconds=70)
    assert status.next.ready_time == MONDAY_NINE
    assert accepted(status) == ("True", "PlanAccepted", "1 window for VoiceFleet interviews")
    assert reachable(status) == (
        "True",
        "InReach",
        (
            "SurgePlan campus-day (morning) expects 500 sessions from 2026-11-23 08:00Z: "
            "needs 63 workers; `maxReplicas` is 100"
        ),
    )


def test_a_maximum_that_is_too_low_is_told_with_the_number_to_raise_it_to():
    """The day before there is time to raise it; on the morning there is none."""
    status = report_surge_plan(a_plan(), replace(ROOM, max_replicas=60), SUNDAY)

    assert reachable(status) == (
        "False",
        "BeyondMaxReplicas",
        (
            "SurgePlan campus-day (morning) expects 500 sessions from 2026-11-23 08:00Z: needs 63 "
            "workers, and `spec.agents.maxReplicas` of VoiceFleet interviews is 60; raise it to 63"
        ),
    )
    assert status.next is not None
    assert status.next.ready_time is None
    assert status.next.message == "needs 63 workers, and only 60 are possible"


def test_a_quota_that_is_too_small_is_told_with_its_numbers():
    """A refused pod on the morning says the same, too late."""
    quota = QuotaLimit(31, "ResourceQuota team has 62 of 64 cpu in use, room for 1 more")

    status = report_surge_plan(a_plan(), replace(ROOM, quota=quota), SUNDAY)

    assert reachable(status)[:2] == ("False", "BeyondQuota")
    assert "needs 63 workers, and ResourceQuota team has 62 of 64 cpu" in reachable(status)[2]


def test_the_largest_window_ahead_decides_and_not_the_next_one():
    """A small window today must not hide that tomorrow's is out of reach."""
    small = {
        "name": "sunday",
        "peakSessions": 8,
        "weekly": {"days": ["Sunday"], "from": "20:00", "to": "21:00"},
    }
    plan = a_plan({"windows": [*SMALL_PLAN["windows"], small]})

    status = report_surge_plan(plan, replace(ROOM, max_replicas=60), SUNDAY)

    assert status.next is not None
    assert (status.next.name, status.next.message) == ("sunday", None)
    assert reachable(status)[1] == "BeyondMaxReplicas"


@pytest.mark.parametrize(
    ("workers", "asks"),
    [
        pytest.param(
            62, "(morning) expects 500 sessions", id="62 workers are fewer than 500 calls"
        ),
        pytest.param(64, "(warm) expects 64 workers", id="64 workers are more"),
    ],
)
def test_calls_and_workers_are_compared_and_the_larger_one_is_named(workers: int, asks: str):
    """Whoever is told to raise a maximum asks for whom."""
    warm = {
        "name": "warm",
        "minReplicas": workers,
        "weekly": {"days": ["Tuesday"], "from": "20:00", "to": "21:00"},
    }
    plan = a_plan({"windows": [*SMALL_PLAN["windows"], warm]})

    told = reachable(report_surge_plan(plan, ROOM, SUNDAY))[2]

    assert told.startswith(f"SurgePlan campus-day {asks}")
    assert told.count("expects") == 1


def test_a_window_that_is_announced_too_late_says_by_how_much():
    """Nobody can start workers in ten seconds; the caller at nine should know."""
    now = MONDAY_NINE - timedelta(seconds=10)

    status = report_surge_plan(a_plan(), ROOM, now)

    assert status.next is not None
    assert status.next.ready_time == MONDAY_NINE + timedelta(seconds=60)
    assert reachable(status) == (
        "False",
        "TooLate",
        (
            "63 workers for window morning need about 70 s to start and come 60 s late; "
            "announce it earlier, or keep more workers"
        ),
    )


def test_a_window_whose_workers_start_in_time_is_not_late_a_minute_later():
    """The operator has begun by then; only a plan that comes after that is late."""
    begins = MONDAY_NINE - timedelta(seconds=70)
    before = report_surge_plan(a_plan(), ROOM, begins)
    plan = a_plan(status=before)

    status = report_surge_plan(plan, ROOM, begins + timedelta(seconds=60))

    assert status.next is not None
    assert status.next.ready_time == MONDAY_NINE
    assert reachable(status)[:2] == ("True", "InReach")


def test_workers_that_are_there_already_are_never_late():
    """A fleet may be as large as the window wants it for another reason."""
    status = report_surge_plan(a_plan(), replace(ROOM, ready_replicas=63), MONDAY_NINE)

    assert reachable(status)[0] == ConditionStatus.TRUE


def test_an_exception_of_higher_priority_is_not_announced_as_a_window():
    """On the holiday nobody comes, and the next window is a week later."""
    holiday = {
        "name": "holiday",
        "peakSessions": 0,
        "priority": 10,
        "once": {"startTime": "2026-11-22T23:00:00Z", "endTime": "2026-11-23T23:00:00Z"},
    }
    plan = a_plan({"windows": [*SMALL_PLAN["windows"], holiday]})

    status = report_surge_plan(plan, ROOM, SUNDAY)

    assert status.next is not None
    assert status.next.start_time == MONDAY_NINE + timedelta(days=7)


def test_what_lasts_now_is_listed_until_it_has_glided_to_nothing():
    """`kubectl get surge` answers why the fleet is so large."""
    instants = (MONDAY_NINE, MONDAY_NINE + timedelta(seconds=2 * 3600 + 899))

    shown = [report_surge_plan(a_plan(), ROOM, at).active for at in instants]

    assert shown == [("morning",), ("morning",)]
    assert report_surge_plan(a_plan(), ROOM, instants[1] + timedelta(seconds=1)).active == ()


@pytest.mark.parametrize(
    ("plan", "room", "reason", "says"),
    [
        pytest.param(
            a_plan(),
            None,
            SurgeReason.FLEET_NOT_FOUND,
            (
                "VoiceFleet interviews does not exist in namespace hr; create it, "
                "or change `spec.fleetName`"
            ),
            id="no fleet of that name",
        ),
        pytest.param(
            a_plan(spec=None, refused_for=SurgeReason.TIME_ZONE_UNKNOWN, error="no such zone"),
            ROOM,
            SurgeReason.TIME_ZONE_UNKNOWN,
            "no such zone",
            id="no zone of that name",
        ),
        pytest.param(
            a_plan({"bookings": {"configMapName": "days"}}, bookings=MISSING),
            ROOM,
            SurgeReason.BOOKINGS_UNREADABLE,
            "ConfigMap/days does not exist; create it; 0 bookings and 1 window count",
            id="no file of bookings",
        ),
        pytest.param(
            a_plan(
                {
                    "windows": [
                        {
                            "name": "past",
                            "peakSessions": 5,
                            "once": {
                                "startTime": "2026-11-01T09:00:00Z",
                                "endTime": "2026-11-01T10:00:00Z",
                            },
                        }
                    ]
                }
            ),
            ROOM,
            SurgeReason.ALL_PASSED,
            "every window and booking has passed; delete the plan, or add a window ahead",
            id="nothing ahead",
        ),
    ],
)
def test_a_plan_that_does_not_count_says_why(plan, room, reason, says):
    """A plan that silently does nothing is found out on the morning of the day."""
    status = report_surge_plan(plan, room, SUNDAY)

    assert accepted(status) == ("False", reason, says)


def test_a_plan_that_does_not_count_is_not_judged():
    """Neither True nor False would be honest about capacity that nobody looked at."""
    status = report_surge_plan(a_plan(), None, SUNDAY)

    assert reachable(status)[:2] == ("Unknown", "NotJudged")


def test_bookings_are_announced_like_windows():
    """For the fleet it is the same demand."""
    bookings = read_bookings("2026-11-24T10:00,2700,40\nbroken", find_zone("Europe/Berlin"))
    plan = a_plan({"windows": None, "bookings": {"configMapName": "days"}}, bookings=bookings)

    status = report_surge_plan(plan, ROOM, SUNDAY)

    assert status.next is not None
    assert (status.next.name, status.next.peak_sessions, status.next.replicas) == (
        "bookings",
        40,
        5,
    )
    assert status.bookings is not None
    assert (status.bookings.count, status.bookings.problem_count) == (1, 1)
    assert accepted(status)[:2] == ("False", "BookingsUnreadable")


def test_a_condition_keeps_the_time_since_when_it_holds():
    """How long something has been wrong is the second question."""
    before = report_surge_plan(a_plan(), ROOM, SUNDAY)

    after = report_surge_plan(a_plan(status=before), ROOM, SUNDAY + timedelta(hours=1))

    assert [one.last_transition_time for one in after.conditions] == [SUNDAY, SUNDAY]


def test_the_same_plan_has_the_same_status_a_minute_later():
    """Each write wakes every watcher; at rest there is none."""
    before = report_surge_plan(a_plan(), ROOM, SUNDAY)

    after = report_surge_plan(a_plan(status=before), ROOM, SUNDAY + timedelta(seconds=60))

    assert after == before
