"""The controllers that make pods out of workloads, as far as a cycle can tell them apart.

Removal follows the ReplicaSet controller's order: pods that are not Ready first, then the
lowest deletion cost, then the newest.
"""

from typing import TYPE_CHECKING

from voicefleet.api import labels
from voicefleet.manifests import Manifest, ObjectKey, key_of

if TYPE_CHECKING:
    from support.fake_cluster import FakeCluster

READY = [{"type": "Ready", "status": "True"}]


def run_controllers(cluster: "FakeCluster") -> None:
    """Bring every ReplicaSet's pods, and every workload's status, to its replicas."""
    for workload in cluster.of_kind("ReplicaSet"):
        _fill(cluster, workload)
        pods = _pods(cluster, workload)
        like = sum(_is_like_template(pod, workload) for pod in pods)
        _report(cluster, workload, ready=sum(map(_is_ready, pods)), fullyLabeledReplicas=like)
    for workload in cluster.of_kind("Deployment"):
        _report(cluster, workload, ready=workload["spec"]["replicas"])


def _fill(cluster: "FakeCluster", workload: Manifest) -> None:
    pods = _pods(cluster, workload)
    wanted = workload["spec"]["replicas"]
    for _ in range(wanted - len(pods)):
        _start_pod(cluster, workload)
    for pod in sorted(pods, key=_removal_rank)[: max(0, len(pods) - wanted)]:
        cluster.remove(key_of(pod))


def _pods(cluster: "FakeCluster", workload: Manifest) -> list[Manifest]:
    uid = workload["metadata"]["uid"]
    return [
        pod
        for pod in cluster.of_kind("Pod")
        if any(owner["uid"] == uid for owner in pod["metadata"].get("ownerReferences") or ())
        and pod.get("status", {}).get("phase") not in {"Succeeded", "Failed"}
    ]


def _removal_rank(pod: Manifest) -> tuple[bool, int, int]:
    cost = (pod["metadata"].get("annotations") or {}).get(labels.DELETION_COST, "0")
    return _is_ready(pod), int(cost), -int(pod["metadata"]["uid"].removeprefix("uid-"))


def _is_ready(pod: Manifest) -> bool:
    return any(
        one["type"] == "Ready" and one["status"] == "True"
        for one in pod.get("status", {}).get("conditions") or ()
    )


def _start_pod(cluster: "FakeCluster", workload: Manifest) -> None:
    name, template = workload["metadata"]["name"], workload["spec"]["template"]
    taken = {pod["metadata"]["name"] for pod in cluster.of_kind("Pod")}
    number = next(n for n in range(10_000) if f"{name}-{n:04d}" not in taken)
    owner = {
        "apiVersion": "apps/v1",
        "kind": workload["kind"],
        "name": name,
        "uid": workload["metadata"]["uid"],
        "controller": True,
    }
    metadata = {
        "name": f"{name}-{number:04d}",
        "namespace": workload["metadata"]["namespace"],
        "labels": dict(template["metadata"]["labels"]),
        "annotations": dict(template["metadata"].get("annotations") or {}),
        "ownerReferences": [owner],
    }
    pod = cluster.create({"kind": "Pod", "metadata": metadata, "spec": template["spec"]})
    become_ready(cluster, key_of(pod))


def become_ready(cluster: "FakeCluster", key: ObjectKey) -> None:
    """Let a pod be scheduled, run, and answer at an address of its own."""
    number = int(cluster.get(key)["metadata"]["uid"].removeprefix("uid-"))
    status = {
        "phase": "Running",
        "podIP": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        "conditions": READY,
        "containerStatuses": [{"name": "main", "state": {"running": {}}}],
    }
    cluster.edit(key, {"spec": {"nodeName": "node-1"}, "status": status})


def _is_like_template(pod: Manifest, workload: Manifest) -> bool:
    template = workload["spec"]["template"]["metadata"]["labels"]
    return bool(template.items() <= (pod["metadata"].get("labels") or {}).items())


def _report(cluster: "FakeCluster", workload: Manifest, *, ready: int, **more: int) -> None:
    status = {
        "replicas": workload["spec"]["replicas"],
        "readyReplicas": ready,
        "observedGeneration": workload["metadata"]["generation"],
        **more,
    }
    cluster.edit(key_of(workload), {"status": status})
