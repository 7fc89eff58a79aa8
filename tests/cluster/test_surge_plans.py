"""Announced demand on a real API server: workers come before it, and leave gently after it."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from support.api import Api, Manifest, eventually
from support.manifests import a_fleet_manifest
from support.surge_cases import a_surge_plan
from voicefleet.adapters.clock import SystemClock
from voicefleet.api.base import format_time

pytestmark = pytest.mark.cluster

SLOTS = 8
REACH_SECONDS = 40
"""A lead time is at least 30 s: 15 s to notice, and 15 s for the quickest start that counts."""


def a_fleet(namespace: str, **agents: object) -> Manifest:
    """Return a fleet that lets go of workers at once, so that a test sees it."""
    fleet = a_fleet_manifest(namespace)
    fleet["spec"]["agents"] |= {"minReplicas": 1, "maxReplicas": 8, "sessionsPerWorker": SLOTS}
    fleet["spec"]["agents"] |= agents
    quick = {"stabilizationWindowSeconds": 0, "maxPercentPerMinute": 100}
    fleet["spec"]["scaling"] = {"scaleDown": quick}
    return fleet


def once(begin: datetime, seconds: int, **size: object) -> Manifest:
    """Return a plan's one window."""
    hours = {
        "startTime": format_time(begin),
        "endTime": format_time(begin + timedelta(seconds=seconds)),
    }
    return {"windows": [{"name": "rush", "once": hours, "glideSeconds": 5, **size}]}


def wanted(api: Api, namespace: str) -> int:
    """Return the workers that the fleet should have now."""
    return int(status(api, "VoiceFleet", namespace, "interviews")["agents"]["desiredReplicas"])


def lowest_wanted(api: Api, namespace: str, *, seconds: float) -> int:
    """Return the fewest workers that were wanted within a time."""
    seen, deadline = wanted(api, namespace), time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.1)
        seen = min(seen, wanted(api, namespace))
    return seen


def status(api: Api, kind: str, namespace: str, name: str) -> Manifest:
    """Return an object's status, empty before its first one."""
    return dict(api.get(kind, namespace, name).get("status") or {})


def verdicts(api: Api, namespace: str) -> dict[str, tuple[str, str]]:
    """Return reason and message of the plan's conditions."""
    conditions = status(api, "SurgePlan", namespace, "campus-day").get("conditions", ())
    return {one["type"]: (one["reason"], one["message"]) for one in conditions}


def is_ready(api: Api, namespace: str, workers: int) -> bool:
    """Say whether so many workers have registered."""
    agents = status(api, "VoiceFleet", namespace, "interviews").get("agents", {})
    return bool(agents.get("readyReplicas") == workers)


def test_workers_come_before_the_window_and_leave_after_it(api: Api, operator, namespace: str):
    """The whole promise of a plan: nobody waits at its begin, and nobody is cut at its end."""
    api.create(a_fleet(namespace))
    eventually("one worker is ready", lambda: is_ready(api, namespace, 1))
    begin = SystemClock().now() + timedelta(seconds=REACH_SECONDS)
    applied = a_surge_plan(namespace, once(begin, 8, peakSessions=5 * SLOTS))

    api.create(applied)

    eventually("five workers are ready", lambda: is_ready(api, namespace, 5), seconds=60)
    ready_at = SystemClock().now()
    assert ready_at < begin
    decision = status(api, "VoiceFleet", namespace, "interviews")["decisions"][0]
    assert decision["reason"] == "SurgeAhead"
    assert "SurgePlan campus-day (rush) expects 40 sessions from" in decision["message"]
    eventually("one worker again", lambda: is_ready(api, namespace, 1), seconds=90)
    assert begin + timedelta(seconds=8) < SystemClock().now()


def test_the_plan_says_when_its_workers_will_be_ready(api: Api, operator, namespace: str):
    """Its author goes home on the evening before, and wants to know."""
    api.create(a_fleet(namespace))
    begin = datetime(SystemClock().now().year + 1, 5, 4, 7, tzinfo=UTC)

    api.create(a_surge_plan(namespace, once(begin, 3600, peakSessions=30)))

    eventually("a status", lambda: verdicts(api, namespace))
    following = status(api, "SurgePlan", namespace, "campus-day")["next"]
    assert (following["name"], following["replicas"]) == ("rush", 4)
    assert following["readyTime"] == following["startTime"] == format_time(begin)
    assert following["scaleUpTime"] < following["startTime"]
    assert verdicts(api, namespace)["CapacityReachable"][0] == "InReach"


def test_a_maximum_that_is_too_low_is_told_and_raising_it_helps_at_once(
    api: Api, operator, namespace: str
):
    """The message names the number to raise it to; doing so must be the end of it."""
    api.create(a_fleet(namespace, maxReplicas=2))
    begin = SystemClock().now() + timedelta(days=2)
    api.create(a_surge_plan(namespace, once(begin, 3600, peakSessions=30)))
    eventually("a status", lambda: verdicts(api, namespace))
    before = verdicts(api, namespace)["CapacityReachable"]

    change = {"spec": {"agents": {"maxReplicas": 4}}}
    api.patch("VoiceFleet", namespace, "interviews", change)

    assert before[0] == "BeyondMaxReplicas"
    assert before[1].endswith("VoiceFleet interviews is 2; raise it to 4")
    eventually(
        "in reach", lambda: verdicts(api, namespace)["CapacityReachable"][0] == "InReach", seconds=5
    )


