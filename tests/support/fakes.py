"""A fake for every port, each held to the same contract suite as its adapter."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from support.fake_cluster import FakeCluster
from voicefleet.adapters.prometheus_news import is_news
from voicefleet.api.reasons import Reason
from voicefleet.errors import ConflictError, UnavailableError
from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Pod, ServerReport, WorkerReport
from voicefleet.model.plan import SecretPurpose
from voicefleet.model.signal import Signals
from voicefleet.ports import LeaseRecord

__all__ = [
    "NOW",
    "FakeClock",
    "FakeCluster",
    "FakeLeaseStore",
    "FakeMediaServers",
    "FakeMetrics",
    "FakeRecorder",
    "FakeSecrets",
    "FakeWorkers",
]

NOW = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
"""A Monday morning; the fake clock starts here."""


class FakeClock:
    """A clock that moves only when a test says so."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now
        self._elapsed = 0.0

    def now(self) -> datetime:
        """Do what the port says."""
        return self._now

    def monotonic(self) -> float:
        """Do what the port says."""
        return self._elapsed

    def advance(self, duration: timedelta) -> None:
        """Let time pass on both clocks."""
        self._now += duration
        self._elapsed += duration.total_seconds()

    def jump(self, duration: timedelta) -> None:
        """Set the wall clock, as an administrator would; the monotonic one is not moved."""
        self._now += duration


@dataclass
class FakeWorker:
    """What a worker would answer."""

    slots: int = 8
    active: int = 0
    reserved: int = 0
    revision: str = ""
    is_cordoned: bool = False
    oldest_session_started_at: datetime | None = None
    session_starts: tuple[datetime, ...] = ()
    is_silent: bool = False
    ip: str = ""


