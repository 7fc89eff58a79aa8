"""The agents workers as decisions see them: each pod with its own word about itself.

The one place where "busy", "unknown" and "empty" are told apart. A worker whose newest
report is older than `REPORT_AGE_MAX` has said nothing; a pod in which no container runs
cannot hold a call, whatever anybody once reported. Called by `core/agents`, `core/marks`,
`core/deletion`, `core/status`; `core/safety` has its own reading on purpose.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter

from voicefleet.api.labels import COMPONENT, CORDONED, DELETION_COST, LEAVING
from voicefleet.model.observed import Child, Observed, Pod, Tier, WorkerReport
from voicefleet.recall import remembered


@dataclass(frozen=True, slots=True)
class Worker:
    """One agents pod and what is known about it."""

    pod: Pod
    report: WorkerReport | None
    """Its newest report, however old."""
    sessions: int | None
    """Running and reserved sessions; None while nobody knows."""
    is_cordoned: bool = field(init=False)
    """Whether it takes no new sessions: by its own word, else by our note on the pod. Asked a
    dozen times in a cycle, so it is said once."""

    def __post_init__(self) -> None:
        """Read who says that it is cordoned."""
        report = self.report if self.pod.is_running else None
        told = self.is_marked if report is None else report.is_cordoned
        object.__setattr__(self, "is_cordoned", told)

    @property
    def is_idle(self) -> bool:
        """Whether it certainly holds no call."""
        return self.sessions == 0

    @property
    def is_marked(self) -> bool:
        """Whether we have noted on the pod that it should be cordoned."""
        return self.pod.annotations.get(CORDONED) == "true"

    @property
    def is_serving(self) -> bool:
        """Whether it takes new sessions now."""
        return self.pod.is_ready and not self.is_cordoned

    @property
    def is_priced(self) -> bool:
        """Whether its pod carries a deletion cost, so that a ReplicaSet prefers to take it."""
        return self.pod.annotations.get(DELETION_COST, "0") != "0"

    @property
    def is_leaving(self) -> bool:
        """Whether its pod carries the label that came with its deletion cost."""
        return self.pod.labels.get(COMPONENT) == LEAVING


def view_worker(pod: Pod, observed: Observed, now: datetime) -> Worker:
    """Join a pod with its report."""
    report = observed.report_of_worker(pod)
    if not pod.is_running:
        return Worker(pod, report, 0)
    if report is None or not report.is_fresh(now):
        return Worker(pod, report, None)
    return Worker(pod, report, report.active + report.reserved)


@dataclass(frozen=True, slots=True)
class WorkerSet:
    """One revision: its ReplicaSet and the workers that still count as its replicas."""

    child: Child
    workers: tuple[Worker, ...]
    """Sorted by name; without pods that are being deleted or have finished."""
    leftovers: int = 0
    """Its pods that no longer count and are still there."""
    cordoned: int = field(init=False)
    """Cordoned workers among the replicas; those already on their way out are not."""

    def __post_init__(self) -> None:
        """Count once what is asked for over and over."""
        surplus = max(0, len(self.workers) - self.child.replicas)
        cordoned = sum([worker.is_cordoned for worker in self.workers])
        object.__setattr__(self, "cordoned", max(0, cordoned - surplus))

    @property
    def counted(self) -> int:
        """Pods that its controller counts, which may be ahead of our cache or behind it."""
        return int((self.child.manifest.get("status") or {}).get("replicas", 0))

    @property
    def missing(self) -> int:
        """Replicas that have no pod yet and can be dropped, by the word of both caches.

        The pod cache may lag behind the controller, so its status has to agree, and to be
        about the present spec.
        """
        status = self.child.manifest.get("status") or {}
        generation = self.child.manifest["metadata"].get("generation", 0)
        if int(status.get("observedGeneration", 0)) < int(generation):
            return 0
        return max(0, self.child.replicas - max(len(self.workers), self.counted))

    @property
    def is_shrinking(self) -> bool:
        """Whether an earlier, smaller count has not reached the pods yet."""
        return max(len(self.workers), self.counted) > self.child.replicas

    @property
    def is_price_seen(self) -> bool:
        """Whether its controller has seen every deletion cost that we see.

        Its watch is not ours, and it may be later. But it tells how many of its pods have all
        labels of the template, and a pod loses one of those in the write that prices it. A
        template without that label can tell nothing.
        """
        template = self.child.manifest["spec"]["template"]["metadata"].get("labels") or {}
        if COMPONENT not in template:
            return True
        if any(worker.is_priced and not worker.is_leaving for worker in self.workers):
            return False
        status = self.child.manifest.get("status") or {}
        unlike = sum(not template.items() <= each.pod.labels.items() for each in self.workers)
        return self.counted - int(status.get("fullyLabeledReplicas", 0)) == unlike

    @property
    def uncordoned(self) -> int:
        """Replicas that take sessions, or will once their pod runs."""
        return self.child.replicas - self.cordoned

    @property
    def serving(self) -> int:
        """Workers that take new sessions now."""
        return sum([worker.is_serving for worker in self.workers])

    @property
    def is_gone(self) -> bool:
        """Whether nothing of the revision is left but the object."""
        pods = len(self.workers) + self.leftovers + self.counted
        return self.child.replicas == 0 and pods == 0


def view_workers(observed: Observed, now: datetime) -> tuple[Worker, ...]:
    """Return every agents pod that still counts, by name."""
    return tuple([view_worker(pod, observed, now) for pod in _find_counted(observed.pods)])


@remembered(4)
def _find_counted(pods: tuple[Pod, ...]) -> tuple[Pod, ...]:
    """Return the agents pods that their controller counts, by name."""
    counted = (
        pod
        for pod in pods
        if pod.tier is Tier.AGENTS and not pod.is_deleting and not pod.is_finished
    )
    return tuple(sorted(counted, key=attrgetter("name")))


@remembered(4)
def _find_leftovers(pods: tuple[Pod, ...]) -> tuple[Pod, ...]:
    """Return the pods that no controller counts any more."""
    return tuple(pod for pod in pods if pod.is_deleting or pod.is_finished)


def view_worker_sets(
    children: Iterable[Child], observed: Observed, now: datetime
) -> tuple[WorkerSet, ...]:
    """Return one set for each given ReplicaSet, in their order."""
    workers = view_workers(observed, now)
    return tuple(
        WorkerSet(
            child,
            tuple(worker for worker in workers if worker.pod.owner_name == child.key.name),
            sum(pod.owner_name == child.key.name for pod in _find_leftovers(observed.pods)),
        )
        for child in children
    )
