"""Workers, their ReplicaSets and their nodes, as the simulated cluster holds them.

Plain mutable records; what happens to them is in `sim/world`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from voicefleet.api.labels import DELETION_COST


@dataclass(slots=True, eq=False)
class Node:
    """One machine that workers run on."""

    number: int
    ready_at: float
    places: int
    pods: int = 0
    is_leaving: bool = False
    """Nothing new is placed on it any more."""


@dataclass(slots=True, eq=False)
class Worker:
    """One agents pod, with the truth about it."""

    uid: str
    name: str
    owner: str
    created_at: float
    node: Node
    started_at: float | None = None
    """When its container began to run."""
    ready_at: float | None = None
    cordoned_since: float | None = None
    stopping_since: float | None = None
    """When it was told to finish (SIGTERM); it takes no new calls from then on."""
    is_lost: bool = False
    """Its calls end because of its node, and not because of any policy."""
    is_gone: bool = False
    calls: dict[int, datetime] = field(default_factory=dict)
    """Start of each running call, by caller; the oldest first."""
    told_starts: tuple[datetime, ...] | None = ()
    """Starts of its calls as it last told them; None since they have changed."""
    slow_seconds: float = 0.0
    """How long it has been above the latency target, in all."""
    slow_since: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    facts: int = 0
    """Counts up whenever something that a pod's manifest shows has changed."""

    @property
    def starts(self) -> tuple[datetime, ...]:
        """When its running calls began, the oldest first."""
        if self.told_starts is None:
            self.told_starts = tuple(self.calls.values())
        return self.told_starts

    @property
    def is_open(self) -> bool:
        """Whether it takes new calls."""
        return (
            self.ready_at is not None
            and self.cordoned_since is None
            and self.stopping_since is None
        )

    def slow_until(self, now: float) -> float:
        """Return how long it has been above the target until now."""
        return self.slow_seconds + (now - self.slow_since if self.slow_since is not None else 0.0)


@dataclass(slots=True, eq=False)
class ReplicaSet:
    """A count of workers, kept by its controller."""

    name: str
    replicas: int = 0
    grace_seconds: float = 30.0
    idle_only: bool = False
    """Whether only workers without calls may be taken, as Agones does it."""
    labels: Mapping[str, str] = field(default_factory=dict)


def order_of_removal(worker: Worker) -> tuple[bool, bool, int, int, float, str]:
    """Rank a worker as the ReplicaSet controller does: who sorts first is deleted first.

    k8s.io/kubernetes/pkg/controller, ActivePodsWithRanks: not running, not ready, lower
    deletion cost, more siblings on its node, younger.
    """
    return (
        worker.started_at is not None,
        worker.ready_at is not None,
        int(worker.annotations.get(DELETION_COST, "0")),
        -worker.node.pods,
        -(worker.ready_at if worker.ready_at is not None else worker.created_at),
        worker.name,
    )
