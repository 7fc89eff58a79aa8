"""A plan is data: frozen steps, each with the sentence that explains it.

The executor runs steps in order and stops at the first conflict. The same sentence goes
to the log, to the Event, to status and to `voicefleet plan`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.model.decision import Decision


class SecretPurpose(StrEnum):
    """What a generated Secret is for; its name and its contents derive from this word."""

    MEDIA_KEYS = "media-keys"
    WORKER_TOKEN = "worker-token"  # noqa: S105 - the word for a purpose, not a token
    REDIS = "redis"


@dataclass(frozen=True, slots=True)
class CreateSecret:
    """Make sure a generated Secret exists. Its contents never enter a plan."""

    key: ObjectKey
    purpose: SecretPurpose
    labels: Mapping[str, str]
    because: str


@dataclass(frozen=True, slots=True)
class CreateChild:
    """Create an object that the cache does not have.

    The executor looks once more before it writes: an object of that name may exist
    without our labels (then the cache learns of it and the fleet is planned again) or
    belong to somebody else (then it is refused). A workload's manifest carries
    `spec.replicas`; the scaler co-owns the field at once.
    """

    manifest: Manifest
    because: str


@dataclass(frozen=True, slots=True)
class ApplyChild:
    """Bring an existing object to the wanted fields; never contains `spec.replicas`."""

    manifest: Manifest
    because: str


@dataclass(frozen=True, slots=True)
class ScaleChild:
    """Set `spec.replicas`, as field manager `voicefleet-scaler`.

    With a `resource_version` the write fails when anything about the workload changed
    since it was observed; removals always carry one.
    """

    key: ObjectKey
    replicas_from: int
    replicas_to: int
    because: str
    resource_version: str | None = None


@dataclass(frozen=True, slots=True)
class DeleteChild:
    """Delete an object that the fleet no longer wants, if it is still the one observed."""

    key: ObjectKey
    uid: str
    because: str


@dataclass(frozen=True, slots=True)
class MarkPod:
    """Set the labels and annotations that we own on one pod; what is left out goes away."""

    key: ObjectKey
    uid: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    because: str


@dataclass(frozen=True, slots=True)
class CordonWorker:
    """Ask a worker to take no new sessions. Reversible."""

    key: ObjectKey
    uid: str
    ip: str
    because: str


@dataclass(frozen=True, slots=True)
class UncordonWorker:
    """Let a worker take sessions again."""

    key: ObjectKey
    uid: str
    ip: str
    because: str


@dataclass(frozen=True, slots=True)
class HoldFleet:
    """Put our finalizer on the fleet, so that its deletion drains first."""

    because: str


@dataclass(frozen=True, slots=True)
class ReleaseFleet:
    """Take our finalizer off: nothing of the fleet needs us any more."""

    because: str


Step = (
    CreateSecret
    | CreateChild
    | ApplyChild
    | ScaleChild
    | DeleteChild
    | MarkPod
    | CordonWorker
    | UncordonWorker
    | HoldFleet
    | ReleaseFleet
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one cycle is going to do, in order."""

    steps: tuple[Step, ...] = ()
    decisions: tuple[Decision, ...] = ()
    wake_after: timedelta | None = None
    """When to look again although nothing may have changed (a settle time, a drain)."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """What was wanted and not done, by subject, with the reason; shown, not applied."""
    memory: Mapping[str, Any] | None = None
    """What the next plan must know, as JSON of bounded size; None where nothing changed."""


NOTHING = Plan()
"""What has to be done about nearly every child in nearly every cycle."""


def join_plans(*plans: Plan) -> Plan:
    """Return one plan that does the given ones in their order."""
    plans = tuple([plan for plan in plans if plan is not NOTHING])
    if len(plans) < 2:  # noqa: PLR2004 - there is nothing to join
        return plans[0] if plans else NOTHING
    steps: list[Step] = []
    decisions: list[Decision] = []
    notes: dict[str, str] = {}
    for plan in plans:
        steps += plan.steps
        decisions += plan.decisions
        notes.update(plan.notes)
    waits = [plan.wake_after for plan in plans if plan.wake_after is not None]
    memory = _join_memories(plans)
    return Plan(tuple(steps), tuple(decisions), min(waits, default=None), notes, memory)


def _join_memories(plans: Iterable[Plan]) -> dict[str, Any] | None:
    joined: dict[str, Any] = {}
    memories = [plan.memory for plan in plans if plan.memory is not None]
    for memory in memories:
        joined.update(memory)
    return joined if memories else None
