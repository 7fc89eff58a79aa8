"""The cluster that one operator is measured on, and how its fleets are made, changed, awaited.

Each operator gets a cluster of its own, so that neither inherits the other's objects or load.
Called by `scale`.
"""

import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from voicefleet.api.labels import TIER
from voicefleet_localcluster import members
from voicefleet_localcluster.client import JsonClient
from voicefleet_localcluster.cluster import LocalCluster
from voicefleet_localcluster.installation import NAMESPACE as HOME
from voicefleet_localcluster.installation import Installation, install_chart
from voicefleet_localcluster.operator_process import OperatorProcess
from voicefleet_localcluster.options import ClusterOptions
from voicefleet_workbench.scale_load import (
    NAMESPACE,
    ScaleSize,
    count_children,
    fleet_name,
    render_scale_fleet,
    render_scale_nodes,
)
from voicefleet_workbench.scale_probe import (
    Requests,
    count_writes,
    read_cpu_seconds,
    read_cycles,
)

FLEETS = f"/apis/voicefleet.dev/v1alpha1/namespaces/{NAMESPACE}/voicefleets"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
REPLICASETS = f"/apis/apps/v1/namespaces/{NAMESPACE}/replicasets"
CHILDREN = {
    "ConfigMap": f"/api/v1/namespaces/{NAMESPACE}/configmaps",
    "Secret": f"/api/v1/namespaces/{NAMESPACE}/secrets",
    "Service": f"/api/v1/namespaces/{NAMESPACE}/services",
    "Deployment": f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments",
    "NetworkPolicy": f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies",
    "PodDisruptionBudget": f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets",
}
"""Where each kind is counted. ReplicaSets come with the pods that are awaited afterwards."""
PATIENCE_SECONDS = 3600.0
"""10,000 pods cost about 800 seconds of processor time, most of it the API server's."""
GET_PAUSE_SECONDS = 0.02
"""How finely a decision is timed. Asking without a pause took a core from what is measured."""
LIST_PAUSE_SECONDS = 1.0
"""How finely the last pod is timed."""
QUIET_SECONDS = 35.0
"""The last session counts are written up to half a minute after the last pod has come."""
QUIET_PATIENCE_SECONDS = 300.0
"""After this an operator that never comes to rest is measured as it is."""
STEADY_SHARE = 0.05
"""By how much two such times may differ for an operator that goes on like that."""
CLUSTER_SHARE = 0.25
"""Cores that etcd, API server, controllers, scheduler and kwok use together at rest, at most."""
GARBAGE_PERCENT = "400"
"""How much the Go programs may grow before they look for garbage (Go's own number is 100)."""
EVENT_WRITERS = (
    "system:controller:replicaset-controller",
    "system:controller:deployment-controller",
    "system:kube-scheduler",
)
"""Roles of those who write two Events for each pod, a fifth of all that is written for it."""
PREFERRED = -10
"""Niceness of who goes first: ten times an ordinary process' share. Where Linux groups processes
by session it counts for the group, of which each program of a cluster is one."""
CLUSTER_ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
ACCOUNT = "baseline"
AS_TABLE = {"Accept": "application/json;as=Table;g=meta.k8s.io;v=v1"}
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}


