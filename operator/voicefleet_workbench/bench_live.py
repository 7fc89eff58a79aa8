"""How soon real ReplicaSets follow what workers say. Called by `bench`.

A local cluster, the operator, one fleet. Again and again its workers become full, so that
another one is needed; measured is the time from the worker's word to the changed `replicas`
on the API server. Every recorded cycle is planned again afterwards.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import yaml

from voicefleet.adapters.tape import read_tape
from voicefleet.api.labels import TIER
from voicefleet.cli.replay import find_difference
from voicefleet_localcluster.client import JsonClient
from voicefleet_localcluster.cluster import LocalCluster
from voicefleet_localcluster.installation import install_chart
from voicefleet_localcluster.operator_process import OperatorProcess
from voicefleet_localcluster.options import ClusterOptions
from voicefleet_workbench.figures import Figure
from voicefleet_workbench.sources import ROOT

NAMESPACE: Final = "bench"
FLEET: Final = "interviews"
TRIALS: Final = 20
LOOK_SECONDS: Final = 0.01
PATIENCE_SECONDS: Final = 30.0
QUANTILE_STEPS: Final = 20
"""The last of 20 parts begins at the P95."""


def measure_live() -> Iterator[Figure]:
    """Yield how long a demand takes to become replicas, and whether a replay agrees."""
    options = ClusterOptions(name=f"live-{os.getpid()}", pod_start_seconds=0.3)
    with LocalCluster.start(options) as cluster:
        folder = cluster.folder / "operator"
        installed = install_chart(cluster, folder)
        tape = folder / "tape.jsonl"
        operator = OperatorProcess(
            installed.kubeconfig, installed.platform, installed.install_key, folder,
            lease_namespace=installed.namespace, tape=tape,
        )  # fmt: skip
        with operator:
            seconds = _follow_demand(cluster)
        quantiles = statistics.quantiles(seconds, n=QUANTILE_STEPS, method="inclusive")
        yield Figure("demand to replicas, median", statistics.median(seconds), "s", 1, "felt")
        yield Figure("demand to replicas, P95", quantiles[-1], "s", 2, "before a caller waits")
        yield Figure("cycles planned otherwise again", _count_differences(tape), "", 0, "pure")


def _follow_demand(cluster: LocalCluster) -> list[float]:
    """Return the seconds of each trial."""
    cluster.kubectl("create", "namespace", NAMESPACE)
    body = yaml.safe_load((ROOT / "docs" / "examples" / f"{FLEET}.yaml").read_text())
    slots = body["spec"]["agents"]["sessionsPerWorker"]
    cluster.api.call(
        "POST", f"/apis/voicefleet.dev/v1alpha1/namespaces/{NAMESPACE}/voicefleets", body
    )
    _wait(lambda: _settled(cluster.api))
    found = []
    for _ in range(TRIALS):
        found.append(_time_one(cluster, slots))
        _wait(lambda: _settled(cluster.api))
    return found


def _time_one(cluster: LocalCluster, slots: int) -> float:
    before = _replicas(cluster.api)
    _fill(cluster, slots)
    began = time.monotonic()
    _wait(lambda: _replicas(cluster.api) > before)
    return time.monotonic() - began


def _fill(cluster: LocalCluster, slots: int) -> None:
    """Let every worker become full, so that no free slot is left for the next caller."""
    for worker in cluster.world.workers(NAMESPACE):
        if worker["active"] < slots:
            cluster.world.set_sessions(NAMESPACE, worker["pod"], slots)


def _replicas(api: JsonClient) -> int:
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/replicasets?labelSelector={TIER}%3Dagents"
    return sum(int(item["spec"]["replicas"]) for item in api.call("GET", path)["items"])


def _settled(api: JsonClient) -> bool:
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/replicasets?labelSelector={TIER}%3Dagents"
    sets = api.call("GET", path)["items"]
    return bool(sets) and all(
        item.get("status", {}).get("readyReplicas", 0) == item["spec"]["replicas"] for item in sets
    )


def _count_differences(tape: Path) -> float:
    return float(sum(bool(find_difference(take)) for take in read_tape(tape)))


def _wait(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE_SECONDS:.0f} s; see the operator's log")
        time.sleep(LOOK_SECONDS)
