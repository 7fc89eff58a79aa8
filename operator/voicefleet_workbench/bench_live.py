"""How soon real ReplicaSets follow what workers say. Called by `bench`.

A local cluster, the operator, one fleet after the other. Its workers become full, so that more
are needed; measured is the time from the worker's word to the changed `replicas`
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
from voicefleet.manifests import Manifest
from voicefleet_localcluster.client import JsonClient
from voicefleet_localcluster.cluster import LocalCluster
from voicefleet_localcluster.installation import install_chart
from voicefleet_localcluster.operator_process import OperatorProcess
from voicefleet_localcluster.options import ClusterOptions
from voicefleet_workbench.figures import Figure
from voicefleet_workbench.sources import ROOT

FLEET: Final = "interviews"
TRIALS: Final = 20
NODES: Final = 40
"""Room for every trial's fleet beside the others."""
LOOK_SECONDS: Final = 0.01
PATIENCE_SECONDS: Final = 30.0
QUANTILE_STEPS: Final = 20
"""The last of 20 parts begins at the P95."""


def measure_live() -> Iterator[Figure]:
    """Yield how long a demand takes to become replicas, and whether a replay agrees."""
    options = ClusterOptions(name=f"live-{os.getpid()}", plain_nodes=NODES, pod_start_seconds=0.3)
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
    """Return the seconds of each trial.

    Each trial has a fleet of its own: one that is found full is doubled, so a fleet that is filled
    again and again is as large as it may be after five times.
    """
    body = yaml.safe_load((ROOT / "docs" / "examples" / f"{FLEET}.yaml").read_text())
    return [_time_one(cluster, f"bench-{number}", body) for number in range(TRIALS)]


def _time_one(cluster: LocalCluster, namespace: str, body: Manifest) -> float:
    """Fill every worker of a fleet, so that no slot is left; return when its count was raised."""
    slots = body["spec"]["agents"]["sessionsPerWorker"]
    cluster.kubectl("create", "namespace", namespace)
    cluster.api.call(
        "POST", f"/apis/voicefleet.dev/v1alpha1/namespaces/{namespace}/voicefleets", body
    )
    _wait(lambda: _settled(cluster.api, namespace))
    before = _replicas(cluster.api, namespace)
    for worker in cluster.world.workers(namespace):
        cluster.world.set_sessions(namespace, worker["pod"], slots)
    began = time.monotonic()
    _wait(lambda: _replicas(cluster.api, namespace) > before)
    return time.monotonic() - began


def _replicas(api: JsonClient, namespace: str) -> int:
    return sum(int(item["spec"]["replicas"]) for item in _list_sets(api, namespace))


def _list_sets(api: JsonClient, namespace: str) -> list[Manifest]:
    path = f"/apis/apps/v1/namespaces/{namespace}/replicasets?labelSelector={TIER}%3Dagents"
    found: list[Manifest] = api.call("GET", path)["items"]
    return found


def _settled(api: JsonClient, namespace: str) -> bool:
    sets = _list_sets(api, namespace)
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
