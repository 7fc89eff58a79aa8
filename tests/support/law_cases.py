"""The accepted and the refused manifest of every law, read from the cluster tests' data."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

LAWS_FILE = Path(__file__).parents[1] / "cluster" / "api_cases" / "laws.yaml"

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LawCase:
    """One law with a manifest on each side of it."""

    law: str
    """Model and name of the law, such as `AgentsSpec/floor is at most maximum`."""
    accepted: Manifest
    refused: Manifest
    says: str
    before: Manifest | None = None

    def fleet(self, fragment: Manifest, namespace: str) -> Manifest:
        """Return a whole fleet with the fragment merged into it."""
        spec = merged(SMALL_SPEC, {k: v for k, v in fragment.items() if k != "name"})
        return a_fleet(namespace, spec, name=fragment.get("name", "lawful"))


SMALL_SPEC: Manifest = {
    "agents": {"image": "registry.example.com/agent:1.0"},
    "media": {"network": {"mode": "PodNetwork"}},
}
"""The least that is accepted."""


def a_fleet(namespace: str, spec: Any, *, name: str = "lawful") -> Manifest:
    """Return a VoiceFleet manifest around a spec."""
    return {
        "apiVersion": "voicefleet.dev/v1alpha1",
        "kind": "VoiceFleet",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def merged(base: Manifest, change: Manifest) -> Manifest:
    """Return a JSON merge patch applied: maps merge, lists are replaced, null removes."""
    result = dict(base)
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


@cache
def law_cases() -> tuple[LawCase, ...]:
    """Return every case of the data file, in its order."""
    return tuple(LawCase(**row) for row in yaml.safe_load(LAWS_FILE.read_text()))
