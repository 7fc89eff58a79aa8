"""From `kubectl apply` to a Ready fleet, on a real API server."""

from itertools import product

import pytest

from support.api import Api, eventually
from support.manifests import (
    a_fleet_manifest,
    condition,
    is_settled,
    with_evaluation,
    with_external_redis,
    with_speech,
)

pytestmark = pytest.mark.cluster

COMBINATIONS = list(product((False, True), repeat=3))


@pytest.mark.parametrize(
    ("speech", "evaluation", "external_redis"),
    COMBINATIONS,
    ids=[
        "-".join(
            name
            for name, is_on in zip(("speech", "evaluation", "external-redis"), flags, strict=True)
            if is_on
        )
        or "agents-and-media-only"
        for flags in COMBINATIONS
    ],
)
def test_every_combination_of_tiers_becomes_ready(
    api: Api, operator, namespace: str, *, speech: bool, evaluation: bool, external_redis: bool
):
    """A tier that only converges beside another one would strand whoever leaves it out."""
    manifest = a_fleet_manifest(namespace)
    manifest = with_speech(manifest) if speech else manifest
    manifest = with_evaluation(manifest) if evaluation else manifest
    manifest = with_external_redis(manifest) if external_redis else manifest

    api.create(manifest)

    fleet = eventually("Ready", lambda: settled(api, namespace), seconds=40)
    names = {name for kind, name in api.children(namespace) if kind == "Deployment"}
    assert ("interviews-speech-tts" in names) == speech
    assert ("interviews-evaluation" in names) == evaluation
    assert ("interviews-redis" in names) == (not external_redis)
    assert fleet["status"]["summary"]["agents"] == "2/2"
    assert fleet["status"]["summary"]["media"] == "1/1"


def test_every_child_is_owned_and_labelled(api: Api, operator, namespace: str):
    """Garbage collection finds children by owner, people find them by label."""
    fleet = api.create(with_evaluation(with_speech(a_fleet_manifest(namespace))))

    eventually("Ready", lambda: settled(api, namespace), seconds=40)

    for (kind, name), child in api.children(namespace).items():
        owners = child["metadata"].get("ownerReferences", [])
        if kind == "ReplicaSet" and owners and owners[0]["kind"] == "Deployment":
            continue
        assert [owner["uid"] for owner in owners] == [fleet["metadata"]["uid"]], (kind, name)
        assert child["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "voicefleet"


def test_kopf_leaves_no_trace_on_a_fleet(api: Api, operator, namespace: str):
    """An annotation of kopf's would mean that it writes, and its writes break on a 409."""
    api.create(a_fleet_manifest(namespace))

    fleet = eventually("Ready", lambda: settled(api, namespace), seconds=40)

    assert not [key for key in fleet["metadata"].get("annotations", {}) if "kopf" in key]
    assert fleet["metadata"]["finalizers"] == ["voicefleet.dev/drain"]


def test_kubectl_get_shows_the_columns(cluster, api: Api, operator, namespace: str):
    """The table is the first thing anybody sees of a fleet."""
    api.create(a_fleet_manifest(namespace))
    eventually("Ready", lambda: settled(api, namespace), seconds=40)

    shown = eventually(
        "sessions are reported",
        lambda: _table_when_reported(cluster, namespace),
        seconds=20,
    )

    header, row = (line.split() for line in shown.splitlines()[:2])
    assert header == [
        "NAME", "READY", "SESSIONS", "P95", "TARGET", "AGENTS", "MEDIA", "AGE",
    ]  # fmt: skip
    assert row[:5] == ["interviews", "True", "0/16", "2/2", "1/1"]


def test_a_raised_floor_adds_workers_at_once(cluster, api: Api, operator, namespace: str):
    """`kubectl scale` is what a tired SRE types at night; it must do what it says."""
    api.create(a_fleet_manifest(namespace))
    eventually("Ready", lambda: settled(api, namespace), seconds=40)

    cluster.kubectl("scale", "vf/interviews", "--replicas=5", "-n", namespace)

    fleet = eventually("5 of 5", lambda: settled(api, namespace, agents="5/5"), seconds=30)
    assert condition(fleet, "ScalingActive")["reason"] == "PinnedByHand"
    assert fleet["status"]["decisions"][0]["to"] == 5
    assert fleet["spec"]["agents"]["floorReplicas"] == 5


def test_a_decision_is_told_in_an_event_with_its_numbers(api: Api, operator, namespace: str):
    """Events are what `kubectl describe` ends with; without numbers they explain nothing."""
    api.create(a_fleet_manifest(namespace))
    eventually("Ready", lambda: settled(api, namespace), seconds=40)

    api.patch("VoiceFleet", namespace, "interviews", {"spec": {"agents": {"floorReplicas": 4}}})

    eventually("4 of 4", lambda: settled(api, namespace, agents="4/4"), seconds=30)
    notes = [event["note"] for event in api.list("Event", namespace) if "note" in event]
    assert any("2" in note and "4" in note and "floor" in note.lower() for note in notes), notes


def test_a_paused_fleet_gets_no_child_and_says_so(api: Api, operator, namespace: str):
    """Paused means hands off: an SRE in the middle of a repair relies on it."""
    manifest = a_fleet_manifest(namespace)
    manifest["spec"]["paused"] = True

    api.create(manifest)

    fleet = eventually(
        "status says paused",
        lambda: _with_reason(api, namespace, "ScalingActive", "PausedBySpec"),
    )
    assert api.children(namespace) == {}
    assert fleet["status"]["observedGeneration"] == 1


def settled(api: Api, namespace: str, *, agents: str = "") -> dict | None:
    """Return the fleet once it is settled, and shows this agents count if one is given."""
    fleet = api.get("VoiceFleet", namespace, "interviews")
    if not is_settled(fleet) or (agents and fleet["status"]["summary"]["agents"] != agents):
        return None
    return fleet


def _table_when_reported(cluster, namespace: str) -> str | None:
    shown = cluster.kubectl("get", "vf", "-n", namespace)
    return shown if "0/16" in shown else None


def _with_reason(api: Api, namespace: str, kind: str, reason: str) -> dict | None:
    fleet = api.get("VoiceFleet", namespace, "interviews")
    return fleet if condition(fleet, kind).get("reason") == reason else None
