"""Fleets as the planner and the render functions see them.

`a_minimal_fleet` writes only what has no default; `a_full_fleet` uses every field once.
Keyword arguments replace fields of `Fleet`; `with_spec` changes single fields of the spec.
"""

from copy import deepcopy
from dataclasses import replace
from typing import Any

from voicefleet.api.parse import parse_fleet
from voicefleet.model.fleet import Fleet
from voicefleet.settings import Platform

MINIMAL_SPEC = {
    "agents": {"image": "registry.example.com/interviewer:1.0"},
    "media": {},
}
FULL_SPEC = {
    "agents": {
        "image": "registry.example.com/interviewer:1.0",
        "imagePullSecretRefs": [{"name": "registry"}],
        "agentName": "interviewer",
        "sessionsPerWorker": 4,
        "minReplicas": 3,
        "maxReplicas": 60,
        "maxSessionSeconds": 5400,
        "envFromSecretRefs": [{"name": "provider-keys"}, {"name": "tracing"}],
        "serviceAccountName": "interviewer-identity",
        "resources": {
            "requests": {"cpu": "1000m", "memory": "2Gi"},
            "limits": {"cpu": 2, "memory": "4Gi", "ephemeral-storage": "1.5Gi"},
        },
        "nodeSelector": {"pool": "calls"},
        "tolerations": [
            {"key": "calls", "operator": "Exists"},
            {"key": "calls-only", "value": "yes", "effect": "NoSchedule"},
            {"key": "calls-only", "value": "yes", "effect": "NoExecute"},
        ],
        "topologySpread": [
            {
                "topologyKey": "topology.kubernetes.io/zone",
                "maxSkew": 2,
                "whenUnsatisfiable": "DoNotSchedule",
            }
        ],
        "priorityClassName": "calls",
    },
    "speech": [
        {
            "name": "stt",
            "stage": "STT",
            "image": "registry.example.com/whisper:2.1",
            "imagePullSecretRefs": [{"name": "registry"}],
            "envFromSecretRefs": [{"name": "model-hub"}],
            "resources": {"limits": {"nvidia.com/gpu": 1, "memory": "16Gi"}},
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        },
        {
            "name": "tts",
            "stage": "TTS",
            "image": "registry.example.com/kokoro:1.4",
            "port": 8880,
            "streamsPerReplica": 12,
        },
    ],
    "media": {
        "publicURL": "wss://media.example.com",
        "minReplicas": 2,
        "maxReplicas": 12,
        "network": {
            "mode": "PodNetwork",
            "signalPort": 7980,
            "tcpPort": 7981,
            "udpPort": 7982,
            "externalIP": "NodeAddress",
        },
        "redis": {
            "mode": "External",
            "address": "redis.voice.svc:6380",
            "secretRef": {"name": "shared-redis"},
        },
        "resources": {"requests": {"cpu": "2"}},
        "nodeSelector": {"pool": "media"},
    },
    "evaluation": {
        "image": "registry.example.com/evaluator:0.9",
        "imagePullSecretRefs": [{"name": "registry"}],
        "envFromSecretRefs": [{"name": "evaluation-store"}],
        "spot": "Required",
        "maxReplicas": 20,
    },
}


def a_fleet(spec: dict[str, Any], **fields: Any) -> Fleet:
    """Return a fleet whose author wrote this `spec`, in the manifest's own spelling."""
    fleet = parse_fleet({"metadata": {"name": "interviews"}, "spec": deepcopy(spec)})
    defaults = Fleet(
        name="interviews",
        namespace="voice",
        uid="0b9f2a4c-6d1e-4f3a-9c57-2f8e1d7a6b30",
        generation=1,
        spec=fleet.spec,
        status=fleet.status,
        platform=Platform(),
        secret_suffix="5ec2e7a0",
        has_finalizer=True,
    )
    return replace(defaults, **fields)


def a_minimal_fleet(**fields: Any) -> Fleet:
    """Return the smallest fleet: two workers, two media servers, a Redis of its own."""
    return a_fleet(MINIMAL_SPEC, **fields)


def a_full_fleet(**fields: Any) -> Fleet:
    """Return a fleet that uses every field: all tiers, an external Redis, an own account."""
    return a_fleet(FULL_SPEC, **fields)


def with_spec(fleet: Fleet, path: str, value: object) -> Fleet:
    """Return the fleet with one field of its spec set, such as `media.network.mode`."""
    spec = fleet.spec.to_manifest()
    *parents, last = path.split(".")
    section = spec
    for parent in parents:
        section = section.setdefault(parent, {})
    section[last] = value
    return replace(fleet, spec=a_fleet(spec).spec)
