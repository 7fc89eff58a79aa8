"""What the world needs to know of a pod, read from its manifest. Pure.

The pod itself says what it listens on and what it was told: its declared ports and its
environment, which nobody can change later. Labels would not do, because tests strip them.
"""

from dataclasses import dataclass
from typing import Any, Final

from voicefleet.api.labels import REVISION

WORKER_PORT: Final = 8081
SERVER_PORT: Final = 6789
"""Where LiveKit serves its metrics, by our livekit.yaml."""
SLOTS: Final = 8
"""Slots of a worker whose pod does not say how many it has."""
BACKEND: Final = "selfHosted"


@dataclass(frozen=True, slots=True)
class SecretKey:
    """One key of one Secret."""

    namespace: str
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class PodFacts:
    """One pod that has an address."""

    uid: str
    namespace: str
    name: str
    owner: str
    address: str
    labels: tuple[tuple[str, str], ...]
    ports: frozenset[int]
    revision: str
    backend: str
    slots: int
    token: str | SecretKey | None
    """The token that orders must carry, or the Secret that holds it."""
    is_ready: bool = False
    """Whether callers may be sent to it: Ready, and not on its way out."""

    @property
    def is_worker(self) -> bool:
        """Whether it serves the worker endpoint."""
        return WORKER_PORT in self.ports

    @property
    def is_server(self) -> bool:
        """Whether it serves a LiveKit server's metrics."""
        return SERVER_PORT in self.ports


def read_pod(manifest: dict[str, Any]) -> PodFacts | None:
    """Return the facts of a pod, or None while it has no address or once it has ended."""
    status = manifest.get("status", {})
    address = status.get("podIP", "")
    if not address or status.get("phase") in {"Succeeded", "Failed"}:
        return None
    metadata = manifest["metadata"]
    containers = manifest["spec"]["containers"]
    environment = {
        entry["name"]: entry for container in containers for entry in container.get("env", [])
    }
    labels = metadata.get("labels", {})
    owners = metadata.get("ownerReferences", [])
    return PodFacts(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        owner=owners[0]["name"] if owners else "",
        address=address,
        labels=tuple(sorted(labels.items())),
        ports=_ports(containers),
        revision=_value(environment, "VOICEFLEET_REVISION") or labels.get(REVISION, ""),
        backend=_value(environment, "VOICEFLEET_BACKEND") or BACKEND,
        slots=_slots(environment),
        token=_token(environment, metadata["namespace"]),
        is_ready=_is_ready(manifest),
    )


def _is_ready(manifest: dict[str, Any]) -> bool:
    conditions = manifest["status"].get("conditions", [])
    ready = any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)
    return ready and "deletionTimestamp" not in manifest["metadata"]


def _ports(containers: list[dict[str, Any]]) -> frozenset[int]:
    declared = {
        port["containerPort"] for container in containers for port in container.get("ports", [])
    }
    return frozenset(declared & {WORKER_PORT, SERVER_PORT})


def _value(environment: dict[str, Any], name: str) -> str:
    return str(environment.get(name, {}).get("value", ""))


def _slots(environment: dict[str, Any]) -> int:
    text = _value(environment, "VOICEFLEET_SESSIONS_PER_WORKER")
    return int(text) if text.isdecimal() else SLOTS


def _token(environment: dict[str, Any], namespace: str) -> str | SecretKey | None:
    entry = environment.get("VOICEFLEET_WORKER_TOKEN", {})
    if value := entry.get("value"):
        return str(value)
    reference = entry.get("valueFrom", {}).get("secretKeyRef")
    return SecretKey(namespace, reference["name"], reference["key"]) if reference else None