@dataclass(slots=True)
class Bed:
    """A cluster with nodes for the load, an operator, and a client that may do anything."""

    size: ScaleSize
    cluster: LocalCluster
    api: httpx.Client
    operator: OperatorProcess
    requests: Requests
    workers: dict[str, tuple[str, int]] = field(default_factory=dict)
    """By fleet: its agents ReplicaSet and the count it should have."""
    restarts: int = 0
    """How often the operator ended by itself, as one does that loses its Lease."""

    def create_fleets(self) -> None:
        """Apply every fleet, one after the other."""
        for number in range(self.size.fleets):
            self.api.post(FLEETS, json=render_scale_fleet(self.size, number)).raise_for_status()

    def await_children(self) -> None:
        """Return once every object exists that the planner asks for."""
        expected = count_children(self.size)
        for kind, path in CHILDREN.items():
            self.until(partial(self._has, path, expected[kind]), kind)

    def await_pods(self) -> None:
        """Return once every replica of every ReplicaSet is ready."""
        self.until(self._all_ready, "pods", pause=LIST_PAUSE_SECONDS)
        for item in self._list(REPLICASETS, f"{TIER}=agents"):
            name = item["metadata"]["labels"]["voicefleet.dev/fleet"]
            self.workers[name] = item["metadata"]["name"], int(item["spec"]["replicas"])

    def await_cycles(self) -> None:
        """Return once the operator has had as many cycles as there are fleets since it started."""
        self.until(
            lambda: read_cycles(self.operator.metrics())[math.inf] >= self.size.fleets,
            "a cycle for each fleet",
        )

    def await_quiet(self) -> None:
        """Return once operator and control plane rest, or go on as before: one with timers does.

        The controllers are busy with 10,000 new pods for minutes after the last one runs, and
        share the machine with what is measured next.
        """
        began, before = time.monotonic(), (math.inf, math.inf)
        self.requests.read()
        while time.monotonic() - began < QUIET_PATIENCE_SECONDS:
            used = self._cluster_seconds()
            time.sleep(QUIET_SECONDS)
            writes = float(count_writes(self.requests.read()))
            share = (self._cluster_seconds() - used) / QUIET_SECONDS
            say(f"{writes:.0f} writes in {QUIET_SECONDS:.0f} s, control plane {share:.2f} cores")
            is_calm = not writes or math.isclose(writes, before[0], rel_tol=STEADY_SHARE)
            if is_calm and (
                share < CLUSTER_SHARE or math.isclose(share, before[1], rel_tol=STEADY_SHARE)
            ):
                return
            before = writes, share

    def _cluster_seconds(self) -> float:
        """Return the processor time that the cluster's programs have used, but for the workers."""
        running = self.cluster.running()
        return sum(
            read_cpu_seconds(pid)
            for name, pid in running.items()
            if pid is not None and name != members.WORLD
        )

    def grow_fleet(self, number: int) -> None:
        """Ask for one more worker."""
        name = fleet_name(number)
        replicaset, count = self.workers[name]
        self.workers[name] = replicaset, count + 1
        change = {"spec": {"agents": {"minReplicas": count + 1}}}
        self.api.patch(f"{FLEETS}/{name}", json=change, headers=MERGE_PATCH).raise_for_status()

    def await_growth(self, number: int) -> None:
        """Return once that fleet's ReplicaSet has been told."""
        replicaset, wanted = self.workers[fleet_name(number)]
        path = f"{REPLICASETS}/{replicaset}"
        self.until(
            lambda: self.api.get(path).json()["spec"]["replicas"] == wanted,
            replicaset,
            pause=GET_PAUSE_SECONDS,
        )

    def await_all_growth(self) -> None:
        """Return once every fleet's ReplicaSet has been told."""
        wanted = dict(self.workers.values())

        def is_told() -> bool:
            return wanted.items() <= self._replicas().items()

        self.until(is_told, "all fleets", pause=2.0)

    def until(self, is_so: Callable[[], bool], what: str, *, pause: float = 0.25) -> None:
        """Wait until something is so.

        Raises:
            TimeoutError: It never is.
        """
        began = time.monotonic()
        while not is_so():
            if time.monotonic() - began > PATIENCE_SECONDS:
                log = self.operator.log[-2000:]
                raise TimeoutError(f"{what}: not within {PATIENCE_SECONDS:.0f} s; log ends: {log}")
            if not self.operator.is_running:
                say(f"the operator ended: {self.operator.log[-300:]}")
                self.restarts += 1
                self.operator.start(until_leading=False)
            time.sleep(pause)

    def _has(self, path: str, expected: int) -> bool:
        answer = self.api.get(path, params={"limit": "1"}).raise_for_status().json()
        rest = int(answer["metadata"].get("remainingItemCount", 0))
        return len(answer["items"]) + rest >= expected

    def _list(self, path: str, selector: str) -> list[dict[str, Any]]:
        answer = self.api.get(path, params={"labelSelector": selector}).raise_for_status()
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def _replicas(self) -> dict[str, int]:
        """Return how many replicas each agents ReplicaSet is told to have.

        As the table that `kubectl get` prints: whole objects of 1,000 fleets are 10 MB, which the
        API server would have to write every two seconds beside what is measured.
        """
        params = {"labelSelector": f"{TIER}=agents", "resourceVersion": "0"}
        answer = self.api.get(REPLICASETS, params=params, headers=AS_TABLE).raise_for_status()
        rows = (row["cells"] for row in answer.json()["rows"])
        return {name: int(desired) for name, desired, *_ in rows}

    def _all_ready(self) -> bool:
        """Say whether all pods exist and run; a kwok pod that runs is ready.

        The ReplicaSets would say it too, in 10 MB for 200 fleets.
        """
        if not self._has(PODS, self.size.total_pods):
            return False
        params = {"fieldSelector": "status.phase=Pending", "limit": "1"}
        return not self.api.get(PODS, params=params).raise_for_status().json()["items"]