class FakeWorkers:
    """Implements `ports.Workers`. A worker is silent until `answer`."""

    def __init__(
        self,
        clock: FakeClock,
        wake: Callable[[ObjectKey], None] = lambda _: None,
        token: str | None = None,
    ) -> None:
        self._clock = clock
        self._wake = wake
        self._token = token
        self._workers: dict[str, FakeWorker] = {}
        self._followed: dict[str, ObjectKey] = {}
        self._reports: dict[str, WorkerReport] = {}

    def answer(self, pod: Pod, **state: object) -> None:
        """Change what a worker says, and let it answer."""
        known = self._workers.get(pod.uid, FakeWorker(revision=pod.revision))
        self._workers[pod.uid] = replace(known, **{"is_silent": False, "ip": pod.ip, **state})
        self._hear(pod.uid)

    def silence(self, pod: Pod) -> None:
        """Let a worker answer nothing any more."""
        if pod.uid in self._followed:
            self.report(pod)
        self._workers[pod.uid] = replace(self._workers[pod.uid], is_silent=True)

    def is_cordoned(self, pod: Pod) -> bool:
        """Say whether a worker refuses new calls, whoever may know that."""
        return pod.uid in self._workers and self._workers[pod.uid].is_cordoned

    def restart(self, wake: Callable[[ObjectKey], None]) -> None:
        """Serve a new operator, which polls nobody yet; the workers notice nothing."""
        self._wake = wake
        self._followed.clear()
        self._reports.clear()

    def followed(self, fleet: ObjectKey) -> set[str]:
        """Return the UIDs of a fleet's workers that are polled."""
        return {uid for uid, key in self._followed.items() if key == fleet}

    def follow(self, fleet: ObjectKey, pods: Sequence[Pod]) -> None:
        """Do what the port says."""
        wanted = {pod.uid for pod in pods if pod.ip and pod.is_running}
        for uid in self.followed(fleet) - wanted:
            del self._followed[uid]
            self._reports.pop(uid, None)
        for uid in wanted - self.followed(fleet):
            self._followed[uid] = fleet
            self._hear(uid)

    def report(self, pod: Pod) -> WorkerReport | None:
        """Do what the port says."""
        worker = self._workers.get(pod.uid)
        if pod.uid in self._followed and worker and not worker.is_silent:
            self._note(pod.uid, worker)
        return self._reports.get(pod.uid)

    async def read(self, pod: Pod) -> WorkerReport | None:
        """Do what the port says."""
        worker = self._workers.get(pod.uid)
        if worker is None or worker.is_silent:
            return None
        return self._note(pod.uid, worker)

    async def cordon(self, pod_ip: str, token: str) -> None:
        """Do what the port says."""
        self._order(pod_ip, token, is_cordoned=True)

    async def uncordon(self, pod_ip: str, token: str) -> None:
        """Do what the port says."""
        self._order(pod_ip, token, is_cordoned=False)

    def _order(self, ip: str, token: str, *, is_cordoned: bool) -> None:
        found = [uid for uid, one in self._workers.items() if one.ip == ip and not one.is_silent]
        if not found or self._token not in {None, token}:
            raise UnavailableError(f"worker at {ip} did not take the order")
        self._workers[found[0]] = replace(self._workers[found[0]], is_cordoned=is_cordoned)
        self._hear(found[0])

    def _hear(self, uid: str) -> None:
        """Let a followed worker's long poll answer."""
        worker, fleet = self._workers.get(uid), self._followed.get(uid)
        if worker is None or fleet is None or worker.is_silent:
            return
        before = self._reports.get(uid)
        after = self._note(uid, worker)
        if before is None or replace(before, observed_at=after.observed_at) != after:
            self._wake(fleet)

    def _note(self, uid: str, worker: FakeWorker) -> WorkerReport:
        now, before = self._clock.now(), self._reports.get(uid)
        since = (before.cordoned_since if before else None) or now
        report = WorkerReport(
            observed_at=now,
            revision=worker.revision,
            slots=worker.slots,
            active=worker.active,
            reserved=worker.reserved,
            is_cordoned=worker.is_cordoned,
            cordoned_since=since if worker.is_cordoned else None,
            oldest_session_started_at=worker.oldest_session_started_at,
            session_starts=tuple(sorted(worker.session_starts)),
        )
        if uid in self._followed:
            self._reports[uid] = report
        return report


class FakeMediaServers:
    """Implements `ports.MediaServers`. A server is silent until `answer`."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._rooms: dict[str, int] = {}
        self._participants: dict[str, int] = {}
        self._reports: dict[str, ServerReport] = {}

    def answer(self, pod: Pod, *, rooms: int, participants: int = 7) -> None:
        """Let a server hold this many rooms and participants."""
        self._rooms[pod.uid] = rooms
        self._participants[pod.uid] = participants

    def silence(self, pod: Pod) -> None:
        """Let a server answer nothing any more."""
        del self._rooms[pod.uid]

    def restart(self) -> None:
        """Serve a new operator, which has asked nobody yet."""
        self._reports.clear()

    async def read(self, pod: Pod) -> ServerReport | None:
        """Do what the port says."""
        known = self._reports.get(pod.uid)
        if pod.uid not in self._rooms:
            if known:
                self._reports[pod.uid] = replace(known, empty_since=None)
            return None
        rooms, now = self._rooms[pod.uid], self._clock.now()
        since = (known.empty_since if known else None) or now
        report = ServerReport(
            observed_at=now,
            rooms=rooms,
            participants=self._participants[pod.uid],
            empty_since=None if rooms else since,
        )
        self._reports[pod.uid] = report
        return report

    def report(self, pod: Pod) -> ServerReport | None:
        """Do what the port says."""
        return self._reports.get(pod.uid)


class FakeMetrics:
    """Implements `ports.MetricsProvider`. There is no provider until `answer`."""

    def __init__(self, wake: Callable[[ObjectKey], None] = lambda _: None) -> None:
        self._wake = wake
        self._signals: dict[ObjectKey, Signals] = {}
        self._followed: set[ObjectKey] = set()

    def answer(self, key: ObjectKey, signals: Signals) -> None:
        """Let a fleet's signals be these, and wake it if they are news."""
        before = self._signals.get(key, Signals())
        self._signals[key] = signals
        if key in self._followed and is_news(before, signals):
            self._wake(key)

    def signals(self, fleet: Fleet) -> Signals:
        """Do what the port says."""
        key = ObjectKey("VoiceFleet", fleet.namespace, fleet.name)
        self._followed.add(key)
        return self._signals.get(key, Signals())

    def forget(self, key: ObjectKey) -> None:
        """Do what the port says."""
        self._followed.discard(key)


