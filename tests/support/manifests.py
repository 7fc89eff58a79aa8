"""VoiceFleet manifests for tests on a real API server: only the facts that matter show."""

from copy import deepcopy
from typing import Any

from support.api import Manifest

IMAGE = "registry.example.com/interview-agent:1.0"
NEXT_IMAGE = "registry.example.com/interview-agent:1.1"


def a_fleet_manifest(namespace: str, name: str = "interviews", **agents: Any) -> Manifest:
    """Return a small PodNetwork fleet: 2 workers, 1 media server, embedded Redis.

    Keyword arguments are fields of `spec.agents` in the manifest's own spelling.
    """
    return {
        "apiVersion": "voicefleet.dev/v1alpha1",
        "kind": "VoiceFleet",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "agents": {"image": IMAGE, "minReplicas": 2, "maxReplicas": 10, **agents},
            "media": {"minReplicas": 1, "maxReplicas": 4, "network": {"mode": "PodNetwork"}},
        },
    }


def with_spec(manifest: Manifest, path: str, value: object) -> Manifest:
    """Return a copy with one field of the spec set, such as `media.minReplicas`."""
    changed = deepcopy(manifest)
    *parents, last = path.split(".")
    section = changed["spec"]
    for parent in parents:
        section = section.setdefault(parent, {})
    section[last] = value
    return changed


def with_speech(manifest: Manifest) -> Manifest:
    """Return a copy with one text-to-speech pool."""
    pool = {"name": "tts", "stage": "TTS", "image": "registry.example.com/tts:2.0"}
    return with_spec(manifest, "speech", [pool])


def with_evaluation(manifest: Manifest, replicas: int = 1) -> Manifest:
    """Return a copy with evaluators on spot nodes."""
    block = {"image": IMAGE, "spot": "Required", "minReplicas": replicas}
    return with_spec(manifest, "evaluation", block)


def with_external_redis(manifest: Manifest) -> Manifest:
    """Return a copy whose media servers meet on a Redis of the user's."""
    block = {"mode": "External", "address": "redis.example.com:6379"}
    return with_spec(manifest, "media.redis", block)


def condition(fleet: Manifest, kind: str) -> Manifest:
    """Return one condition of a fleet's status, or an empty mapping where it is absent."""
    conditions = fleet.get("status", {}).get("conditions", [])
    return next((item for item in conditions if item["type"] == kind), {})


def is_settled(fleet: Manifest) -> bool:
    """Say whether the operator has seen this generation and calls the fleet Ready."""
    return (
        fleet.get("status", {}).get("observedGeneration") == fleet["metadata"]["generation"]
        and condition(fleet, "Ready").get("status") == "True"
        and not condition(fleet, "Reconciling")
    )
