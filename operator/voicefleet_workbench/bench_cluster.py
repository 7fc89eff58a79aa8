"""How long the operator takes on a real control plane. Called by `bench`.

A cluster of its own, the chart's identity, one fleet with every tier, its pods on kwok nodes.
One run, because a start is a start; the binaries have been built before.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import yaml

from voicefleet.manifests import Manifest
from voicefleet.model.observed import Observed
from voicefleet.model.plan import CreateChild, CreateSecret
from voicefleet.planning import plan_fleet
from voicefleet_localcluster.client import JsonClient
from voicefleet_localcluster.cluster import LocalCluster
from voicefleet_localcluster.installation import Installation, install_chart
from voicefleet_localcluster.operator_process import LEADING, OperatorProcess
from voicefleet_localcluster.options import ClusterOptions
from voicefleet_workbench.bench_planner import NOW
from voicefleet_workbench.figures import Figure
from voicefleet_workbench.settled import example_fleet
from voicefleet_workbench.sources import ROOT

NAMESPACE = "bench"
FLEET = "interviews"
FLEETS = f"/apis/voicefleet.dev/v1alpha1/namespaces/{NAMESPACE}/voicefleets"
CHILDREN = (
    "/api/v1/{}/configmaps",
    "/api/v1/{}/secrets",
    "/api/v1/{}/serviceaccounts",
    "/api/v1/{}/services",
    "/apis/apps/v1/{}/deployments",
    "/apis/apps/v1/{}/replicasets",
    "/apis/networking.k8s.io/v1/{}/networkpolicies",
    "/apis/policy/v1/{}/poddisruptionbudgets",
)
"""Every kind of child; what a Deployment makes in turn belongs to the Deployment."""
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.02


def measure_cluster() -> Iterator[Figure]:
    """Yield what a person waits for: cluster, operator, children, repair, take-over."""
    began = time.monotonic()
    with LocalCluster.start(ClusterOptions(name=f"bench-{os.getpid()}")) as cluster:
        seconds = time.monotonic() - began
        yield Figure("local cluster ready", seconds, "s", 10, "a person waits for it")
        installed = install_chart(cluster, cluster.folder / "operator")
        cluster.kubectl("create", "namespace", NAMESPACE)
        with _operator(installed, "first") as operator:
            yield Figure(
                "operator leads", operator.ready_seconds, "s", 3, "nobody notices a restart"
            )
            yield from _measure_fleet(cluster.api)
            yield Figure("operator's memory", _megabytes(operator.pid), "MB", 180, "one small pod")
            yield from _measure_take_over(installed, operator)


def _operator(installed: Installation, identity: str) -> OperatorProcess:
    return OperatorProcess(
        installed.kubeconfig, installed.platform, installed.install_key,
        installed.platform.parent, identity=identity, lease_namespace=installed.namespace,
    )  # fmt: skip


def _measure_fleet(api: JsonClient) -> Iterator[Figure]:
    body = yaml.safe_load((ROOT / "docs" / "examples" / f"{FLEET}.yaml").read_text())
    expected = _count_planned_children()
    api.call("POST", FLEETS, body)
    seconds = _until(lambda: len(list(_children(api))) >= expected)
    yield Figure(f"all {expected} children applied", seconds, "s", 2, "after kubectl apply")
    yield Figure("every tier ready", seconds + _until(lambda: _is_ready(api)), "s", 10, "kwok: 1 s")
    service = f"/api/v1/namespaces/{NAMESPACE}/services/{FLEET}-media"
    old = api.call("GET", service)["metadata"]["uid"]
    api.call("DELETE", service)
    seconds = _until(lambda: _uid(api, "services", f"{FLEET}-media") not in ("", old))
    yield Figure("deleted Service restored", seconds * 1000, "ms", 500, "callers look it up")


def _measure_take_over(installed: Installation, leader: OperatorProcess) -> Iterator[Figure]:
    standby = _operator(installed, "second")
    standby.start(until_leading=False)
    try:
        _until(lambda: _answers(standby))
        leader.kill()
        seconds = _until(lambda: LEADING in standby.log)
    finally:
        standby.stop()
    yield Figure("killed leader replaced", seconds, "s", 17, "the Lease lasts 10 s")


def _answers(operator: OperatorProcess) -> bool:
    try:
        return operator.answers()
    except httpx.TransportError:
        return False


def _count_planned_children() -> int:
    """Ask the planner how many objects it makes of the example, Secrets included."""
    fleet = replace(example_fleet(workers=2), namespace=NAMESPACE)
    plan = plan_fleet(fleet, Observed(secrets_due=True), NOW)
    return sum(isinstance(step, CreateChild | CreateSecret) for step in plan.steps)


def _children(api: JsonClient) -> Iterator[Manifest]:
    selector = f"?labelSelector=voicefleet.dev/fleet%3D{FLEET}"
    for path in CHILDREN:
        listed = api.call("GET", path.format(f"namespaces/{NAMESPACE}") + selector)
        for item in listed["items"]:
            if any(owner["kind"] == "VoiceFleet" for owner in _owners(item)):
                yield item


def _owners(item: Manifest) -> list[dict[str, Any]]:
    return item["metadata"].get("ownerReferences") or []


def _uid(api: JsonClient, kind: str, name: str) -> str:
    listed = api.call("GET", f"/api/v1/namespaces/{NAMESPACE}/{kind}")["items"]
    named = (item["metadata"]["uid"] for item in listed if item["metadata"]["name"] == name)
    return str(next(named, ""))


def _is_ready(api: JsonClient) -> bool:
    status = api.call("GET", f"{FLEETS}/{FLEET}").get("status") or {}
    conditions = status.get("conditions") or ()
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def _until(is_so: Callable[[], bool]) -> float:
    """Return the seconds until something is so."""
    began = time.monotonic()
    while not is_so():
        if time.monotonic() - began > PATIENCE_SECONDS:
            raise TimeoutError(f"not within {PATIENCE_SECONDS:.0f} s; see the operator's log")
        time.sleep(LOOK_SECONDS)
    return time.monotonic() - began


def _megabytes(pid: int) -> float:
    """Return the resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    resident = next(line for line in lines if line.startswith("VmRSS:"))
    return int(resident.split()[1]) / 1024
