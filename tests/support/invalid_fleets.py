"""Manifests that nobody should get away with: generated from the CRD, and written by hand.

Three kinds. A faulty field is refused by the API server and by the operator's own parser. A
broken law is refused by the API server. An unplaceable fleet is accepted, because only the
cluster can know, and must end in a condition.
"""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from support.law_cases import SMALL_SPEC, a_fleet, law_cases, merged

CRD_FILE = Path(__file__).parents[2] / "crds" / "voicefleets.yaml"

Manifest = dict[str, Any]
Steps = tuple[str | int, ...]

FULL_SPEC: Manifest = {
    "paused": False,
    "deletionPolicy": "Drain",
    "agents": {
        "image": "registry.example.com/agent:1.0",
        "imagePullSecretRefs": [{"name": "registry"}],
        "agentName": "interviewer",
        "sessionsPerWorker": 8,
        "minReplicas": 2,
        "maxReplicas": 10,
        "floorReplicas": 0,
        "maxSessionSeconds": 3600,
        "envFromSecretRefs": [{"name": "provider-keys"}],
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "voice"}],
        "topologySpread": [{"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1}],
        "priorityClassName": "live-calls",
        "serviceAccountName": "agents",
    },
    "speech": [
        {
            "name": "tts",
            "stage": "TTS",
            "image": "registry.example.com/tts:2.0",
            "port": 8000,
            "streamsPerReplica": 20,
            "minReplicas": 1,
            "maxReplicas": 8,
            "resources": {"limits": {"nvidia.com/gpu": 1}},
        }
    ],
    "media": {
        "mode": "SelfHosted",
        "publicURL": "wss://media.example.com",
        "minReplicas": 2,
        "maxReplicas": 4,
        "connectionsPerServer": 100,
        "network": {
            "mode": "HostNetwork",
            "signalPort": 7880,
            "tcpPort": 7881,
            "udpPort": 7882,
            "externalIP": "NodeAddress",
        },
        "redis": {
            "mode": "External",
            "address": "redis.voice.svc:6379",
            "secretRef": {"name": "redis"},
        },
    },
    "evaluation": {
        "image": "registry.example.com/scorer:1.0",
        "spot": "Preferred",
        "minReplicas": 0,
        "maxReplicas": 10,
    },
}
"""Every block of the spec, and most of its fields, with accepted values."""

NOT_A_TEXT = "no such word!"
"""Breaks every pattern and is no member of any enum."""


def invalid_fleets(namespace: str) -> Iterator[tuple[str, Manifest]]:
    """Yield every invalid manifest with a few words on what is wrong with it."""
    yield from field_faults(namespace)
    yield from law_faults(namespace)
    yield from unplaceable_fleets(namespace)


def field_faults(namespace: str) -> Iterator[tuple[str, Manifest]]:
    """Yield one manifest per field and way to get it wrong, and some with no shape at all."""
    schema = yaml.safe_load(CRD_FILE.read_text())["spec"]["versions"][0]["schema"]
    spec_schema = schema["openAPIV3Schema"]["properties"]["spec"]
    number = 0
    for steps, what, value in _faults(spec_schema, FULL_SPEC, ()):
        number += 1
        spec = _with_value(FULL_SPEC, steps, value)
        yield f"{_path(steps)}: {what}", a_fleet(namespace, spec, name=f"fault-{number}")
    for what, spec in SHAPELESS.items():
        number += 1
        yield f"spec: {what}", a_fleet(namespace, spec, name=f"fault-{number}")


def law_faults(namespace: str) -> Iterator[tuple[str, Manifest]]:
    """Yield the refused manifest of every law that a single manifest can break."""
    for number, case in enumerate(law_cases()):
        if case.before is None:
            yield case.law, case.fleet({"name": f"law-{number}", **case.refused}, namespace)


def unplaceable_fleets(namespace: str) -> Iterator[tuple[str, Manifest]]:
    """Yield fleets whose pods the cluster refuses or cannot place."""
    for number, (what, agents) in enumerate(UNPLACEABLE.items()):
        spec = merged(SMALL_SPEC, {"agents": agents})
        yield what, a_fleet(namespace, spec, name=f"unplaceable-{number}")


