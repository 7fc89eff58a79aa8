"""A fleet that nobody touches costs nothing: no write but the Lease's."""

import time

import pytest

from support.api import CHILD_KINDS, Api, eventually
from support.manifests import a_fleet_manifest, is_settled, with_evaluation, with_speech

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

QUIET_SECONDS = 120
"""Two resyncs and more: a slow writer hides in a shorter look."""


def _versions(api: Api, namespace: str) -> dict[tuple[str, str], str]:
    return {
        (kind, item["metadata"]["name"]): item["metadata"]["resourceVersion"]
        for kind in (*CHILD_KINDS, "VoiceFleet", "Pod", "Event")
        for item in api.list(kind, namespace)
    }


@pytest.mark.timeout(240)
def test_two_idle_minutes_see_no_write(api: Api, operator, namespace: str):
    """Every needless write wakes every watcher, and at 1,000 fleets melts the API server."""
    api.create(with_evaluation(with_speech(a_fleet_manifest(namespace))))
    eventually(
        "Ready", lambda: is_settled(api.get("VoiceFleet", namespace, "interviews")), seconds=40
    )
    time.sleep(35)  # the last session count may be written half a minute later
    before = _versions(api, namespace)

    time.sleep(QUIET_SECONDS)

    assert _versions(api, namespace) == before
