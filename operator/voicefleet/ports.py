"""The outside world as the cycle needs it: one Protocol for each outside system.

Each has a real adapter in `adapters/` and a fake in `tests/support/fakes.py`; the same
contract suite runs against both.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from voicefleet.api.reasons import Reason
from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Child, Observed, Pod, ServerReport, WorkerReport
from voicefleet.model.plan import MarkPod, Plan, SecretPurpose
from voicefleet.model.signal import Signals
from voicefleet.model.surge import Announcement, Surge


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """Return the current instant in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only ever grow, for measuring durations."""
        ...


class Cluster(Protocol):
    """The Kubernetes API: reads come from a synced cache, writes go to the server.

    Every write raises `ConflictError` (409 or a failed precondition), `RefusedError`
    (another 4xx) or `UnavailableError` (no answer after own retries).
    """

    def fleet_keys(self) -> Collection[ObjectKey]:
        """Return every VoiceFleet in the cache."""
        ...

    def find_fleet(self, key: ObjectKey) -> Manifest | None:
        """Return a VoiceFleet as the cache has it."""
        ...

    async def forget_lost_fleets(self) -> Collection[ObjectKey]:
        """Forget the VoiceFleets that the server does not have any more; return them.

        Who watches learns of no deletion that falls between two watches.
        """
        ...

    def children(self, fleet: ObjectKey) -> Mapping[ObjectKey, Child]:
        """Return every object labelled as this fleet's, pods excepted."""
        ...

    def pods(self, fleet: ObjectKey) -> Sequence[Pod]:
        """Return every pod labelled as this fleet's."""
        ...

    async def refresh(self, key: ObjectKey) -> Child | None:
        """Read one object from the server past the cache and remember it if it is ours."""
        ...

    async def is_namespace_terminating(self, namespace: str) -> bool:
        """Say whether the namespace is being deleted, read from the server."""
        ...

    async def apply(self, manifest: Manifest) -> None:
        """Server-side apply as `voicefleet`, with force; the cache learns the answer."""
        ...

    async def scale(self, key: ObjectKey, replicas: int, resource_version: str | None) -> None:
        """Server-side apply of `spec.replicas` alone, as `voicefleet-scaler`."""
        ...

    async def delete(self, key: ObjectKey, uid: str) -> None:
        """Delete in the background if it still is the object with this UID; gone is fine."""
        ...

    async def mark_pod(self, mark: MarkPod) -> None:
        """Server-side apply of our pod labels and annotations; a vanished pod is fine."""
        ...

    async def create_secret(self, manifest: Manifest) -> bool:
        """POST a Secret; return False where one of that name exists."""
        ...

    async def set_finalizer(self, key: ObjectKey, *, present: bool) -> None:
        """Put our finalizer on a VoiceFleet or take it off, guarded by resourceVersion."""
        ...

    async def write_status(self, key: ObjectKey, status: Manifest) -> None:
        """Server-side apply of the whole status, as `voicefleet-status`."""
        ...


class Workers(Protocol):
    """The agents workers' own endpoint."""

    def follow(self, fleet: ObjectKey, pods: Sequence[Pod]) -> None:
        """Keep long polls to exactly these workers of one fleet; a change wakes that fleet."""
        ...

    def report(self, pod: Pod) -> WorkerReport | None:
        """Return the newest report of a worker, however old, or None if it never answered."""
        ...

    async def read(self, pod: Pod) -> WorkerReport | None:
        """Ask a worker now, without waiting for a change; None where it does not answer."""
        ...

    async def cordon(self, pod_ip: str, token: str) -> None:
        """Stop new sessions. Raises `UnavailableError` where the worker does not answer."""
        ...

    async def uncordon(self, pod_ip: str, token: str) -> None:
        """Take sessions again. Raises `UnavailableError` where it does not answer."""
        ...


class MediaServers(Protocol):
    """The media servers' own counters."""

    async def read(self, pod: Pod) -> ServerReport | None:
        """Ask a server for its room count; None where it does not answer."""
        ...

    def report(self, pod: Pod) -> ServerReport | None:
        """Return the newest reading, or None if there is none."""
        ...


class MetricsProvider(Protocol):
    """Percentiles, GPU use and queues of one fleet, from a system that stores metrics."""

    def signals(self, fleet: Fleet) -> Signals:
        """Return the newest values of a fleet, each with its own time; never waits.

        Asking for a fleet begins to follow it: its values are read again every few seconds in
        the background, and a change that may matter wakes the fleet. What could not be read
        is absent, with the cause in `faults`. Never raises.
        """
        ...

    def forget(self, key: ObjectKey) -> None:
        """Stop following a fleet."""
        ...


class Surges(Protocol):
    """The SurgePlans and bookings about a fleet, from a cache."""

    def find(self, key: ObjectKey, now: datetime) -> tuple[Surge, ...]:
        """Return the occurrences that lie between a day ago and a day ahead; never waits."""
        ...


class SurgePlans(Surges, Protocol):
    """The SurgePlans themselves, and what is said about them."""

    def find_plan(self, key: ObjectKey) -> Announcement | None:
        """Return a plan from the cache; None where there is none, or it is being deleted."""
        ...

    async def read_quotas(self, namespace: str) -> Sequence[Manifest]:
        """Return the ResourceQuotas of a namespace, read from the server."""
        ...

    async def write_status(self, key: ObjectKey, status: Manifest) -> None:
        """Server-side apply of a plan's whole status; a plan that is gone is fine."""
        ...


class Tape(Protocol):
    """A recording of what cycles saw and planned, to plan them again elsewhere."""

    def note(self, fleet: Fleet, seen: Observed, now: datetime, made: Plan) -> None:
        """Append one cycle; never raises."""
        ...


class Recorder(Protocol):
    """Kubernetes Events, aggregated: the same thing twice is one Event with a count."""

    async def record(self, fleet: Manifest, *, reason: Reason, note: str, is_warning: bool) -> None:
        """Write one Event about a fleet; never raises for an Event that could not be written."""
        ...


class Secrets(Protocol):
    """What derives from the install key. The only holder of secret values."""

    def suffix(self, fleet_uid: str) -> str:
        """Return the 8 hex digits in the names of a fleet's Secrets."""
        ...

    def contents(self, fleet_uid: str, purpose: SecretPurpose) -> Mapping[str, str]:
        """Return the byte-identical contents of one generated Secret."""
        ...

    def worker_token(self, fleet_uid: str) -> str:
        """Return the token that the fleet's workers ask for."""
        ...


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """The Lease as the server has it."""

    holder: str
    renewed_at: datetime | None
    duration_seconds: int
    transitions: int
    resource_version: str


class LeaseStore(Protocol):
    """One coordination.k8s.io Lease."""

    async def read(self) -> LeaseRecord | None:
        """Return the Lease, or None where it does not exist yet."""
        ...

    async def write(self, record: LeaseRecord) -> LeaseRecord:
        """Create (empty resource_version) or update it; raises `ConflictError` if beaten."""
        ...
