"""What we ask of workers, and what we note on their pods for people and other controllers.

All our marks on a pod are one server-side apply, so each `MarkPod` carries the full set and
what is left out goes away. Called by `planning` with the outcome of `core/agents`.
"""

from collections.abc import Collection, Iterable

from voicefleet.api.labels import (
    BUSY,
    COMPONENT,
    CORDONED,
    DELETION_COST,
    LEAVING,
    SAFE_TO_EVICT,
)
from voicefleet.core.agents import AgentsDecision, Rollout
from voicefleet.core.workers import Worker
from voicefleet.manifests import ObjectKey
from voicefleet.model.observed import Tier
from voicefleet.model.plan import CordonWorker, DeleteChild, MarkPod, Plan, UncordonWorker

LEAVE_FIRST = "-1000"
"""Deletion cost of a confirmed-empty worker; every other pod has the default, 0."""


def plan_workers(rollout: Rollout, decision: AgentsDecision) -> Plan:
    """Turn the decision about the workers into steps.

    Whatever adds capacity comes first. Cordons come last: a worker that does not answer must
    not keep the others waiting, and a note on its pod remembers that it was meant to go.
    """
    workers = [worker for workers in rollout.sets for worker in workers.workers]
    cordoned = _uids(worker for worker in workers if worker.is_cordoned)
    cordoned = cordoned - _uids(decision.recall) | _uids(decision.cordon)
    removable = _uids(decision.removable)
    growing = [step for step in decision.scales if step.replicas_to > step.replicas_from]
    shrinking = [step for step in decision.scales if step.replicas_to < step.replicas_from]
    return Plan(
        (
            *growing,
            *_recalls(decision.recall),
            *mark_workers(workers, cordoned=cordoned, removable=removable),
            *shrinking,
            *_delete_drained(rollout),
            *_cordons(decision.cordon),
        ),
        decision.decisions,
        decision.wake_after,
        decision.notes,
    )


def _uids(workers: Iterable[Worker]) -> frozenset[str]:
    return frozenset(worker.pod.uid for worker in workers)


def find_payable(
    rollout: Rollout, decision: AgentsDecision, shrunk: Collection[ObjectKey]
) -> frozenset[str]:
    """Return the UIDs of the workers that carry a deletion cost once this plan has run.

    While a ReplicaSet shrinks, no further worker of it gets one: its controller could take
    that one instead of the one that the plan names.
    """
    held_back = {
        worker.pod.uid
        for workers in rollout.sets
        if workers.child.key in shrunk
        for worker in workers.workers
        if not worker.is_priced
    }
    return frozenset(worker.pod.uid for worker in decision.removable) - held_back


def _delete_drained(rollout: Rollout) -> tuple[DeleteChild, ...]:
    return tuple(
        DeleteChild(
            workers.child.key,
            workers.child.uid,
            f"delete {workers.child.key}: an old revision, and its last worker is gone",
        )
        for workers in rollout.old
        if workers.is_gone
    )


def mark_workers(
    workers: Iterable[Worker],
    *,
    cordoned: Collection[str],
    removable: Collection[str],
) -> tuple[MarkPod, ...]:
    """Return one step for each pod whose marks are not what they should be.

    Args:
        workers: Every agents pod that still counts.
        cordoned: UIDs of those that take no new sessions once this plan has run.
        removable: UIDs of those confirmed empty, which a ReplicaSet shall prefer to take.

    Returns:
        Steps for pods that differ. A worker that runs and is not known to be idle is busy:
        its label puts it under the disruption budget, its annotation keeps the cluster
        autoscaler off its node. Both go as soon as the worker says 0.
    """
    steps = []
    for worker in workers:
        pod = worker.pod
        is_busy = pod.is_running and worker.sessions != 0
        is_cordoned, is_leaving = pod.uid in cordoned, pod.uid in removable
        if _carries(worker, is_busy=is_busy, is_cordoned=is_cordoned, is_leaving=is_leaving):
            continue
        # Always named: the field manager that stops naming a label takes it away.
        labels = {COMPONENT: Tier.AGENTS.value}
        if is_busy:
            labels[BUSY] = "true"
        annotations = {SAFE_TO_EVICT: "false"} if is_busy else {}
        if is_cordoned:
            annotations[CORDONED] = "true"
        if is_leaving:
            annotations[DELETION_COST] = LEAVE_FIRST
            labels[COMPONENT] = LEAVING
        key = _key_of(worker)
        because = f"mark {key}: {_describe(worker, annotations)}"
        steps.append(MarkPod(key, pod.uid, labels, annotations, because))
    return tuple(steps)


def _recalls(workers: Iterable[Worker]) -> tuple[UncordonWorker, ...]:
    return tuple(
        UncordonWorker(key, worker.pod.uid, worker.pod.ip, f"un-cordon {key}: needed again")
        for worker, key in _reachable(workers)
    )


def _cordons(workers: Iterable[Worker]) -> tuple[CordonWorker, ...]:
    return tuple(
        CordonWorker(key, worker.pod.uid, worker.pod.ip, f"cordon {key}: no longer wanted")
        for worker, key in _reachable(workers)
    )


def _reachable(workers: Iterable[Worker]) -> tuple[tuple[Worker, ObjectKey], ...]:
    """Return the workers that can be asked at all; the others are only marked."""
    return tuple(
        (worker, _key_of(worker)) for worker in workers if worker.pod.is_running and worker.pod.ip
    )


def _key_of(worker: Worker) -> ObjectKey:
    return ObjectKey("Pod", worker.pod.namespace, worker.pod.name)


def _carries(worker: Worker, *, is_busy: bool, is_cordoned: bool, is_leaving: bool) -> bool:
    """Say whether a pod carries our marks already, as nearly every one does."""
    labels, annotations = worker.pod.labels, worker.pod.annotations
    return (
        labels.get(BUSY) == ("true" if is_busy else None)
        and (labels.get(COMPONENT) == LEAVING) == is_leaving
        and annotations.get(SAFE_TO_EVICT) == ("false" if is_busy else None)
        and annotations.get(CORDONED) == ("true" if is_cordoned else None)
        and annotations.get(DELETION_COST) == (LEAVE_FIRST if is_leaving else None)
    )


def _describe(worker: Worker, annotations: dict[str, str]) -> str:
    sessions = "unknown sessions" if worker.sessions is None else f"{worker.sessions} sessions"
    words = ["does not run" if not worker.pod.is_running else sessions]
    if CORDONED in annotations:
        words.append("cordoned")
    if DELETION_COST in annotations:
        words.append("leaves first")
    return ", ".join(words)
