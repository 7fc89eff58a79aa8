"""What one may choose about a local cluster, and the choices made once when it is created.

`ClusterOptions` is the person's choice; `ClusterRecord` adds the ports and addresses that were
free at the time. The record is kept in the cluster's folder, so that a second `up` heals the
same cluster instead of making another.
"""

import json
import re
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from voicefleet_localcluster import versions
from voicefleet_localcluster.errors import LocalClusterError

RECORD_VERSION = 2
NAME_PATTERN = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
SOFTWARE = f"Kubernetes {versions.KUBERNETES}, etcd {versions.ETCD}, kwok {versions.KWOK}"
NODES_MAX = 200
"""Their own addresses are 127.x.1.1 to 127.x.1.200; 500 pods each is more than one machine can."""
POD_SECONDS_MAX = 3600.0


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """What a person or a test chooses."""

    name: str = "default"
    plain_nodes: int = 3
    gpu_nodes: int = 1
    spot_nodes: int = 1
    pod_start_seconds: float = 1.0
    """From a pod being bound to a node until it is Ready: image pull and start-up in one."""
    pod_stop_seconds: float = 0.5
    """From a pod's deletion until it is gone, or its grace period if that is shorter."""
    with_world: bool = True
    """Whether a world process answers at the pods' addresses."""
    with_prometheus: bool = False
    """Whether a Prometheus (Debian's) scrapes them; it finds them through the world."""
    controllers: str = "*"
    """Which of its controllers the controller manager runs, in the words of its own flag."""
    for_crowds: bool = False
    """Whether it leaves out what costs time with every pod and no operator notices: Endpoints,
    the garbage collector, and other users' lines in the audit log."""

    def checked(self) -> Self:
        """Return these options if a cluster can be made from them.

        Raises:
            LocalClusterError: One of them is out of range.
        """
        if not NAME_PATTERN.fullmatch(self.name):
            raise LocalClusterError(
                f"{self.name!r} is no name for a cluster: 1 to 40 of a-z, 0-9 and -, "
                "no - at either end",
                next_step="choose another --name",
            )
        counts = (self.plain_nodes, self.gpu_nodes, self.spot_nodes)
        if min(counts) < 0 or not 1 <= sum(counts) <= NODES_MAX:
            raise LocalClusterError(
                f"cluster {self.name}: {sum(counts)} nodes {counts} are not possible: each kind "
                f"0 or more, together 1 to {NODES_MAX}",
                next_step="choose other --nodes, for example --nodes 3,1,1",
            )
        for option in ("pod_start_seconds", "pod_stop_seconds"):
            seconds = getattr(self, option)
            if not 0 <= seconds <= POD_SECONDS_MAX:
                raise LocalClusterError(
                    f"cluster {self.name}: {option} is {seconds}, allowed are 0 to "
                    f"{POD_SECONDS_MAX:.0f}",
                    next_step=f"choose another --{option.replace('_', '-')}",
                )
        return self


@dataclass(frozen=True, slots=True)
class Ports:
    """The loopback ports of one cluster."""

    etcd: int
    etcd_peer: int
    api: int
    controllers: int
    scheduler: int
    kwok: int
    world: int
    metrics_api: int
    prometheus: int


@dataclass(frozen=True, slots=True)
class ClusterRecord:
    """Everything needed to run the same cluster again."""

    options: ClusterOptions
    ports: Ports
    network: int
    """The x of 127.x.0.0/16, which is this cluster's alone."""
    software: str = SOFTWARE
    """What made it; a cluster of other versions is replaced, never healed."""

    @property
    def server(self) -> str:
        """The API server's address."""
        return f"https://127.0.0.1:{self.ports.api}"

    def with_options(self, options: ClusterOptions) -> Self:
        """Return the same cluster with other choices."""
        return replace(self, options=options)

    def to_json(self) -> str:
        """Return the record as it is kept in the cluster's folder."""
        return json.dumps({"recordVersion": RECORD_VERSION, **asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self | None:
        """Read a record, or return None where it is another version's or damaged."""
        try:
            document: dict[str, Any] = json.loads(text)
            if document.pop("recordVersion") != RECORD_VERSION:
                return None
            return cls(
                options=ClusterOptions(**document["options"]),
                ports=Ports(**document["ports"]),
                network=int(document["network"]),
                software=str(document["software"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
