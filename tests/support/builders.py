"""Observations for tests: each builder shows only the facts that matter to its caller.

Fleets come from `support.fleets`. Impossible worlds are refused: a report from the future, a
session on a pod that does not run, a Ready pod without a running container.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from support.fleets import a_minimal_fleet
from voicefleet.api.labels import (
    COMPONENT,
    CORDONED,
    DELETION_COST,
    LEAVING,
    REVISION,
    SERVER,
    TIER,
)
from voicefleet.api.status import AgentsStatus, VoiceFleetStatus
from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.model.fleet import Fleet
from voicefleet.model.grace import agents_grace_seconds
from voicefleet.model.observed import (
    Child,
    Observed,
    Pod,
    ServerReport,
    Tier,
    WorkerReport,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
LONG_AGO = timedelta(hours=1)


@dataclass(frozen=True)
class Seen:
    """A pod together with its report, if it has one."""

    pod: Pod
    worker: WorkerReport | None = None
    server: ServerReport | None = None


def a_worker(
    name: str = "w1",
    *,
    sessions: int | None = 0,
    cordoned_for: timedelta | None = None,
    owner: str = "new",
    report_age: timedelta = timedelta(0),
    oldest_session: timedelta | None = None,
    **pod: Any,
) -> Seen:
    """Return a Ready worker; `sessions=None` means that it never answered.

    `cordoned_for` says how long it has taken no new sessions, by its own word.
    """
    built = a_pod(name, Tier.AGENTS, owner=owner, **pod)
    if sessions is None or not built.is_running:
        assert not sessions, "a pod that does not run cannot hold a session"
        return Seen(built)
    assert report_age >= timedelta(0), "a report from the future"
    return Seen(
        built,
        worker=WorkerReport(
            observed_at=NOW - report_age,
            revision=built.revision,
            slots=8,
            active=sessions,
            reserved=0,
            is_cordoned=cordoned_for is not None,
            cordoned_since=None if cordoned_for is None else NOW - cordoned_for,
            oldest_session_started_at=NOW - oldest_session if oldest_session else None,
        ),
    )


def a_server_pod(
    name: str,
    *,
    rooms: int | None = 0,
    empty_for: timedelta | None = None,
    owner: str,
    report_age: timedelta = timedelta(0),
    **pod: Any,
) -> Seen:
    """Return a media server's pod; `rooms=None` means that its count is unknown."""
    built = a_pod(name, Tier.MEDIA, owner=owner, **pod)
    if rooms is None or not built.is_running:
        return Seen(built)
    assert empty_for is None or rooms == 0, "a server with rooms is not empty"
    since = NOW - empty_for if empty_for is not None else None
    return Seen(built, server=ServerReport(NOW - report_age, rooms, empty_since=since))


def a_pod(
    name: str,
    tier: Tier = Tier.AGENTS,
    *,
    owner: str = "new",
    is_marked: bool = False,
    is_priced: bool = False,
    **facts: Any,
) -> Pod:
    """Return a Ready pod of a workload called `owner`; `facts` are fields of `Pod`.

    `is_marked` notes on it that it should be cordoned, `is_priced` that it leaves first.
    """
    marks = {CORDONED: "true"} if is_marked else {}
    cost = {DELETION_COST: "-1000"} if is_priced else {}
    is_running = facts.get("is_running", True)
    pod = Pod(
        name=name,
        namespace="voice",
        uid=f"uid-{name}",
        tier=tier,
        revision=owner,
        owner_name=owner,
        created_at=NOW - LONG_AGO,
        is_ready=is_running,
        is_running=True,
        ip="10.0.0.1" if is_running else "",
        grace_seconds=agents_grace_seconds(3600),
        labels={
            TIER: tier.value,
            REVISION: owner,
            COMPONENT: LEAVING if is_priced else tier.value,
        },
        annotations={**marks, **cost},
    )
    built = replace(pod, **facts)
    assert built.is_running or not built.is_ready, "a Ready pod runs"
    return built


def a_replicaset(
    name: str = "new",
    replicas: int = 1,
    *,
    tier: Tier = Tier.AGENTS,
    existing: int | None = None,
    revision: str = "",
    server: int | None = None,
    scaler_owns_replicas: bool = True,
    owner_uid: str | None = None,
    **metadata: Any,
) -> Child:
    """Return a ReplicaSet whose controller has caught up; `existing` pods unless all are."""
    labels = {TIER: tier.value, REVISION: revision or name}
    if server is not None:
        labels[SERVER] = str(server)
    fleet = a_minimal_fleet()
    manifest: Manifest = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": "voice",
            "uid": f"uid-{name}",
            "resourceVersion": "17",
            "generation": 3,
            "labels": labels,
            "ownerReferences": [{"uid": owner_uid or fleet.uid, "controller": True}],
            **metadata,
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": []}},
        },
        "status": {
            "observedGeneration": 3,
            "replicas": replicas if existing is None else existing,
        },
    }
    key = ObjectKey("ReplicaSet", "voice", name)
    return Child(key, manifest, scaler_owns_replicas=scaler_owns_replicas)


def an_observation(*children: Child, seen: Iterable[Seen] = (), **fields: Any) -> Observed:
    """Return one snapshot of these children and pods."""
    every = tuple(seen)
    return Observed(
        children={child.key: child for child in children},
        pods=tuple(one.pod for one in every),
        workers={one.pod.uid: one.worker for one in every if one.worker is not None},
        servers={one.pod.uid: one.server for one in every if one.server is not None},
        **fields,
    )


def with_agents(fleet: Fleet, **agents: Any) -> Fleet:
    """Return the fleet with fields of `spec.agents` replaced."""
    spec = fleet.spec.model_copy(update={"agents": fleet.spec.agents.model_copy(update=agents)})
    return replace(fleet, spec=spec)


def with_media(fleet: Fleet, **media: Any) -> Fleet:
    """Return the fleet with fields of `spec.media` replaced."""
    spec = fleet.spec.model_copy(update={"media": fleet.spec.media.model_copy(update=media)})
    return replace(fleet, spec=spec)


def with_manifest(child: Child, **sections: Mapping[str, Any]) -> Child:
    """Return a child with top-level sections of its manifest replaced."""
    return replace(child, manifest={**child.manifest, **sections})


def a_fleet_status(*, observed_generation: int = 1, agents_desired: int = 0) -> VoiceFleetStatus:
    """Return a status as an earlier cycle left it."""
    return VoiceFleetStatus(
        observed_generation=observed_generation,
        agents=AgentsStatus(desired_replicas=agents_desired),
    )


def with_pod(seen: Seen, **facts: Any) -> Seen:
    """Return the same pod with other facts."""
    return replace(seen, pod=replace(seen.pod, **facts))
