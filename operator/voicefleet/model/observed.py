"""What the cluster and the workers said, at one instant.

Nothing in here is wanted or guessed. What nobody said is absent, and an absent report
is not a report of zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.model.signal import Signals
from voicefleet.model.surge import Surge

REPORT_AGE_MAX = timedelta(seconds=10)
"""Older than this, a worker's own count is history (the law of two-phase removal)."""


START_PRECISION = timedelta(seconds=1)
"""The kubelet cuts a container's start to the second, so it may be so much later."""


class Tier(StrEnum):
    """The four tiers and what stands beside them, in the words used everywhere."""

    AGENTS = "agents"
    SPEECH = "speech"
    MEDIA = "media"
    EVALUATION = "evaluation"
    REDIS = "redis"


@dataclass(frozen=True, slots=True)
class Child:
    """One object of the fleet as the cache holds it.

    `manifest` is shared with the cache and is never written to.
    """

    key: ObjectKey
    manifest: Manifest
    scaler_owns_replicas: bool = False
    """Whether field manager `voicefleet-scaler` owns `spec.replicas`."""

    @property
    def uid(self) -> str:
        """The identity that outlives no deletion."""
        return str(self.manifest["metadata"].get("uid", ""))

    @property
    def resource_version(self) -> str:
        """The version a guarded write must name."""
        return str(self.manifest["metadata"].get("resourceVersion", ""))

    @property
    def is_deleting(self) -> bool:
        """Whether somebody has deleted it already."""
        return "deletionTimestamp" in self.manifest["metadata"]

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels, empty where it has none."""
        return self.manifest["metadata"].get("labels") or {}

    @property
    def replicas(self) -> int:
        """`spec.replicas`, which the API server defaults to 1."""
        return int(self.manifest.get("spec", {}).get("replicas", 1))

    @property
    def ready_replicas(self) -> int:
        """Pods that its controller counts as Ready."""
        return int((self.manifest.get("status") or {}).get("readyReplicas", 0))


Children = Mapping[ObjectKey, Child]
"""The objects of a fleet by their addresses; the same mapping for as long as none changes."""


@dataclass(frozen=True, slots=True)
class PodTrouble:
    """Why a pod does not run, in the kubelet's or the scheduler's word and sentence."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Pod:
    """The facts about one pod that decisions need."""

    name: str
    namespace: str
    uid: str
    tier: Tier
    revision: str
    owner_name: str
    """The ReplicaSet it belongs to; empty where it belongs to none of the fleet's."""
    created_at: datetime
    is_ready: bool = False
    is_running: bool = False
    """Whether any container runs now. Where none does, no call can be in the pod."""
    started_at: datetime | None = None
    """When its youngest running container started, in whole seconds of the node's clock."""
    ready_at: datetime | None = None
    """Since when it is Ready; lead times are measured from it. None while it is not."""
    is_deleting: bool = False
    is_finished: bool = False
    """Phase Succeeded or Failed (an eviction): its ReplicaSet no longer counts it."""
    ip: str = ""
    node: str = ""
    grace_seconds: int = 0
    owner_uid: str = ""
    """Which object of that name is meant; anybody may write a name into a pod of theirs."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    trouble: PodTrouble | None = None

    def has_run_since(self, instant: datetime) -> bool:
        """Say whether no container of it was restarted after that instant.

        A restarted worker has forgotten its cordon, and a restarted server its rooms; what
        either said before was said by another process.
        """
        return self.started_at is None or instant >= self.started_at + START_PRECISION


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """A worker's own word about itself (the worker endpoint, schema version 1)."""

    observed_at: datetime
    revision: str
    slots: int
    active: int
    reserved: int
    is_cordoned: bool
    cordoned_since: datetime | None = None
    """When this operator first saw it cordoned; None while it takes sessions."""
    oldest_session_started_at: datetime | None = None
    session_starts: tuple[datetime, ...] = ()
    """When each running session began, by the worker's clock; arrivals are counted from them."""

    def is_fresh(self, now: datetime) -> bool:
        """Whether it may still be believed about being empty."""
        return now - self.observed_at <= REPORT_AGE_MAX


@dataclass(frozen=True, slots=True)
class ServerReport:
    """A media server's own room count, with how long it has been zero."""

    observed_at: datetime
    rooms: int
    participants: int | None = None
    """Connections: two per session, and those who listen; None where it does not say."""
    empty_since: datetime | None = None
    """First of the unbroken row of zero readings; None while a room exists."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A write that the API server refused for good."""

    key: ObjectKey
    status: int
    reason: str
    message: str
    is_name_taken: bool = False
    """An object of that name exists and belongs to somebody else."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One snapshot of everything a fleet's plan depends on, beside its own spec."""

    children: Children = field(default_factory=dict)
    pods: tuple[Pod, ...] = ()
    workers: Mapping[str, WorkerReport] = field(default_factory=dict)
    """By pod UID. A worker without an entry has never answered: unknown, so busy."""
    servers: Mapping[str, ServerReport] = field(default_factory=dict)
    """By pod UID."""
    is_namespace_terminating: bool = False
    secrets_due: bool = False
    """Whether this cycle posts the generated Secrets: they can be created, never read."""
    signals: Signals = field(default_factory=Signals)
    """What the metrics provider said; empty where there is none, or it does not answer."""
    surges: tuple[Surge, ...] = ()
    """Announced demand whose time is near, resolved for this moment."""
    memory: Mapping[str, Any] = field(default_factory=dict)
    """What the last plan wanted remembered, as JSON; empty where it was lost."""

    def report_of_worker(self, pod: Pod) -> WorkerReport | None:
        """Return what this very process of the worker last said, however old."""
        report = self.workers.get(pod.uid)
        return report if report is not None and pod.has_run_since(report.observed_at) else None

    def report_of_server(self, pod: Pod) -> ServerReport | None:
        """Return what this very process of the media server last said, however old."""
        report = self.servers.get(pod.uid)
        return report if report is not None and pod.has_run_since(report.observed_at) else None
