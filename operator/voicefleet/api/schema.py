"""The CustomResourceDefinitions of VoiceFleet and SurgePlan, made from the models.

Pure functions of the code, so the committed files can be compared with them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from voicefleet.api.base import API_GROUP, API_VERSION, GROUP_VERSION, ApiModel
from voicefleet.api.laws import FLEET_LAWS, Law
from voicefleet.api.status import VoiceFleetStatus
from voicefleet.api.structural import VALIDATIONS, Schema, to_structural
from voicefleet.api.surgeplan import SurgePlanSpec, SurgePlanStatus
from voicefleet.api.voicefleet import VoiceFleetSpec
from voicefleet.manifests import Manifest

FLEET_DESCRIPTION = (
    "A VoiceFleet is a fleet of voice agents in one namespace: workers that talk with callers, "
    "media servers that carry the audio, and, if wanted, speech servers and evaluators of your "
    "own. The operator never ends a live call to scale, to roll out or to repair."
)
SURGE_DESCRIPTION = (
    "A SurgePlan announces demand for one VoiceFleet of its namespace, so that workers are ready "
    "before the callers come: hours that come once or every week, and calls that are booked. A "
    "plan only ever adds capacity; it never takes any away, and never ends a call."
)


@dataclass(frozen=True, slots=True)
class Kind:
    """What the CRDs of our kinds differ in."""

    name: str
    plural: str
    short_name: str
    description: str
    spec: type[ApiModel]
    status: type[ApiModel]
    columns: Sequence[Manifest]
    laws: tuple[Law, ...] = ()
    """Laws on the whole object; those on its parts are found by their models."""
    subresources: Manifest = field(default_factory=dict)
    """Beside `status`, which each kind has."""


def crd_manifest() -> Manifest:
    """Return the CustomResourceDefinition that crds/voicefleets.yaml holds."""
    return _crd(_fleet_kind())


def surge_crd_manifest() -> Manifest:
    """Return the CustomResourceDefinition that crds/surgeplans.yaml holds."""
    return _crd(_surge_kind())


def fleet_schema() -> Schema:
    """Return the structural schema of a whole VoiceFleet."""
    return _schema(_fleet_kind())


def surge_schema() -> Schema:
    """Return the structural schema of a whole SurgePlan."""
    return _schema(_surge_kind())


def _fleet_kind() -> Kind:
    scale = {
        "specReplicasPath": ".spec.agents.floorReplicas",
        "statusReplicasPath": ".status.agents.replicas",
        "labelSelectorPath": ".status.agents.selector",
    }
    return Kind(
        "VoiceFleet",
        "voicefleets",
        "vf",
        FLEET_DESCRIPTION,
        spec=VoiceFleetSpec,
        status=VoiceFleetStatus,
        columns=_fleet_columns(),
        laws=FLEET_LAWS,
        subresources={"scale": scale},
    )


def _surge_kind() -> Kind:
    return Kind(
        "SurgePlan",
        "surgeplans",
        "surge",
        SURGE_DESCRIPTION,
        spec=SurgePlanSpec,
        status=SurgePlanStatus,
        columns=_surge_columns(),
    )


def _crd(kind: Kind) -> Manifest:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{API_GROUP}",
            "labels": {"app.kubernetes.io/part-of": "voicefleet"},
        },
        "spec": {
            "group": API_GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short_name],
                # Not `voicefleet`: kubectl takes the category first, and then
                # `kubectl get voicefleet NAME` asks for two kinds at once and is refused.
                "categories": ["voice"],
            },
            "versions": [_version(kind)],
        },
    }


def _schema(kind: Kind) -> Schema:
    laws = [law.to_validation() for law in kind.laws]
    return {
        "description": kind.description,
        "type": "object",
        "required": ["spec"],
        "properties": {
            **_object_fields(kind),
            "spec": to_structural(kind.spec),
            "status": to_structural(kind.status, has_defaults=False),
        },
        **({VALIDATIONS: laws} if laws else {}),
    }


def _object_fields(kind: Kind) -> Schema:
    return {
        "apiVersion": {
            "description": f"Version of the API that this object uses: {GROUP_VERSION}.",
            "type": "string",
        },
        "kind": {"description": f"Kind of this object: {kind.name}.", "type": "string"},
        "metadata": {"type": "object", "properties": {"name": {"type": "string"}}},
    }


def _version(kind: Kind) -> Manifest:
    return {
        "name": API_VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _schema(kind)},
        "additionalPrinterColumns": list(kind.columns),
        "subresources": {"status": {}, **kind.subresources},
    }


def _fleet_columns() -> list[dict[str, Any]]:
    ready = _condition("Ready")
    return [
        _column("Ready", f"{ready}.status", "Whether every tier has what it should."),
        _column("Sessions", ".status.summary.sessions", "Running sessions and slots for them."),
        _column("P95", ".status.summary.latency", "P95 of the time to an answer's first sound."),
        _column("Target", ".status.summary.target", "What that P95 should be at most."),
        _column("Agents", ".status.summary.agents", "Ready and wanted workers."),
        _column("Media", ".status.summary.media", "Ready and wanted media servers."),
        _column("Age", ".metadata.creationTimestamp", "Time since it was created.", kind="date"),
        _wide(
            "Forecast",
            ".status.agents.sizing.figures.forecast",
            "Sessions expected on top, a lead time from now.",
            kind="integer",
        ),
        _wide("Min", ".spec.agents.minReplicas", "Fewest workers.", kind="integer"),
        _wide("Max", ".spec.agents.maxReplicas", "Most workers.", kind="integer"),
        _wide("Floor", ".spec.agents.floorReplicas", "Lower bound by hand.", kind="integer"),
        _wide("Reason", f"{ready}.reason", "Why it is ready or not."),
        _wide("Last-Decision", ".status.decisions[0].message", "What was decided last."),
    ]


def _surge_columns() -> list[dict[str, Any]]:
    accepted, reachable = _condition("Accepted"), _condition("CapacityReachable")
    return [
        _column("Fleet", ".spec.fleetName", "The fleet that it is about."),
        _column("Accepted", f"{accepted}.status", "Whether everything in it counts."),
        _column("Reachable", f"{reachable}.status", "Whether the fleet can become so large."),
        _column("Next", ".status.next.name", "The window that begins next."),
        _column("Starts", ".status.next.startTime", "When it begins."),
        _column("Workers", ".status.next.replicas", "Workers that it takes.", kind="integer"),
        _column("Age", ".metadata.creationTimestamp", "Time since it was created.", kind="date"),
        _wide("Ready-At", ".status.next.readyTime", "When its workers will be ready."),
        _wide("Active", ".status.active[0]", "A window that lasts now."),
        _wide("Message", f"{reachable}.message", "What it takes, in one sentence."),
    ]


def _condition(kind: str) -> str:
    return f'.status.conditions[?(@.type=="{kind}")]'


def _column(name: str, path: str, description: str, *, kind: str = "string") -> dict[str, Any]:
    return {"name": name, "type": kind, "jsonPath": path, "description": description}


def _wide(name: str, path: str, description: str, *, kind: str = "string") -> dict[str, Any]:
    return {**_column(name, path, description, kind=kind), "priority": 1}