@contextmanager
def open_bed(size: ScaleSize, *, is_baseline: bool) -> Iterator[Bed]:
    """Yield a cluster for one operator, which is not started yet; it ends with the block."""
    kind = "baseline" if is_baseline else "ours"
    options = ClusterOptions(
        name=f"scale-{kind}-{os.getpid()}", plain_nodes=1, gpu_nodes=0, spot_nodes=0,
        pod_start_seconds=0.3, pod_stop_seconds=0.2, for_crowds=True,
    )  # fmt: skip
    # The programs are Go: they may take memory instead of time to look for garbage.
    os.environ["GOGC"] = GARBAGE_PERCENT
    with LocalCluster.start(options) as cluster:
        prefer_workers(cluster)
        silence_events(cluster.api)
        installed = install_chart(cluster, cluster.folder / "operator")
        for node in render_scale_nodes(size, cluster.setup.record.network):
            cluster.api.call("POST", "/api/v1/nodes", node)
        cluster.kubectl("create", "namespace", NAMESPACE)
        user, operator = (_baseline if is_baseline else _ours)(cluster, installed)
        tls = cluster.api.tls
        with httpx.Client(
            base_url=cluster.server, verify=tls or False, trust_env=False, timeout=60
        ) as api:
            bed = Bed(size, cluster, api, operator, Requests(cluster.audit_log, user))
            try:
                yield bed
            finally:
                operator.stop()


def prefer_workers(cluster: LocalCluster) -> None:
    """Let who answers for all workers go before others, if that is allowed here.

    Workers have processors of their own. Where one process that shares two cores with a control
    plane answers for 8,000 of them, it must not look as if they had fallen silent.
    """
    pid = cluster.running()[members.WORLD]
    if pid is None:
        return
    group = Path(f"/proc/{pid}/autogroup")
    try:
        os.setpriority(os.PRIO_PROCESS, pid, PREFERRED)
        if group.exists():
            group.write_text(str(PREFERRED))
    except PermissionError:
        say("the workers wait for the processor like all others: only root may prefer a process")


def silence_events(api: JsonClient) -> None:
    """Take the right to write Events from Kubernetes' own controllers; they go on without."""
    for name in EVENT_WRITERS:
        role = api.call("GET", f"{CLUSTER_ROLES}/{name}")
        role["rules"] = [
            rule for rule in role["rules"] if "events" not in (rule.get("resources") or ())
        ]
        api.call("PUT", f"{CLUSTER_ROLES}/{name}", role)


def say(sentence: str) -> None:
    """Tell whoever waits what is being done, and how busy the machine is with it."""
    now, load = time.strftime("%H:%M:%S"), os.getloadavg()[0]
    print(f"{now} (load {load:.1f}) {sentence}", file=sys.stderr, flush=True)


def _ours(_: LocalCluster, installed: Installation) -> tuple[str, OperatorProcess]:
    return installed.user, OperatorProcess(
        installed.kubeconfig, installed.platform, installed.install_key,
        installed.platform.parent, identity="ours", lease_namespace=installed.namespace,
    )  # fmt: skip


def _baseline(cluster: LocalCluster, installed: Installation) -> tuple[str, OperatorProcess]:
    """Give the baseline an account that may do anything: kopf writes more than ours may."""
    cluster.kubectl("create", "serviceaccount", ACCOUNT, f"--namespace={HOME}")
    cluster.kubectl(
        *("create", "clusterrolebinding", ACCOUNT, "--clusterrole=cluster-admin"),
        f"--serviceaccount={HOME}:{ACCOUNT}",
    )
    folder = installed.platform.parent
    kubeconfig = cluster.service_account_kubeconfig(HOME, ACCOUNT, to=folder / ACCOUNT)
    operator = OperatorProcess(
        kubeconfig, installed.platform, installed.install_key, folder,
        identity=ACCOUNT, module="voicefleet_workbench.naive_operator",
    )  # fmt: skip
    return f"system:serviceaccount:{HOME}:{ACCOUNT}", operator