SHAPELESS: dict[str, Any] = {
    "null": None,
    "empty": {},
    "a text": "fleet",
    "a list": [],
    "a number": 7,
    "agents only": {"agents": {"image": "agent"}},
    "media only": {"media": {}},
    "agents null": {"agents": None, "media": {}},
    "media a list": {"agents": {"image": "agent"}, "media": [{}]},
    "speech a map": merged(SMALL_SPEC, {"speech": {"tts": {"stage": "TTS", "image": "tts"}}}),
    "speech pools of one name": merged(
        SMALL_SPEC, {"speech": [{"name": "tts", "stage": "TTS", "image": "tts"}] * 2}
    ),
    "a Secret named twice": merged(
        SMALL_SPEC, {"agents": {"envFromSecretRefs": [{"name": "keys"}] * 2}}
    ),
    "image with a tag and a space": merged(SMALL_SPEC, {"agents": {"image": "agent: 1.0"}}),
    "image with a scheme": merged(SMALL_SPEC, {"agents": {"image": "https://example.com/agent"}}),
    "image with a shell command": merged(SMALL_SPEC, {"agents": {"image": "agent;reboot"}}),
    "publicURL with a password": merged(
        SMALL_SPEC, {"media": {"publicURL": "wss://user:word@media.example.com"}}
    ),
    "publicURL of a file": merged(SMALL_SPEC, {"media": {"publicURL": "file:///etc/passwd"}}),
    "Redis address with a path": merged(
        SMALL_SPEC, {"media": {"redis": {"mode": "External", "address": "redis:6379/0"}}}
    ),
    "memory with a space": merged(
        SMALL_SPEC, {"agents": {"resources": {"requests": {"memory": "1 Gi"}}}}
    ),
    "cpu below zero": merged(SMALL_SPEC, {"agents": {"resources": {"requests": {"cpu": -1}}}}),
    "half a GPU": merged(
        SMALL_SPEC, {"agents": {"resources": {"limits": {"nvidia.com/gpu": 0.5}}}}
    ),
    "a toleration of everything": merged(
        SMALL_SPEC, {"agents": {"tolerations": [{"operator": "Exists"}]}}
    ),
}
"""Specs written by hand: wrong as a whole, or wrong in a way that people try."""

UNPLACEABLE: dict[str, Manifest] = {
    "a PriorityClass that does not exist": {"priorityClassName": "no-such-class"},
    "a ServiceAccount that does not exist": {"serviceAccountName": "no-such-account"},
    "a node label that no node has": {"nodeSelector": {"example.com/no-such-label": "true"}},
    "more memory than any node has": {"resources": {"requests": {"memory": "900Ti"}}},
}
"""Fields of `spec.agents` that are well formed and cannot come true."""


def _faults(schema: Manifest, value: Any, steps: Steps) -> Iterator[tuple[Steps, str, Any]]:
    """Yield every fault of one value and of everything in it: where, what, the value."""
    for what, wrong in _wrong_values(schema, value):
        yield steps, what, wrong
    for name in schema.get("required", ()):
        yield steps, f"without {name}", {key: item for key, item in value.items() if key != name}
    for name, part in schema.get("properties", {}).items():
        if isinstance(value, dict) and name in value:
            yield from _faults(part, value[name], (*steps, name))
    if "items" in schema:
        yield from _faults(schema["items"], value[0], (*steps, 0))
    if "additionalProperties" in schema:
        key = next(iter(value))
        yield from _faults(schema["additionalProperties"], value[key], (*steps, key))


def _wrong_values(schema: Manifest, value: Any) -> Iterator[tuple[str, Any]]:
    yield "of another type", {"no": "such"} if isinstance(value, list) else [value]
    if "minimum" in schema:
        yield "below its minimum", schema["minimum"] - 1
    if "maximum" in schema:
        yield "above its maximum", schema["maximum"] + 1
    if "maxLength" in schema:
        yield "too long", "a" * (schema["maxLength"] + 1)
    if "minLength" in schema:
        yield "empty", ""
    if schema.get("type") == "string" or "x-kubernetes-int-or-string" in schema:
        yield "no such word", NOT_A_TEXT
    if "maxItems" in schema:
        yield "too many entries", _numbered(value[0], schema["maxItems"] + 1)
    if "maxProperties" in schema:
        keys = range(schema["maxProperties"] + 1)
        yield "too many entries", {f"key-{number}": "a" for number in keys}


def _numbered(item: Manifest, count: int) -> list[Manifest]:
    """Return copies that differ in their key, so that only their number is wrong."""
    key = next(name for name in ("name", "topologyKey", "key") if name in item)
    return [{**item, key: f"{item[key]}-{number}"} for number in range(count)]


def _with_value(spec: Manifest, steps: Steps, value: Any) -> Any:
    if not steps:
        return value
    changed = deepcopy(spec)
    section: Any = changed
    for step in steps[:-1]:
        section = section[step]
    section[steps[-1]] = value
    return changed


def _path(steps: Steps) -> str:
    return ".".join(("spec", *map(str, steps)))
