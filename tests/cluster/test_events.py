"""Events tell what happened, not how often the operator looked."""

import pytest

from support.api import Api, Manifest, eventually
from support.manifests import a_fleet_manifest, is_settled, with_speech

pytestmark = pytest.mark.cluster

POOL = "interviews-speech-tts"


@pytest.fixture
def settled_fleet(api: Api, operator, namespace: str) -> str:
    """Return the namespace of a settled fleet with a speech pool of one replica."""
    api.create(with_speech(a_fleet_manifest(namespace)))
    eventually(
        "Ready",
        lambda: is_settled(api.get("VoiceFleet", namespace, "interviews")),
        seconds=40,
    )
    return namespace


def drifts(api: Api, namespace: str) -> list[Manifest]:
    """Return the Events about a replica count that somebody changed by hand."""
    events = api.list("Event", namespace)
    return [event for event in events if event["reason"] == "ReplicasDrifted"]


def test_the_same_thing_twice_is_one_event_with_a_count(api: Api, settled_fleet: str):
    """Someone who scales by hand all evening must not bury what else happened."""
    for times in (1, 2):
        api.patch("Deployment", settled_fleet, POOL, {"spec": {"replicas": 3}})
        eventually(
            "the count is put back and told",
            lambda times=times: (
                api.get("Deployment", settled_fleet, POOL)["spec"]["replicas"] == 1
                and sum(_count(event) for event in drifts(api, settled_fleet)) == times
            ),
        )

    events = drifts(api, settled_fleet)
    assert [_count(event) for event in events] == [2]
    assert "3 replicas" in events[0]["note"]


def _count(event: Manifest) -> int:
    return event.get("series", {}).get("count", 1)
