"""The load of the scale bench: so many fleets of every tier, and nodes that can hold their pods.

Pure; `scale` creates what is rendered here, for our operator and for the baseline alike.
"""

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import yaml

from voicefleet.api.parse import parse_fleet
from voicefleet.manifests import Manifest
from voicefleet.model.observed import Observed
from voicefleet.model.plan import CreateChild, CreateSecret
from voicefleet.planning import plan_fleet
from voicefleet_workbench.bench_planner import NOW
from voicefleet_workbench.settled import example_fleet
from voicefleet_workbench.sources import ROOT

NAMESPACE = "scale"
PODS_PER_NODE = 500
ADDRESSES_PER_NODE = 1024
"""A /22 for each node of ours: 500 pods, and as many again while others still terminate."""

SMALL_FLEET_PODS = 8
"""Below this a fleet has workers and one media server and nothing else."""

WIDE_OPEN = ("resources", "topologySpread", "tolerations")
"""Fields of the example that would measure the scheduler instead of the operator."""


@dataclass(frozen=True, slots=True)
class ScaleSize:
    """How much load."""

    fleets: int = 20
    pods: int = 20
    """Pods of each fleet, over all tiers."""
    decisions: int = 20
    """Changes of a fleet's bounds, one after the other over the fleets, to measure a decision."""
    idle_seconds: float = 15.0
    """How long nothing happens while CPU is measured."""

    @property
    def total_pods(self) -> int:
        """Pods of all fleets."""
        return self.fleets * self.pods

    @property
    def workers(self) -> int:
        """Agents workers of each fleet: what the other tiers leave."""
        if self.pods < SMALL_FLEET_PODS:
            return max(1, self.pods - 1)
        return self.pods - 5 - self.evaluators

    @property
    def evaluators(self) -> int:
        """Evaluation pods of each fleet: a tenth."""
        return self.pods // 10


def fleet_name(number: int) -> str:
    """Return a fleet's name."""
    return f"fleet-{number:04d}"


def render_scale_fleet(size: ScaleSize, number: int) -> Manifest:
    """Return one fleet: workers, 2 media servers, 2 speech pools, Redis, evaluators.

    A small one has workers and a media server with somebody else's Redis.
    """
    body: Manifest = yaml.safe_load((ROOT / "docs" / "examples" / "interviews.yaml").read_text())
    body["metadata"] = {"name": fleet_name(number), "namespace": NAMESPACE}
    spec = body["spec"]
    spec["deletionPolicy"] = "Now"
    spec["agents"] |= {"minReplicas": size.workers, "maxReplicas": size.workers + 60}
    if size.pods < SMALL_FLEET_PODS:
        del spec["speech"], spec["evaluation"]
        spec["media"]["minReplicas"] = 1
        spec["media"]["redis"] = {"mode": "External", "address": "redis.example:6379"}
    else:
        spec["evaluation"] |= {
            "minReplicas": size.evaluators,
            "maxReplicas": size.evaluators + 10,
            "spot": "Never",
        }
    parts = [spec["agents"], spec["media"], *spec.get("speech", ()), spec.get("evaluation", {})]
    for part in parts:
        for field in WIDE_OPEN:
            part.pop(field, None)
    return body


def count_children(size: ScaleSize) -> Counter[str]:
    """Return how many objects of each kind all fleets together have, by the planner's word."""
    parsed = parse_fleet({**render_scale_fleet(size, 1)})
    fleet = replace(example_fleet(size.workers), namespace=NAMESPACE, spec=parsed.spec)
    kinds: Counter[str] = Counter()
    for step in plan_fleet(fleet, Observed(secrets_due=True), NOW).steps:
        match step:
            case CreateChild(manifest=manifest):
                kinds[manifest["kind"]] += size.fleets
            case CreateSecret():
                kinds["Secret"] += size.fleets
            case _:
                continue
    return kinds


def render_scale_nodes(size: ScaleSize, network: int) -> list[Manifest]:
    """Return nodes for all pods, each with a block of addresses of its own.

    kwok gives all other nodes' pods addresses from one block of 4,094.
    """
    count = math.ceil(size.total_pods * 1.2 / PODS_PER_NODE)
    return [_render_node(number, network) for number in range(count)]


def _render_node(number: int, network: int) -> dict[str, Any]:
    # The first blocks, up to x.32.0, are the cluster's own; see voicefleet_localcluster.addresses.
    third = 32 + number * ADDRESSES_PER_NODE // 256
    amounts = {"cpu": "64", "memory": "256Gi", "pods": str(PODS_PER_NODE)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": f"scale-{number:02d}", "labels": {"kubernetes.io/os": "linux"}},
        "spec": {"podCIDR": f"127.{network}.{third}.0/22"},
        "status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "allocatable": amounts,
            "capacity": amounts,
        },
    }
