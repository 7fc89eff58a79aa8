"""The CustomResourceDefinition of VoiceFleet, made from the models.

A pure function of the code, so the committed file can be compared with it.
"""

from typing import Any

from voicefleet.api.base import API_GROUP, API_VERSION, GROUP_VERSION
from voicefleet.api.laws import FLEET_LAWS
from voicefleet.api.status import VoiceFleetStatus
from voicefleet.api.structural import VALIDATIONS, Schema, to_structural
from voicefleet.api.voicefleet import VoiceFleetSpec
from voicefleet.manifests import Manifest

KIND = "VoiceFleet"
PLURAL = "voicefleets"

FLEET_DESCRIPTION = (
    "A VoiceFleet is a fleet of voice agents in one namespace: workers that talk with callers, "
    "media servers that carry the audio, and, if wanted, speech servers and evaluators of your "
    "own. The operator never ends a live call to scale, to roll out or to repair."
)
OBJECT_FIELDS: Schema = {
    "apiVersion": {
        "description": f"Version of the API that this object uses: {GROUP_VERSION}.",
        "type": "string",
    },
    "kind": {"description": f"Kind of this object: {KIND}.", "type": "string"},
    "metadata": {"type": "object", "properties": {"name": {"type": "string"}}},
}
READY_CONDITION = '.status.conditions[?(@.type=="Ready")]'


def crd_manifest() -> Manifest:
    """Return the CustomResourceDefinition that crds/voicefleets.yaml holds."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{PLURAL}.{API_GROUP}",
            "labels": {"app.kubernetes.io/part-of": "voicefleet"},
        },
        "spec": {
            "group": API_GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["vf"],
                "categories": ["voicefleet"],
            },
            "versions": [_version()],
        },
    }


def fleet_schema() -> Schema:
    """Return the structural schema of the whole object."""
    return {
        "description": FLEET_DESCRIPTION,
        "type": "object",
        "required": ["spec"],
        "properties": {
            **OBJECT_FIELDS,
            "spec": to_structural(VoiceFleetSpec),
            "status": to_structural(VoiceFleetStatus, has_defaults=False),
        },
        VALIDATIONS: [law.to_validation() for law in FLEET_LAWS],
    }


def _version() -> Manifest:
    return {
        "name": API_VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": fleet_schema()},
        "additionalPrinterColumns": _columns(),
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.agents.floorReplicas",
                "statusReplicasPath": ".status.agents.replicas",
                "labelSelectorPath": ".status.agents.selector",
            },
        },
    }


def _columns() -> list[dict[str, Any]]:
    return [
        _column("Ready", f"{READY_CONDITION}.status", "Whether every tier has what it should."),
        _column("Sessions", ".status.summary.sessions", "Running sessions and slots for them."),
        _column("Agents", ".status.summary.agents", "Ready and wanted workers."),
        _column("Media", ".status.summary.media", "Ready and wanted media servers."),
        _column("Age", ".metadata.creationTimestamp", "Time since it was created.", kind="date"),
        _wide("Min", ".spec.agents.minReplicas", "Fewest workers.", kind="integer"),
        _wide("Max", ".spec.agents.maxReplicas", "Most workers.", kind="integer"),
        _wide("Floor", ".spec.agents.floorReplicas", "Lower bound by hand.", kind="integer"),
        _wide("Reason", f"{READY_CONDITION}.reason", "Why it is ready or not."),
        _wide("Last-Decision", ".status.decisions[0].message", "What was decided last."),
    ]


def _column(name: str, path: str, description: str, *, kind: str = "string") -> dict[str, Any]:
    return {"name": name, "type": kind, "jsonPath": path, "description": description}


def _wide(name: str, path: str, description: str, *, kind: str = "string") -> dict[str, Any]:
    return {**_column(name, path, description, kind=kind), "priority": 1}
