"""The conditions of a fleet, one function each: word, reason, and a sentence for 3 a.m.

`Ready`, `CapacityAvailable`, `ScalingActive`, `GraceSufficient` and `SignalsFresh` are always
there; `Reconciling` and `Stalled` only while true, which is what kstatus expects. What is
measured has its conditions in `core/signal_conditions`. Called by
`planning.report_fleet`.
"""

from voicefleet.api.media import NetworkMode
from voicefleet.api.reasons import ConditionType, Reason
from voicefleet.api.scaling import ScalingMode
from voicefleet.api.status import Condition, ConditionStatus
from voicefleet.core.capacity import Trouble, find_troubles
from voicefleet.core.evaluation_condition import find_evaluation
from voicefleet.core.finding import Finding
from voicefleet.core.overview import Overview
from voicefleet.core.signal_conditions import find_latency, find_signals
from voicefleet.core.wording import count_of, list_some
from voicefleet.core.workers import WorkerSet
from voicefleet.model.grace import AGENTS_MARGIN_SECONDS, agents_grace_seconds
from voicefleet.model.observed import Tier

MESSAGE_MAX = 4096
"""Longest message that the API allows in a condition."""

SESSION_LIMIT = "VOICEFLEET_MAX_SESSION_SECONDS"
"""Where a worker's template tells it how long its calls may last."""


STATUSES = {
    True: ConditionStatus.TRUE,
    False: ConditionStatus.FALSE,
    None: ConditionStatus.UNKNOWN,
}
"""How a finding is written."""


def report_conditions(view: Overview) -> tuple[Condition, ...]:
    """Return all conditions. The time of one moves only when its status does."""
    troubles = find_troubles(view.observed, view.outcome.refusals)
    findings = (
        find_ready(view, troubles),
        find_reconciling(view),
        find_stalled(view),
        find_capacity(troubles),
        find_scaling(view),
        find_grace(view),
        find_signals(view),
        find_latency(view),
        find_evaluation(view),
    )
    return tuple(_condition(view, finding) for finding in findings if finding is not None)


def find_ready(view: Overview, troubles: tuple[Trouble, ...]) -> Finding:
    """Say whether every tier has the ready replicas it should have."""
    counts = _count_replicas(view)
    numbers = ", ".join(f"{name} {ready}/{wanted}" for _, name, ready, wanted in counts)
    short = {tier for tier, _, ready, wanted in counts if ready < wanted}
    for tier, reason in READY_REASONS.items():
        if tier in short:
            cause = next((trouble for trouble in troubles if trouble.tier == tier), None)
            told = str(cause) if cause is not None else _explain_waiting(view)
            return Finding(ConditionType.READY, False, reason, f"{numbers} ready; {told}")
    if view.fleet.spec.media.network.mode is NetworkMode.POD_NETWORK:
        told = f"{numbers} ready; {Reason.POD_NETWORK_FOR_TESTS.meaning}"
        return Finding(ConditionType.READY, True, Reason.POD_NETWORK_FOR_TESTS, told)
    return Finding(ConditionType.READY, True, Reason.ALL_TIERS_READY, f"{numbers} ready")


def _count_replicas(view: Overview) -> list[tuple[Tier, str, int, int]]:
    """Return tier, name, ready and wanted replicas of everything that can be short."""
    return [
        (Tier.AGENTS, "agents", view.rollout.serving, view.agents_wanted),
        (Tier.MEDIA, "media", view.media_ready, view.media_wanted),
        *((pool.tier, pool.name, pool.ready, pool.wanted) for pool in view.pools),
    ]


READY_REASONS = {
    Tier.REDIS: Reason.REDIS_NOT_READY,
    Tier.MEDIA: Reason.MEDIA_NOT_READY,
    Tier.AGENTS: Reason.AGENTS_NOT_READY,
    Tier.SPEECH: Reason.SPEECH_NOT_READY,
    Tier.EVALUATION: Reason.EVALUATION_NOT_READY,
}
"""Which tier names the condition when several are short: what the others depend on first."""


