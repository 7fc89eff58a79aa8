"""Looks after a removal: did the ReplicaSet controller take only workers without a call?

We choose who leaves and give it a deletion cost, but the controller deletes. So every
removal is verified with the pods that really go, and a wrong one is counted
(`busy_victims_total`, which must stay 0). Pure; called by `shell/reconcile`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from voicefleet.model.observed import Observed, Pod
from voicefleet.model.plan import ScaleChild

VERIFY_SECONDS = 30.0
"""How long after a removal a pod that goes is put down to it. The controller acts within a
second; the rest covers one that is restarting."""


@dataclass(frozen=True, slots=True)
class Removal:
    """One lowering of `replicas` and the pods that were on their way out before it."""

    owner_name: str
    namespace: str
    already_leaving: frozenset[str]
    asked_at: float

    def is_over(self, now: float) -> bool:
        """Say whether pods that go from now on have another reason."""
        return now - self.asked_at > VERIFY_SECONDS


def note_removals(steps: Iterable[object], observed: Observed, now: float) -> tuple[Removal, ...]:
    """Return what has to be verified after these steps were carried out."""
    return tuple(
        Removal(
            owner_name=step.key.name,
            namespace=step.key.namespace,
            already_leaving=frozenset(pod.uid for pod in _leaving(observed, step.key.name)),
            asked_at=now,
        )
        for step in steps
        if isinstance(step, ScaleChild)
        and step.key.kind == "ReplicaSet"
        and step.replicas_to < step.replicas_from
    )


def verify_removals(
    removals: Iterable[Removal], observed: Observed, now: float
) -> tuple[tuple[Pod, ...], tuple[Removal, ...]]:
    """Return the victims that held a session, and the removals that still have to be watched.

    A victim is judged by the worker's own last word before it went; every pod is judged once.
    """
    wrong: list[Pod] = []
    left: list[Removal] = []
    for removal in removals:
        victims = [
            pod
            for pod in _leaving(observed, removal.owner_name)
            if pod.uid not in removal.already_leaving
        ]
        wrong.extend(pod for pod in victims if _is_busy(pod, observed))
        seen = removal.already_leaving | {pod.uid for pod in victims}
        if not removal.is_over(now):
            left.append(Removal(removal.owner_name, removal.namespace, seen, removal.asked_at))
    return tuple(wrong), tuple(left)


def _leaving(observed: Observed, owner_name: str) -> list[Pod]:
    return [pod for pod in observed.pods if pod.owner_name == owner_name and pod.is_deleting]


def _is_busy(pod: Pod, observed: Observed) -> bool:
    report = observed.workers.get(pod.uid)
    return report is not None and report.active + report.reserved > 0
