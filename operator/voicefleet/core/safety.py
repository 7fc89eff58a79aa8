"""The last look at a plan: does it break a law? Then nothing of it is carried out.

It shares no reasoning with the planner on purpose. Each rule is read again from what was
observed: pods, their own reports, and the numbers in the fleet. Called by `shell/reconcile`
between planning and the first write.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from voicefleet.api.labels import COMPONENT, CORDONED, DELETION_COST, LEAVING, TIER
from voicefleet.api.voicefleet import DeletionPolicy
from voicefleet.errors import UnsafePlanError
from voicefleet.model.fleet import Fleet
from voicefleet.model.grace import agents_grace_seconds
from voicefleet.model.observed import REPORT_AGE_MAX, Child, Observed, Pod, Tier
from voicefleet.model.plan import (
    CordonWorker,
    CreateChild,
    DeleteChild,
    MarkPod,
    Plan,
    ReleaseFleet,
    ScaleChild,
    UncordonWorker,
)

SETTLE_MIN = timedelta(seconds=5)
"""A report confirms an empty worker only if it was read so long after the cordon."""

EMPTY_MIN = timedelta(seconds=10)
"""A media server has to have been without a room for so long."""


def check_plan(plan: Plan, fleet: Fleet, observed: Observed, now: datetime) -> None:
    """Refuse a plan that could end a call or leave the bounds.

    Raises:
        UnsafePlanError: A law is broken; the message names the object, the numbers and the law.
    """
    if fleet.spec.paused and not fleet.is_deleting and plan.steps:
        raise UnsafePlanError(
            f"{fleet}: spec.paused is true, but the plan has {len(plan.steps)} steps; none may run"
        )
    for step in plan.steps:
        match step:
            case ScaleChild():
                _check_scale(step, observed, now)
            case DeleteChild():
                _check_delete(step, observed, now)
            case ReleaseFleet():
                _check_release(fleet, observed, now)
            case MarkPod():
                _check_mark(step, observed, now)
            case _:
                pass
    _check_bounds(plan, fleet, observed)


def _check_scale(step: ScaleChild, observed: Observed, now: datetime) -> None:
    child = observed.children.get(step.key)
    if child is None:
        raise UnsafePlanError(f"{step.key} is to be scaled, but it was not observed")
    if _tier(child) not in {Tier.AGENTS, Tier.MEDIA} or step.replicas_to >= child.replicas:
        return
    if step.resource_version != child.resource_version:
        raise UnsafePlanError(
            f"{step.key} {child.replicas}→{step.replicas_to}: a removal must be guarded by "
            f"resourceVersion {child.resource_version!r}, not by {step.resource_version!r}"
        )
    pods = _alive(child, observed)
    counted = int((child.manifest.get("status") or {}).get("replicas", 0))
    removed = max(len(pods), counted) - step.replicas_to
    if removed > 0:
        _check_removal(step, child, observed, removed=removed, now=now)


def _check_removal(
    step: ScaleChild, child: Child, observed: Observed, *, removed: int, now: datetime
) -> None:
    """Refuse it unless that many pods are confirmed empty and the controller takes those."""
    pods = _alive(child, observed)
    confirmed = [pod for pod in pods if _is_confirmed_empty(pod, observed, now)]
    if removed > len(confirmed):
        raise UnsafePlanError(
            f"{step.key} {child.replicas}→{step.replicas_to} would remove {removed} of "
            f"{len(pods)} pods, but only {len(confirmed)} are confirmed empty"
        )
    _check_told(step, child, pods)
    chosen = {pod.uid for pod in confirmed}
    for pod in pods:
        if pod.uid not in chosen and _may_be_taken_first(pod):
            raise UnsafePlanError(
                f"{step.key} {child.replicas}→{step.replicas_to}: Pod/{pod.name} may hold calls "
                "and is not Ready or carries a deletion cost, so it would be taken first"
            )


def _check_told(step: ScaleChild, child: Child, pods: Iterable[Pod]) -> None:
    """Refuse a smaller count of which the controller does not know yet whom to take."""
    told = _count_told(child)
    offered = sum(pod.labels.get(COMPONENT) == LEAVING for pod in pods)
    if told is not None and told < offered:
        raise UnsafePlanError(
            f"{step.key} {child.replicas}→{step.replicas_to}: its controller has seen {told} of "
            f"{offered} pods that leave first, and could take others"
        )


def _count_told(child: Child) -> int | None:
    """Return how many pods the controller knows to differ from the template; None: it cannot."""
    if COMPONENT not in child.manifest["spec"]["template"]["metadata"].get("labels", {}):
        return None
    status = child.manifest.get("status") or {}
    return int(status.get("replicas", 0)) - int(status.get("fullyLabeledReplicas", 0))


def _may_be_taken_first(pod: Pod) -> bool:
    """Say whether the controller may prefer a pod that stays, by its documented order."""
    return not pod.is_ready or pod.annotations.get(DELETION_COST, "0").startswith("-")


def _check_delete(step: DeleteChild, observed: Observed, now: datetime) -> None:
    child = observed.children.get(step.key)
    if child is None or step.key.kind != "ReplicaSet":
        return
    for pod in _pods_of(child, observed):
        if not _is_confirmed_empty(pod, observed, now):
            raise UnsafePlanError(
                f"{step.key} is to be deleted, but Pod/{pod.name} of it may still hold calls"
            )
    if not _pods_of(child, observed) and child.ready_replicas > 0:
        raise UnsafePlanError(
            f"{step.key} is to be deleted, but it counts {child.ready_replicas} Ready pods "
            "that were not observed"
        )


def _check_mark(step: MarkPod, observed: Observed, now: datetime) -> None:
    """Check who is offered to the ReplicaSet controller, and that no offer is taken back late."""
    pod = next((pod for pod in observed.pods if pod.uid == step.uid), None)
    if pod is None:
        raise UnsafePlanError(f"{step.key} is to be marked, but it was not observed")
    had_cost, has_cost = (DELETION_COST in marks for marks in (pod.annotations, step.annotations))
    if has_cost and not had_cost and not _is_confirmed_empty(pod, observed, now):
        raise UnsafePlanError(f"{step.key} is to get a deletion cost, but it may still hold calls")
    if had_cost and not has_cost:
        _check_retreat(pod, observed)


def _check_retreat(pod: Pod, observed: Observed) -> None:
    for child in _agents_sets(observed):
        pods = len(_alive(child, observed))
        if child.key.name == pod.owner_name and pods > child.replicas:
            raise UnsafePlanError(
                f"Pod/{pod.name} is to lose its deletion cost while {child.key} has {pods} pods "
                f"for {child.replicas} replicas; its controller would take another one"
            )


def _check_release(fleet: Fleet, observed: Observed, now: datetime) -> None:
    if fleet.deletion_requested_at is None:
        raise UnsafePlanError(f"{fleet} is to be released, but nobody deleted it")
    if _may_cut_calls(fleet, fleet.deletion_requested_at, observed, now):
        return
    for pod in observed.pods:
        if not pod.is_finished and (held := _may_hold(pod, observed, now)):
            raise UnsafePlanError(
                f"{fleet} is to be released, but Pod/{pod.name} may still hold {held}"
            )


def _may_hold(pod: Pod, observed: Observed, now: datetime) -> str:
    """Return what a pod cannot be shown to be free of, or nothing."""
    sessions = _sessions(pod, observed, now)
    if pod.tier is Tier.MEDIA:
        return "rooms" if sessions != 0 else ""
    is_idle = pod.is_deleting and sessions == 0
    is_free = pod.tier is not Tier.AGENTS or is_idle or _is_confirmed_empty(pod, observed, now)
    return "" if is_free else "calls"


def _may_cut_calls(fleet: Fleet, requested_at: datetime, observed: Observed, now: datetime) -> bool:
    """Say whether the fleet may go with calls in it: by its policy, its namespace, or time."""
    grace = timedelta(seconds=agents_grace_seconds(fleet.spec.agents.max_session_seconds))
    return (
        fleet.spec.deletion_policy is DeletionPolicy.NOW
        or observed.is_namespace_terminating
        or now >= requested_at + grace
    )


def _check_bounds(plan: Plan, fleet: Fleet, observed: Observed) -> None:
    """Compare the workers that take calls, before and after the plan, with the bounds.

    Workers beyond the bounds from before, after a lowered maximum for instance, are no fault
    of the plan; taking them further out is, and without a step it takes nothing anywhere.
    """
    if not plan.steps:
        return
    before = sum(
        _uncordoned(child.replicas, _alive(child, observed), _cordoned_before(observed))
        for child in _agents_sets(observed)
    )
    after = _count_after(plan, observed)
    agents = fleet.spec.agents
    low = min(max(agents.min_replicas, agents.floor_replicas), agents.max_replicas)
    ceiling = agents.max_replicas + max(1, agents.max_replicas // 4)
    if after > before and after - _count_broken(plan, observed) > ceiling:
        raise UnsafePlanError(
            f"{fleet}: the plan leads from {before} to {after} workers that take calls, but "
            f"maxReplicas {agents.max_replicas} and a rollout's surge allow {ceiling}"
        )
    if after < before and after < low and not fleet.is_deleting:
        raise UnsafePlanError(
            f"{fleet}: the plan leaves {after} of {before} workers taking calls, but at least "
            f"{low} have to (minReplicas {agents.min_replicas}, floorReplicas "
            f"{agents.floor_replicas})"
        )


def _count_after(plan: Plan, observed: Observed) -> int:
    """Return the replicas that take calls, or will, once the plan has run."""
    sizes = {step.key: step.replicas_to for step in plan.steps if isinstance(step, ScaleChild)}
    cordoned = _cordoned_after(plan, observed)
    kept = sum(
        _uncordoned(sizes.get(child.key, child.replicas), _alive(child, observed), cordoned)
        for child in _agents_sets(observed)
    )
    return kept + sum(
        int(step.manifest["spec"]["replicas"])
        for step in plan.steps
        if isinstance(step, CreateChild)
        and step.manifest["kind"] == "ReplicaSet"
        and step.manifest["metadata"]["labels"][TIER] == Tier.AGENTS
    )


def _uncordoned(replicas: int, pods: Collection[Pod], cordoned: Collection[str]) -> int:
    """Return replicas minus the cordoned ones among them; surplus pods are the ones that go."""
    leaving = max(0, len(pods) - replicas)
    return replicas - max(0, sum(pod.uid in cordoned for pod in pods) - leaving)


def _cordoned_before(observed: Observed) -> frozenset[str]:
    return frozenset(pod.uid for pod in observed.pods if _is_cordoned(pod, observed))


def _cordoned_after(plan: Plan, observed: Observed) -> frozenset[str]:
    """Return the UIDs of pods without new sessions after the plan.

    A pod that cannot be asked is cordoned by its mark alone.
    """
    after = set(_cordoned_before(observed))
    silent = {pod.uid for pod in observed.pods if not _has_word(pod, observed)}
    for step in plan.steps:
        match step:
            case CordonWorker():
                after.add(step.uid)
            case UncordonWorker():
                after.discard(step.uid)
            case MarkPod() if step.uid in silent and CORDONED in step.annotations:
                after.add(step.uid)
            case MarkPod() if step.uid in silent:
                after.discard(step.uid)
            case _:
                pass
    return frozenset(after)


def _count_broken(plan: Plan, observed: Observed) -> int:
    """Return pods that count as taking calls and do not: running, and yet not Ready.

    Those of a workload that grows are still starting. The others cannot be removed without
    a doubt, and must not hold up their replacement.
    """
    growing = {
        step.key.name
        for step in plan.steps
        if isinstance(step, ScaleChild) and step.replicas_to > step.replicas_from
    }
    cordoned = _cordoned_after(plan, observed)
    return sum(
        pod.is_running and not pod.is_ready and pod.uid not in cordoned
        for child in _agents_sets(observed)
        if child.key.name not in growing
        for pod in _alive(child, observed)
    )


def _agents_sets(observed: Observed) -> tuple[Child, ...]:
    return tuple(
        child
        for child in observed.children.values()
        if child.key.kind == "ReplicaSet" and _tier(child) == Tier.AGENTS and not child.is_deleting
    )


def _tier(child: Child) -> str:
    """Return the tier by the labels of its pods, which nobody can strip."""
    template = child.manifest.get("spec", {}).get("template", {})
    labels = template.get("metadata", {}).get("labels") or child.labels
    return str(labels.get(TIER, ""))


def _pods_of(child: Child, observed: Observed) -> tuple[Pod, ...]:
    """Return its pods that may still run, those on their way out included."""
    return tuple(
        pod for pod in observed.pods if pod.owner_name == child.key.name and not pod.is_finished
    )


def _alive(child: Child, observed: Observed) -> tuple[Pod, ...]:
    """Return its pods that its controller counts."""
    return tuple(pod for pod in _pods_of(child, observed) if not pod.is_deleting)


def _sessions(pod: Pod, observed: Observed, now: datetime) -> int | None:
    """Return sessions on a worker or rooms on a server; None while nobody knows."""
    if not pod.is_running:
        return 0
    worker, server = observed.report_of_worker(pod), observed.report_of_server(pod)
    if worker is not None and now - worker.observed_at <= REPORT_AGE_MAX:
        return worker.active + worker.reserved
    if server is not None and now - server.observed_at <= REPORT_AGE_MAX:
        return server.rooms
    return None


def _is_confirmed_empty(pod: Pod, observed: Observed, now: datetime) -> bool:
    """Say whether a pod holds no call and cannot get one before it is gone."""
    if not pod.is_running:
        return True
    if _sessions(pod, observed, now) != 0:
        return False
    worker, server = observed.report_of_worker(pod), observed.report_of_server(pod)
    if worker is not None:
        since = worker.cordoned_since
        is_settled = since is not None and worker.observed_at - since >= SETTLE_MIN
        return worker.is_cordoned and is_settled
    return (
        server is not None
        and server.empty_since is not None
        and now - server.empty_since >= EMPTY_MIN
    )


def _has_word(pod: Pod, observed: Observed) -> bool:
    return pod.is_running and observed.report_of_worker(pod) is not None


def _is_cordoned(pod: Pod, observed: Observed) -> bool:
    report = observed.report_of_worker(pod) if pod.is_running else None
    if report is not None:
        return report.is_cordoned
    return pod.annotations.get(CORDONED) == "true"
