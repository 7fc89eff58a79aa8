"""A fleet that nobody touches costs nothing: no write but the Lease's."""

import time

import pytest

from support.api import CHILD_KINDS, Api, Manifest, eventually
from support.manifests import a_fleet_manifest, is_settled, with_evaluation, with_speech

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

QUIET_SECONDS = 120
"""Two resyncs and more: a slow writer hides in a shorter look."""


def _is_ours(item: Manifest) -> bool:
    """Leave out Events of controllers that mind the loopback addresses of kwok's pods."""
    return item["kind"] != "Event" or item["reportingController"] == "voicefleet.dev/operator"


def _versions(api: Api, namespace: str) -> dict[tuple[str, str], str]:
    return {
        (kind, item["metadata"]["name"]): item["metadata"]["resourceVersion"]
        for kind in (*CHILD_KINDS, "VoiceFleet", "Pod", "Event")
        for item in api.list(kind, namespace)
        if _is_ours(item)
    }


def _writes_of_operator(cluster, user: str, namespace: str) -> list[tuple[str, str]]:
    """Return what it wrote into a namespace, except Secrets: those it posts again, unseen."""
    return [
        (event["verb"], event["requestURI"])
        for event in cluster.audit_events(user)
        if event["verb"] in {"create", "patch", "update", "delete"}
        and event["objectRef"].get("namespace") == namespace
        and event["objectRef"]["resource"] != "secrets"
    ]


@pytest.mark.timeout(240)
def test_two_idle_minutes_see_no_write(api: Api, operator, namespace: str, *, cluster, installed):
    """Every needless write wakes every watcher, and at 1,000 fleets melts the API server."""
    api.create(with_evaluation(with_speech(a_fleet_manifest(namespace))))
    eventually(
        "Ready", lambda: is_settled(api.get("VoiceFleet", namespace, "interviews")), seconds=40
    )
    time.sleep(35)  # the last session count may be written half a minute later
    before = _versions(api, namespace)
    written = len(_writes_of_operator(cluster, installed.user, namespace))

    time.sleep(QUIET_SECONDS)

    assert _versions(api, namespace) == before
    assert _writes_of_operator(cluster, installed.user, namespace)[written:] == []