@dataclass(frozen=True)
class RecordedEvent:
    """An Event as `kubectl describe` would show it."""

    fleet: str
    reason: Reason
    note: str
    is_warning: bool
    count: int = 1


class FakeRecorder:
    """Implements `ports.Recorder`."""

    def __init__(self) -> None:
        self._events: dict[tuple[str, Reason, str], RecordedEvent] = {}

    @property
    def events(self) -> list[RecordedEvent]:
        """Everything recorded, oldest first, repetitions counted."""
        return list(self._events.values())

    async def record(self, fleet: Manifest, *, reason: Reason, note: str, is_warning: bool) -> None:
        """Do what the port says."""
        metadata = fleet["metadata"]
        key = (metadata["uid"], reason, note)
        known = self._events.get(key)
        self._events[key] = (
            replace(known, count=known.count + 1)
            if known
            else RecordedEvent(metadata["name"], reason, note, is_warning)
        )


class FakeSecrets:
    """Implements `ports.Secrets` with values that can be told apart in a failing test."""

    def suffix(self, fleet_uid: str) -> str:
        """Do what the port says."""
        return hashlib.sha256(fleet_uid.encode()).hexdigest()[:8]

    def worker_token(self, fleet_uid: str) -> str:
        """Do what the port says."""
        return f"token-of-{fleet_uid}"

    def contents(self, fleet_uid: str, purpose: SecretPurpose) -> Mapping[str, str]:
        """Do what the port says."""
        match purpose:
            case SecretPurpose.MEDIA_KEYS:
                key, secret = f"key-of-{fleet_uid}", f"secret-of-{fleet_uid}"
                return {
                    "LIVEKIT_KEYS": f"{key}: {secret}",
                    "LIVEKIT_API_KEY": key,
                    "LIVEKIT_API_SECRET": secret,
                }
            case SecretPurpose.WORKER_TOKEN:
                return {"token": self.worker_token(fleet_uid)}
            case SecretPurpose.REDIS:
                password = f"password-of-{fleet_uid}"
                return {"password": password, "auth.conf": f"requirepass {password}\n"}


class FakeLeaseStore:
    """Implements `ports.LeaseStore`; several electors may share one."""

    def __init__(self) -> None:
        self.is_down = False
        self.requests: list[str] = []
        self.before_write: Callable[[], None] = lambda: None
        """What happens while a write is under way; time may pass."""
        self._record: LeaseRecord | None = None
        self._version = 0

    def remove(self) -> None:
        """Delete the Lease, as somebody may."""
        self._record = None

    async def read(self) -> LeaseRecord | None:
        """Do what the port says."""
        self.requests.append("read")
        self._raise_if_down()
        return self._record

    async def write(self, record: LeaseRecord) -> LeaseRecord:
        """Do what the port says."""
        self.requests.append("write")
        self.before_write()
        self._raise_if_down()
        current = self._record.resource_version if self._record else ""
        if record.resource_version != current:
            raise ConflictError(f"the Lease is at version {current or 'none'}")
        self._version += 1
        self._record = replace(record, resource_version=str(self._version))
        return self._record

    def _raise_if_down(self) -> None:
        if self.is_down:
            raise UnavailableError("the API server does not answer")
