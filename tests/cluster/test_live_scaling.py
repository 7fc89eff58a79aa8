"""Real ReplicaSets follow callers who ring, and no call is ever cut for it."""

from collections.abc import Iterator

import pytest

from support.api import Api, Manifest, eventually
from support.manifests import a_fleet_manifest, is_settled, with_spec

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

SLOTS = 8
QUICK = {"scaleDown": {"stabilizationWindowSeconds": 5, "maxPercentPerMinute": 100}}
"""The default window of two minutes would be the longest part of the test."""


def a_scaling_fleet(namespace: str, **scaling: object) -> Manifest:
    """Return a fleet of 2 to 12 workers that follows its callers quickly."""
    fleet = with_spec(a_fleet_manifest(namespace), "scaling", {**QUICK, **scaling})
    fleet["spec"]["agents"] |= {"minReplicas": 2, "maxReplicas": 12, "sessionsPerWorker": SLOTS}
    return fleet


@pytest.fixture
def callers(world, namespace: str) -> Iterator[str]:
    """Return a namespace whose callers stop ringing at the end of the test."""
    yield namespace
    world.set_traffic(namespace, callsPerSecond=0.0)


def agents_of(api: Api, namespace: str) -> Manifest:
    """Return the workers' block of the fleet's status."""
    return dict(api.get("VoiceFleet", namespace, "interviews")["status"].get("agents", {}))


def apply_and_settle(api: Api, fleet: Manifest) -> None:
    """Apply a fleet and wait until it is as wanted."""
    api.create(fleet)
    namespace = fleet["metadata"]["namespace"]
    eventually("Ready", lambda: is_settled(api.get("VoiceFleet", namespace, "interviews")))


@pytest.mark.timeout(240)
def test_workers_come_with_the_callers_and_leave_after_them(
    api: Api, operator, world, callers: str
):
    """The job in one test: enough workers while people talk, the minimum when they are gone."""
    apply_and_settle(api, a_scaling_fleet(callers))

    world.set_traffic(callers, callsPerSecond=3.0, medianSeconds=12.0, patienceSeconds=5.0)
    eventually(
        "workers for some 38 sessions",
        lambda: agents_of(api, callers)["readyReplicas"] >= 6,
        seconds=60,
    )
    world.set_traffic(callers, callsPerSecond=0.0)
    eventually("two workers again", lambda: agents_of(api, callers)["replicas"] == 2, seconds=120)

    tally = world.traffic(callers)
    assert tally["completed"] > 20
    assert tally["cut"] == 0


@pytest.mark.timeout(120)
def test_advice_is_shown_and_not_followed(api: Api, operator, world, callers: str):
    """An SRE wants to see a week of what it would do before letting it do that."""
    apply_and_settle(api, a_scaling_fleet(callers, mode="Recommend"))

    world.set_traffic(callers, callsPerSecond=3.0, medianSeconds=12.0)
    fleet = eventually("advice", lambda: with_advice(api, callers), seconds=60)

    assert fleet["status"]["agents"]["replicas"] == 2
    assert fleet["status"]["agents"]["desiredReplicas"] == 2


def with_advice(api: Api, namespace: str) -> Manifest | None:
    """Return the fleet once one of its decisions is a recommendation."""
    fleet = api.get("VoiceFleet", namespace, "interviews")
    reasons = [decision["reason"] for decision in fleet["status"].get("decisions", [])]
    return dict(fleet) if "Recommended" in reasons else None
