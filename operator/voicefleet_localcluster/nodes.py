"""The fake nodes as manifests: plain, with GPUs, and spot. Pure."""

from typing import Any, Final

from voicefleet_localcluster.addresses import node_address
from voicefleet_localcluster.options import ClusterRecord

Manifest = dict[str, Any]

GPU_RESOURCE: Final = "nvidia.com/gpu"
GPUS_PER_NODE: Final = 8
GPU_LABELS: Final = {"nvidia.com/gpu.present": "true"}
SPOT_LABELS: Final = {"voicefleet.dev/spot": "true"}
SPOT_TAINT: Final = {"key": "voicefleet.dev/spot", "value": "true", "effect": "NoSchedule"}
"""As clouds mark nodes that they may take back: only pods that tolerate it are placed there."""
AMOUNTS: Final = {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "500"}
"""Room for 500 pods on each node."""


def render_nodes(record: ClusterRecord) -> list[Manifest]:
    """Return every node of a cluster, numbered from 1 across the kinds."""
    options = record.options
    kinds = (
        *(("plain", number) for number in range(1, options.plain_nodes + 1)),
        *(("gpu", number) for number in range(1, options.gpu_nodes + 1)),
        *(("spot", number) for number in range(1, options.spot_nodes + 1)),
    )
    return [
        _render_node(record.network, place, kind=kind, name=f"{kind}-{number}")
        for place, (kind, number) in enumerate(kinds, start=1)
    ]


def _render_node(network: int, place: int, *, kind: str, name: str) -> Manifest:
    amounts = {**AMOUNTS, **({GPU_RESOURCE: str(GPUS_PER_NODE)} if kind == "gpu" else {})}
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/region": "local",
        "topology.kubernetes.io/zone": f"local-{place % 3 + 1}",
        **{"gpu": GPU_LABELS, "spot": SPOT_LABELS}.get(kind, {}),
    }
    taints = [SPOT_TAINT] if kind == "spot" else []
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": taints},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": node_address(network, place)},
                {"type": "Hostname", "address": name},
            ],
            "allocatable": amounts,
            "capacity": amounts,
        },
    }
