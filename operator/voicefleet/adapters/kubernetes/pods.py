"""Reads the few facts that decisions need out of a Pod's manifest. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from voicefleet.adapters.kubernetes.cache import share_text
from voicefleet.api import labels
from voicefleet.manifests import Manifest
from voicefleet.model.observed import Pod, PodTrouble, Tier

TROUBLED_WAITING = frozenset(
    {
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RunContainerError",
    }
)
"""The kubelet's words for a container that will not start without somebody's help."""

FINISHED_PHASES = frozenset({"Succeeded", "Failed"})
"""A pod in one of these never runs again."""


def parse_pod(manifest: Manifest) -> Pod | None:
    """Return the facts about a pod of a fleet, or None where its tier is none of ours."""
    metadata, spec = manifest["metadata"], manifest.get("spec") or {}
    status = manifest.get("status") or {}
    pod_labels = metadata.get("labels") or {}
    if pod_labels.get(labels.TIER) not in set(Tier):
        return None
    is_finished = status.get("phase") in FINISHED_PHASES
    return Pod(
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        tier=Tier(pod_labels[labels.TIER]),
        revision=pod_labels.get(labels.REVISION, ""),
        owner_name=str(_controller(metadata).get("name", "")),
        created_at=datetime.fromisoformat(metadata["creationTimestamp"]),
        is_ready=_condition(status, "Ready").get("status") == "True",
        is_running=_is_running(status),
        started_at=_started_at(status),
        ready_at=_ready_at(status),
        is_deleting="deletionTimestamp" in metadata,
        is_finished=is_finished,
        ip=status.get("podIP", ""),
        node=spec.get("nodeName", ""),
        owner_uid=str(_controller(metadata).get("uid", "")),
        grace_seconds=spec.get("terminationGracePeriodSeconds") or 0,
        labels=share_text(pod_labels),
        annotations=share_text(metadata.get("annotations") or {}),
        trouble=None if is_finished else _find_trouble(status),
    )


def _controller(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    owners: Sequence[Mapping[str, Any]] = metadata.get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), {})


def _condition(status: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    conditions: Sequence[Mapping[str, Any]] = status.get("conditions") or ()
    return next((one for one in conditions if one.get("type") == name), {})


def _is_running(status: Mapping[str, Any]) -> bool:
    containers = status.get("containerStatuses")
    if containers is None:
        # A kubelet that said Running and nothing else leaves it open; open means running.
        return status.get("phase") not in {None, "Pending", *FINISHED_PHASES}
    return any("running" in (container.get("state") or {}) for container in containers)


def _started_at(status: Mapping[str, Any]) -> datetime | None:
    """Return when the youngest container that was restarted came back, if the kubelet says so.

    The start dates what the container says: an earlier process may have spoken before. One that
    was never restarted has no earlier process, and a new worker is believed at its first word.
    """
    states = [
        container.get("state") or {}
        for container in status.get("containerStatuses") or ()
        if container.get("restartCount")
    ]
    starts = [(state.get("running") or {}).get("startedAt") for state in states]
    return max((datetime.fromisoformat(start) for start in starts if start), default=None)


def _ready_at(status: Mapping[str, Any]) -> datetime | None:
    """Return since when the pod is Ready, if it is and if the kubelet says so."""
    ready = _condition(status, "Ready")
    since = ready.get("lastTransitionTime") if ready.get("status") == "True" else None
    return datetime.fromisoformat(since) if since else None


def _find_trouble(status: Mapping[str, Any]) -> PodTrouble | None:
    scheduled = _condition(status, "PodScheduled")
    if scheduled.get("status") == "False":
        return PodTrouble(
            str(scheduled.get("reason") or "Unschedulable"), str(scheduled.get("message", ""))
        )
    return next(_waiting_troubles(status), None)


def _waiting_troubles(status: Mapping[str, Any]) -> Iterator[PodTrouble]:
    for group in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(group) or ():
            waiting = (container.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") in TROUBLED_WAITING:
                yield PodTrouble(waiting["reason"], _explain(container, waiting))


def _explain(container: Mapping[str, Any], waiting: Mapping[str, Any]) -> str:
    """Say which container, the kubelet's sentence, and how it last ended."""
    ended = (container.get("lastState") or {}).get("terminated") or {}
    parts = [f"container {container.get('name', '?')}: {waiting.get('message') or 'no message'}"]
    if ended:
        parts.append(
            f"last ended as {ended.get('reason', 'Error')}, exit code {ended.get('exitCode')}"
        )
    return "; ".join(parts)
