"""The accepted and the refused plan of every law of SurgePlans, and small plans for tests."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from support.law_cases import Manifest, merged

SURGE_LAWS_FILE = Path(__file__).parents[1] / "cluster" / "api_cases" / "surge_laws.yaml"

SMALL_PLAN: Manifest = {
    "fleetName": "interviews",
    "timeZone": "Europe/Berlin",
    "windows": [
        {
            "name": "morning",
            "peakSessions": 500,
            "weekly": {"days": ["Monday"], "from": "09:00", "to": "11:00"},
        }
    ],
}


@dataclass(frozen=True, slots=True)
class SurgeCase:
    """One law with a plan on each side of it."""

    law: str
    """Model and name of the law."""
    accepted: Manifest
    refused: Manifest
    says: str


def a_surge_plan(
    namespace: str = "default", change: Manifest | None = None, *, name: str = "campus-day"
) -> Manifest:
    """Return a SurgePlan manifest: the small one with a change of its spec."""
    return {
        "apiVersion": "voicefleet.dev/v1alpha1",
        "kind": "SurgePlan",
        "metadata": {"name": name, "namespace": namespace},
        "spec": merged(SMALL_PLAN, change or {}),
    }


@cache
def surge_cases() -> tuple[SurgeCase, ...]:
    """Return every case of the data file, in its order."""
    return tuple(SurgeCase(**row) for row in yaml.safe_load(SURGE_LAWS_FILE.read_text()))