def find_reconciling(view: Overview) -> Finding | None:
    """Say what is still going on, or None when nothing is."""
    fleet = view.fleet
    if fleet.is_deleting:
        told = view.outcome.notes.get(str(fleet)) or f"{fleet} is deleted"
        return _going_on(Reason.DELETING, told)
    if fleet.spec.paused:
        return None
    if view.outcome.created or view.outcome.applied:
        told = (
            f"generation {fleet.generation}: {len(view.outcome.created)} children created, "
            f"{view.outcome.applied} corrected"
        )
        return _going_on(Reason.APPLYING, told)
    rolling = _explain_rollout(view)
    if rolling:
        return _going_on(Reason.ROLLING_OUT, rolling)
    waiting = _explain_missing(view)
    if waiting:
        return _going_on(Reason.SCALING_UP, waiting)
    return _explain_draining(view)


def find_stalled(view: Overview) -> Finding | None:
    """Say what only a person can mend, or None when nothing is."""
    if view.outcome.error:
        return Finding(ConditionType.STALLED, True, Reason.UNSAFE_PLAN, view.outcome.error)
    refusals = sorted(
        view.outcome.refusals, key=lambda refusal: (not refusal.is_name_taken, refusal.key)
    )
    if not refusals:
        return None
    first = refusals[0]
    reason = Reason.NAME_TAKEN if first.is_name_taken else Reason.CHILD_REFUSED
    more = f" ({count_of(len(refusals) - 1, 'other object')} too)" if refusals[1:] else ""
    said = first.message.strip().rstrip(".")
    told = f"{first.key} is refused{more}: {said}. {reason.next_step}"
    return Finding(ConditionType.STALLED, True, reason, told)


def find_capacity(troubles: tuple[Trouble, ...]) -> Finding:
    """Say why pods do not run, the gravest cause first."""
    if not troubles:
        told = "no pod is refused, without a place, or failing to start"
        return Finding(ConditionType.CAPACITY_AVAILABLE, True, Reason.CAPACITY_READY, told)
    first, *others = troubles
    told = str(first)
    if others:
        told += f" Also: {list_some(f'{other.reason} ({other.subject})' for other in others)}."
    return Finding(ConditionType.CAPACITY_AVAILABLE, False, first.reason, told)


def find_scaling(view: Overview) -> Finding:
    """Say whether the number of workers is free within its bounds."""
    agents = view.fleet.spec.agents
    if view.fleet.spec.paused:
        told = "spec.paused is true: nothing is changed; set it to false to go on"
        return Finding(ConditionType.SCALING_ACTIVE, False, Reason.PAUSED_BY_SPEC, told)
    if agents.floor_replicas > agents.min_replicas:
        told = (
            f"floorReplicas is {agents.floor_replicas}, above minReplicas {agents.min_replicas}: "
            f"agents never fewer; `kubectl scale vf/{view.fleet.name} --replicas=0` lifts it"
        )
        return Finding(ConditionType.SCALING_ACTIVE, False, Reason.PINNED_BY_HAND, told)
    return _find_freedom(view)


def _find_freedom(view: Overview) -> Finding:
    """Say whether what is asked for can be done within mode and bounds."""
    agents, recommended = view.fleet.spec.agents, view.agents.recommended
    if view.fleet.spec.scaling.mode is ScalingMode.RECOMMEND:
        told = f"agents {view.agents_wanted} stay, recommended are "
        told += str(view.agents_wanted if recommended is None else recommended)
        return Finding(ConditionType.SCALING_ACTIVE, False, Reason.RECOMMENDING, told)
    asked = max((desire.replicas for desire in view.agents.desires), default=0)
    if asked > agents.max_replicas:
        told = (
            f"{asked} workers are asked for, `maxReplicas` is {agents.max_replicas}: "
            f"{view.agents.desires[0].because}. {Reason.LIMITED_BY_MAXIMUM.next_step}"
        )
        return Finding(ConditionType.SCALING_ACTIVE, True, Reason.LIMITED_BY_MAXIMUM, told)
    told = f"agents {view.agents_wanted}, free from {agents.min_replicas} to {agents.max_replicas}"
    return Finding(ConditionType.SCALING_ACTIVE, True, Reason.WITHIN_BOUNDS, told)