def test_a_quota_that_is_too_small_is_told_before_the_window(api: Api, operator, namespace: str):
    """A pod that is refused on the morning says the same, too late."""
    api.create(a_fleet(namespace, resources={"requests": {"cpu": "1", "memory": "1Gi"}}))
    eventually("one worker is ready", lambda: is_ready(api, namespace, 1))
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "team", "namespace": namespace},
        "spec": {"hard": {"pods": "5"}},
    }
    api.create(quota)
    eventually("counted", lambda: api.get("ResourceQuota", namespace, "team")["status"].get("used"))
    begin = SystemClock().now() + timedelta(days=2)

    api.create(a_surge_plan(namespace, once(begin, 3600, minReplicas=7)))

    eventually("a status", lambda: verdicts(api, namespace))
    reason, message = verdicts(api, namespace)["CapacityReachable"]
    assert reason == "BeyondQuota"
    assert "ResourceQuota team has" in message


def test_booked_calls_raise_the_floor_and_a_broken_line_is_named(
    api: Api, operator, namespace: str
):
    """The file comes from somebody's calendar, and one wrong line must not cost the others."""
    api.create(a_fleet(namespace))
    now = SystemClock().now()
    lines = f"{format_time(now)},600,17\nnext monday,600,17"
    bookings = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "interviews-days", "namespace": namespace},
        "data": {"bookings.csv": lines},
    }
    api.create(bookings)

    source = {"windows": None, "bookings": {"configMapName": "interviews-days"}}
    api.create(a_surge_plan(namespace, source))

    eventually("three workers", lambda: is_ready(api, namespace, 3), seconds=40)
    reason, message = eventually("a status", lambda: verdicts(api, namespace))["Accepted"]
    assert reason == "BookingsUnreadable"
    assert message.startswith("line 2: start is no time")


def test_a_plan_that_comes_before_its_fleet_counts_from_then_on(api: Api, operator, namespace: str):
    """A folder of manifests is applied in the order of its file names."""
    begin = SystemClock().now() - timedelta(seconds=5)
    api.create(a_surge_plan(namespace, once(begin, 600, minReplicas=3)))
    eventually("a status", lambda: verdicts(api, namespace))
    alone = verdicts(api, namespace)["Accepted"][0]

    api.create(a_fleet(namespace))

    eventually("three workers", lambda: is_ready(api, namespace, 3), seconds=40)
    assert alone == "FleetNotFound"


def test_a_new_operator_knows_the_plans_before_its_first_cycle(api: Api, operator, namespace: str):
    """A hand-over in the middle of a campus day must not look like the end of it."""
    api.create(a_fleet(namespace))
    begin = SystemClock().now() - timedelta(seconds=5)
    api.create(a_surge_plan(namespace, once(begin, 600, minReplicas=4)))
    eventually("four workers", lambda: is_ready(api, namespace, 4), seconds=40)

    operator.stop()
    operator.start()
    api.patch("VoiceFleet", namespace, "interviews", {"metadata": {"labels": {"a": "b"}}})

    assert lowest_wanted(api, namespace, seconds=10) == 4


def test_kubectl_shows_what_comes_and_whether_it_can(cluster, api: Api, operator, namespace: str):
    """The table is what its author looks at on the evening before."""
    api.create(a_fleet(namespace))
    begin = datetime(SystemClock().now().year + 1, 5, 4, 7, tzinfo=UTC)
    api.create(a_surge_plan(namespace, once(begin, 3600, peakSessions=30)))
    eventually("a status", lambda: verdicts(api, namespace))

    header, row = cluster.kubectl("get", "surge", "-n", namespace).splitlines()

    assert header.split() == [
        "NAME", "FLEET", "ACCEPTED", "REACHABLE", "NEXT", "STARTS", "WORKERS", "AGE",
    ]  # fmt: skip
    expected = ["campus-day", "interviews", "True", "True", "rush", format_time(begin), "4"]
    assert row.split()[:7] == expected


def test_why_names_the_plan_that_made_the_fleet_large(cluster, api: Api, operator, namespace: str):
    """The question is asked by somebody who did not write the plan."""
    api.create(a_fleet(namespace))
    begin = SystemClock().now() - timedelta(seconds=5)
    api.create(a_surge_plan(namespace, once(begin, 600, minReplicas=3)))
    eventually("three workers", lambda: is_ready(api, namespace, 3), seconds=40)

    told = subprocess.run(
        [sys.executable, "-m", "voicefleet", "why", "vf/interviews", "-n", namespace],
        env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout

    assert "3 wanted (SurgeAhead)" in told
    assert "> surge" in told
    ends = format_time(begin + timedelta(seconds=600))
    assert f"now   SurgePlan campus-day (rush): 3 workers until {ends}" in told
