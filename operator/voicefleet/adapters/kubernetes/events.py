"""Kubernetes Events about a fleet, aggregated and limited per fleet.

The same reason with the same note within ten minutes is one Event with a growing count, so
`kubectl describe` shows what happened and not how often the operator looked. An Event that
cannot be written is logged and forgotten: it tells, it does not decide.
"""

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from voicefleet.adapters.kubernetes.calls import AlreadyExistsError, Call, NotFoundError
from voicefleet.adapters.kubernetes.lease import format_micro_time
from voicefleet.adapters.kubernetes.resources import EVENT
from voicefleet.adapters.kubernetes.session import ApiSession, RetryPolicy
from voicefleet.api.reasons import Reason
from voicefleet.errors import RefusedError, VoiceFleetError
from voicefleet.manifests import Manifest
from voicefleet.ports import Clock

logger = logging.getLogger(__name__)

REPORTING_CONTROLLER = "voicefleet.dev/operator"
"""Who reports, in the API's own form for it."""

WINDOW = timedelta(minutes=10)
"""How long the same thing counts as the same Event."""

NOTE_LENGTH_MAX = 1024
"""The API server refuses an Event with a longer note."""

BURST = 60
"""Requests that a fleet may spend at once: a rollout worker by worker, and some trouble."""

REFILL = timedelta(seconds=10)
"""Time in which a fleet earns one more request: 6 a minute for a fleet that flaps."""

FEW_TRIES = RetryPolicy(tries=2, timeout_seconds=5.0)
"""An Event is not worth more of a slow server's time."""


@dataclass(slots=True)
class _Series:
    """One Event that has been written, and how often its thing has happened."""

    first_at: datetime
    count: int = 1


@dataclass(slots=True)
class _Allowance:
    """What a fleet may still spend on Events."""

    left: float
    counted_at: datetime

    def take(self, now: datetime) -> bool:
        """Spend one request if there is one; the allowance grows with time."""
        self.left = min(float(BURST), self.left + (now - self.counted_at) / REFILL)
        self.counted_at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class KubernetesRecorder:
    """Implements `ports.Recorder` over events.k8s.io/v1.

    Args:
        session: Sends the requests.
        clock: Dates the Events.
        instance: This replica's name.
    """

    def __init__(self, session: ApiSession, *, clock: Clock, instance: str) -> None:
        self._session = session
        self._clock = clock
        self._instance = instance
        self._series: dict[str, _Series] = {}
        self._allowances: dict[str, _Allowance] = {}
        self._forget_at = clock.now()

    async def record(self, fleet: Manifest, *, reason: Reason, note: str, is_warning: bool) -> None:
        """Write one Event about a fleet; never raises for an Event that could not be written."""
        now = self._clock.now()
        self._forget_old(now)
        metadata = fleet["metadata"]
        uid = metadata["uid"]
        if not self._allowances.setdefault(uid, _Allowance(BURST, now)).take(now):
            logger.info("Event %s of %s left out: %s", reason, metadata["name"], note)
            return
        name = _event_name(metadata["name"], uid, reason=reason, note=note, now=now)
        series = self._series.get(name)
        try:
            if series is None:
                event = self._event(fleet, name, reason=reason, note=note, now=now)
                event["type"] = "Warning" if is_warning else "Normal"
                await self._create(event, now)
            else:
                series.count += 1
                await self._count(metadata["namespace"], name, series.count)
        except VoiceFleetError as error:
            if isinstance(error, NotFoundError):
                self._series.pop(name, None)
            # Who deletes a namespace with its fleets takes their Events too.
            is_normal = isinstance(error, RefusedError) and error.is_namespace_terminating
            level = logging.DEBUG if is_normal else logging.WARNING
            logger.log(level, "Event %s of %s not written: %s", reason, metadata["name"], error)

    async def _create(self, event: Manifest, now: datetime) -> None:
        namespace, name = event["metadata"]["namespace"], event["metadata"]["name"]
        try:
            await self._session.request(Call("create", EVENT, namespace, body=event), FEW_TRIES)
            self._series[name] = _Series(now)
        except AlreadyExistsError:
            # Another replica, or this one before a restart, said it within this window.
            self._series[name] = _Series(now, count=2)
            await self._count(namespace, name, 2)

    async def _count(self, namespace: str, name: str, count: int) -> None:
        observed = format_micro_time(self._clock.now())
        body = {"series": {"count": count, "lastObservedTime": observed}}
        await self._session.request(Call("merge", EVENT, namespace, name, body=body), FEW_TRIES)

    def _event(
        self, fleet: Manifest, name: str, *, reason: Reason, note: str, now: datetime
    ) -> Manifest:
        metadata = fleet["metadata"]
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {"name": name, "namespace": metadata["namespace"]},
            "eventTime": format_micro_time(now),
            "reportingController": REPORTING_CONTROLLER,
            "reportingInstance": self._instance[:128],
            "action": str(reason),
            "reason": str(reason),
            "note": shorten(note),
            "regarding": {
                "apiVersion": fleet["apiVersion"],
                "kind": fleet["kind"],
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
        }

    def _forget_old(self, now: datetime) -> None:
        if now < self._forget_at:
            return
        self._forget_at = now + REFILL
        self._series = {
            name: series for name, series in self._series.items() if now - series.first_at < WINDOW
        }
        self._allowances = {
            uid: allowance
            for uid, allowance in self._allowances.items()
            if now - allowance.counted_at < BURST * REFILL
        }


def shorten(note: str) -> str:
    """Return a note that the API server accepts; its limit counts bytes."""
    if len(note.encode()) <= NOTE_LENGTH_MAX:
        return note
    return note.encode()[: NOTE_LENGTH_MAX - len("…".encode())].decode(errors="ignore") + "…"


def _event_name(fleet: str, uid: str, *, reason: Reason, note: str, now: datetime) -> str:
    """Name the Event by what it says and by its window, so that a repetition finds it."""
    window = int(now.timestamp() // WINDOW.total_seconds())
    said = f"{uid}\n{reason}\n{note}\n{window}"
    return f"{fleet}.{hashlib.sha256(said.encode()).hexdigest()[:16]}"