def find_grace(view: Overview) -> Finding:
    """Say whether every live worker may take its own longest call to stop."""
    short: list[tuple[str, int, int]] = []
    for workers in view.rollout.sets:
        needed = agents_grace_seconds(_session_limit(workers, view))
        short.extend(
            (worker.pod.name, worker.pod.grace_seconds, needed)
            for worker in workers.workers
            if worker.pod.grace_seconds < needed
        )
    if short:
        name, has, needed = short[0]
        told = (
            f"{count_of(len(short), 'worker')} would be killed too early, first Pod/{name}: it "
            f"gets {has} s to stop and its longest call needs {needed} s; do not drain its node"
        )
        return Finding(ConditionType.GRACE_SUFFICIENT, False, Reason.GRACE_TOO_SHORT, told)
    longest = view.fleet.spec.agents.max_session_seconds
    told = (
        f"workers get {agents_grace_seconds(longest)} s to stop: calls of {longest} s and a "
        f"margin of {AGENTS_MARGIN_SECONDS} s"
    )
    return Finding(ConditionType.GRACE_SUFFICIENT, True, Reason.GRACE_COVERS_LONGEST_CALL, told)


def _session_limit(workers: WorkerSet, view: Overview) -> int:
    """Return how long calls on these workers may last: what their own template told them."""
    template = workers.child.manifest["spec"]["template"]["spec"]
    for container in template.get("containers") or ():
        for variable in container.get("env") or ():
            if variable.get("name") == SESSION_LIMIT and str(variable.get("value")).isdecimal():
                return int(variable["value"])
    return view.fleet.spec.agents.max_session_seconds


def _explain_rollout(view: Overview) -> str:
    parts = []
    if view.rollout.old:
        new = view.rollout.current.serving if view.rollout.current is not None else 0
        left = sum(len(workers.workers) for workers in view.rollout.old)
        parts.append(
            f"agents: {new} of {view.agents_wanted} workers of revision {view.agents_revision} "
            f"serve, {count_of(left, 'old one')} left"
        )
    if view.servers.old:
        new = sum(server.is_ready for server in view.servers.current)
        parts.append(
            f"media: {new} of {view.media_wanted} servers of revision {view.media_revision} "
            f"serve, {count_of(len(view.servers.old), 'old one')} left"
        )
    parts.extend(
        f"{pool.name}: pods of an earlier template are being replaced"
        for pool in view.pools
        if pool.is_rolling
    )
    return "; ".join(parts)


def _explain_missing(view: Overview) -> str:
    counts = [
        ("agents", view.rollout.serving, view.agents_wanted),
        ("media", view.media_ready, view.media_wanted),
        *((pool.name, pool.ready, pool.wanted) for pool in view.pools),
    ]
    return ", ".join(
        f"{name} {ready} of {wanted} ready" for name, ready, wanted in counts if ready < wanted
    )


def _explain_draining(view: Overview) -> Finding | None:
    """Tell surplus that is on its way from surplus that waits for calls."""
    workers, servers = view.cordoned, view.surplus_servers
    if not workers and not servers:
        return _explain_surplus(view)
    names = [worker.pod.name for worker in workers] + [server.child.key.name for server in servers]
    is_waiting = any(not worker.is_idle for worker in workers) or any(
        server.rooms != 0 for server in servers
    )
    if is_waiting:
        return _going_on(Reason.DRAINING, f"{list_some(names)} wait for their last call")
    return _going_on(Reason.SCALING_DOWN, f"{list_some(names)} are surplus and leave")


def _explain_surplus(view: Overview) -> Finding | None:
    """Tell of workers beyond the wanted ones before the first of them is cordoned."""
    surplus = view.rollout.uncordoned - view.agents_wanted
    if surplus <= 0:
        return None
    told = f"{count_of(surplus, 'worker')} more than the {view.agents_wanted} wanted ones"
    return _going_on(Reason.SCALING_DOWN, told)


def _explain_waiting(view: Overview) -> str:
    if view.fleet.is_deleting:
        return "the fleet is being deleted"
    if view.fleet.spec.paused:
        return "spec.paused is true, so nothing is done about it"
    return "pods are starting; if this lasts, read their logs"


def _going_on(reason: Reason, told: str) -> Finding:
    return Finding(ConditionType.RECONCILING, True, reason, told)


def _condition(view: Overview, finding: Finding) -> Condition:
    status = STATUSES[finding.holds]
    before = next(
        (known for known in view.fleet.status.conditions if known.type == finding.type), None
    )
    is_same = before is not None and before.status is status
    return Condition(
        type=finding.type,
        status=status,
        reason=finding.reason,
        message=finding.message[:MESSAGE_MAX],
        last_transition_time=before.last_transition_time if before and is_same else view.now,
        observed_generation=view.fleet.generation,
    )
