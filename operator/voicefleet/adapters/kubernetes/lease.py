"""One coordination.k8s.io Lease: who leads, and since when they have said so.

Each request is tried once and for a short time. Whoever waits out a slow server with an old
Lease in hand is no leader any more, so the elector repeats, not the session.
"""

from datetime import UTC, datetime

from voicefleet.adapters.kubernetes.calls import Call, NotFoundError
from voicefleet.adapters.kubernetes.resources import LEASE
from voicefleet.adapters.kubernetes.session import ApiSession, RetryPolicy
from voicefleet.manifests import Manifest
from voicefleet.ports import LeaseRecord

ONE_TRY = RetryPolicy(tries=1, timeout_seconds=4.0)
"""Shorter than the 7 s in which a leader must renew, so that a second try still counts."""


class KubernetesLeaseStore:
    """Implements `ports.LeaseStore`."""

    def __init__(self, session: ApiSession, *, namespace: str, name: str) -> None:
        self._session = session
        self._namespace = namespace
        self._name = name

    async def read(self) -> LeaseRecord | None:
        """Return the Lease, or None where it does not exist yet."""
        call = Call("get", LEASE, self._namespace, self._name)
        try:
            return _parse(await self._session.request(call, ONE_TRY))
        except NotFoundError:
            return None

    async def write(self, record: LeaseRecord) -> LeaseRecord:
        """Create (empty resource_version) or update it; raises `ConflictError` if beaten."""
        is_new = not record.resource_version
        call = Call(
            "create" if is_new else "update",
            LEASE,
            self._namespace,
            "" if is_new else self._name,
            body=self._manifest(record),
        )
        return _parse(await self._session.request(call, ONE_TRY))

    def _manifest(self, record: LeaseRecord) -> Manifest:
        metadata = {"name": self._name, "namespace": self._namespace}
        if record.resource_version:
            metadata["resourceVersion"] = record.resource_version
        spec: Manifest = {
            "holderIdentity": record.holder,
            "leaseDurationSeconds": record.duration_seconds,
            "leaseTransitions": record.transitions,
        }
        if record.renewed_at is not None:
            spec["renewTime"] = format_micro_time(record.renewed_at)
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": metadata,
            "spec": spec,
        }


def format_micro_time(instant: datetime) -> str:
    """Return an instant as Kubernetes' MicroTime: UTC, always six decimals."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _parse(lease: Manifest) -> LeaseRecord:
    spec = lease.get("spec") or {}
    renewed = spec.get("renewTime")
    return LeaseRecord(
        holder=spec.get("holderIdentity") or "",
        renewed_at=datetime.fromisoformat(renewed) if renewed else None,
        duration_seconds=spec.get("leaseDurationSeconds") or 0,
        transitions=spec.get("leaseTransitions") or 0,
        resource_version=lease["metadata"]["resourceVersion"],
    )
