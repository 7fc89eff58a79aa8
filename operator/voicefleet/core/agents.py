"""Which workers take calls, which stop, and which may go: the agents tier.

There is one ReplicaSet per revision. The newest one may grow, older ones only drain. Every
count below is about *un-cordoned* workers; cordoned ones come on top until they are empty.
Called by `planning`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from voicefleet.api.reasons import Reason
from voicefleet.api.status import VoiceFleetStatus
from voicefleet.core.children import find_replicasets
from voicefleet.core.removal import (
    POLL_LENGTH,
    SIGNALS_LENGTH,
    explain_hold,
    explain_removal,
    find_priced,
    is_removable,
    rest_of_wait,
)
from voicefleet.core.sizes import Targets, split_rollout, surge_of
from voicefleet.core.victims import order_recalls, order_victims
from voicefleet.core.wording import list_some
from voicefleet.core.workers import Worker, WorkerSet, view_worker_sets
from voicefleet.model.decision import Decision
from voicefleet.model.observed import Observed, Tier
from voicefleet.model.plan import ScaleChild


@dataclass(frozen=True, slots=True)
class Rollout:
    """The agents ReplicaSets of a fleet: the current revision's, if it exists, and older ones."""

    current: WorkerSet | None
    old: tuple[WorkerSet, ...]

    @property
    def sets(self) -> tuple[WorkerSet, ...]:
        """All of them, the current one first."""
        return (*((self.current,) if self.current is not None else ()), *self.old)

    @property
    def serving(self) -> int:
        """Workers of any revision that take new sessions now."""
        return sum(workers.serving for workers in self.sets)

    @property
    def uncordoned(self) -> int:
        """Replicas of any revision that take sessions or will."""
        return sum(workers.uncordoned for workers in self.sets)


@dataclass(frozen=True, slots=True)
class Balance:
    """What brings some ReplicaSets to a target, without ending a call."""

    cordon: tuple[Worker, ...] = ()
    recall: tuple[Worker, ...] = ()
    unmade: tuple[int, ...] = ()
    """Per set: replicas to drop that have no pod yet."""
    shortfall: int = 0
    """Workers that only new replicas can supply."""


@dataclass(frozen=True, slots=True)
class AgentsDecision:
    """Everything one cycle does to the workers."""

    targets: Targets
    cordon: tuple[Worker, ...] = ()
    recall: tuple[Worker, ...] = ()
    removable: tuple[Worker, ...] = ()
    """They carry a deletion cost from now on, so that their ReplicaSet prefers to take them."""
    claims: tuple[ScaleChild, ...] = ()
    """Take over `replicas` where nobody of ours owns them; then nothing else is decided."""
    scales: tuple[ScaleChild, ...] = ()
    decisions: tuple[Decision, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)
    wake_after: timedelta | None = None


def view_rollout(observed: Observed, *, current: str, fleet_uid: str, now: datetime) -> Rollout:
    """Return the workers by revision; `current` is the name of the newest's ReplicaSet."""
    children = find_replicasets(observed.children, Tier.AGENTS, fleet_uid)
    sets = view_worker_sets(children, observed, now)
    return Rollout(
        next((each for each in sets if each.child.key.name == current), None),
        tuple(each for each in sets if each.child.key.name != current),
    )


def current_agents_size(status: VoiceFleetStatus, rollout: Rollout) -> int:
    """Return how many workers were last meant to take calls, else how many do, else 0.

    A status that was never written, or was lost, says nothing; then the cluster does.
    """
    if status.observed_generation:
        return status.agents.desired_replicas
    return rollout.uncordoned


def decide_agents(
    rollout: Rollout, wanted: int, now: datetime, *, unknown: str = "", doubt: str = ""
) -> AgentsDecision:
    """Bring the un-cordoned workers of all revisions to the wanted count.

    Args:
        rollout: The ReplicaSets and their workers, as observed.
        wanted: Un-cordoned workers the fleet should have; 0 drains it.
        now: The cycle's single clock reading.
        unknown: Why nobody surplus may be removed now: a signal that the wanted count rests
            on is not known. Workers of older revisions leave nevertheless, because it is not a
            smaller count that sends them away. Empty where all is known.
        doubt: Why no worker may be removed now, although it says that it is empty: what the
            media servers tell contradicts the workers. Empty where nothing does.

    Returns:
        Steps that never end a call: cordons, recalls, added replicas, and the removal of
        workers confirmed empty. Repeating it on a world where they have come true returns
        none.
    """
    claims = tuple(filter(None, map(_claim, rollout.sets)))
    targets = decide_targets(rollout, wanted)
    old = balance_sets(rollout.old, targets.old)
    targets, old = _leave_room(targets, rollout, old, wanted)
    if claims:
        return _take_over(rollout, claims, targets)
    current = (rollout.current,) if rollout.current is not None else ()
    new = balance_sets(current, targets.current)
    recall = new.recall + old.recall
    cordon = new.cordon + old.cordon
    # An older revision's workers leave because of their age, not because fewer are wanted.
    doubts = [doubt or unknown] * len(current) + [doubt] * len(rollout.old)
    scaling = [
        _scale(workers, unmade=unmade, recall=recall, doubt=doubted, now=now)
        for workers, unmade, doubted in zip(
            rollout.sets, new.unmade + old.unmade, doubts, strict=True
        )
    ]
    if current:
        scaling[0] = _grow(scaling[0], by=new.shortfall, targets=targets)
    leavers = _find_leavers(rollout, recall)
    return AgentsDecision(
        targets=targets,
        cordon=cordon,
        recall=recall,
        removable=_choose_priced(rollout, (*leavers, *cordon)),
        scales=tuple(filter(None, (each.step() for each in scaling))),
        decisions=(
            *_explain_cordons(cordon, recall, rollout.uncordoned),
            *filter(None, (each.removal for each in scaling)),
        ),
        notes={str(each.workers.child.key): each.hold for each in scaling if each.hold},
        wake_after=_find_wake(leavers, now, unknown=unknown, doubt=doubt),
    )


def _find_wake(
    leavers: Sequence[Worker], now: datetime, *, unknown: str, doubt: str
) -> timedelta | None:
    """Return when to look at leaving workers again that nothing else may announce."""
    if leavers and doubt:
        return POLL_LENGTH
    waits = [rest_of_wait(leavers, now), SIGNALS_LENGTH if leavers and unknown else None]
    return min((wait for wait in waits if wait is not None), default=None)


def _claim(workers: WorkerSet) -> ScaleChild | None:
    """Return the write that takes `replicas` over as it stands, where nobody of ours owns it.

    It comes alone: what to do about the count is decided once the count is ours.
    """
    child = workers.child
    if child.scaler_owns_replicas:
        return None
    because = f"take over {child.key} at {child.replicas} replicas: nobody of ours owns the field"
    return ScaleChild(child.key, child.replicas, child.replicas, because)


def _take_over(
    rollout: Rollout, claims: tuple[ScaleChild, ...], targets: Targets
) -> AgentsDecision:
    leavers = _find_leavers(rollout, ())
    return AgentsDecision(
        targets=targets,
        removable=_choose_priced(rollout, leavers),
        claims=claims,
        decisions=tuple(
            Decision(
                Tier.AGENTS,
                claim.replicas_from,
                claim.replicas_to,
                Reason.REPLICAS_DRIFTED,
                f"somebody else set the replicas of {claim.key} to {claim.replicas_from}",
            )
            for claim in claims
        ),
    )


def _find_leavers(rollout: Rollout, recall: tuple[Worker, ...]) -> list[Worker]:
    recalled = {worker.pod.uid for worker in recall}
    return [
        worker
        for workers in rollout.sets
        for worker in workers.workers
        if worker.is_cordoned and worker.pod.uid not in recalled
    ]


def _choose_priced(rollout: Rollout, leavers: Iterable[Worker]) -> tuple[Worker, ...]:
    """Return who carries a deletion cost: confirmed workers, and victims already chosen.

    Between a smaller count and the controller acting on it, the costs are what makes it take
    the right pods. To lift one then, because a report grew old, would send a busy pod away.
    """
    chosen = [
        worker
        for workers in rollout.sets
        if workers.is_shrinking
        for worker in workers.workers
        if worker.is_priced
    ]
    chosen_uids = {worker.pod.uid for worker in chosen}
    confirmed = (
        worker
        for worker in leavers
        if worker.pod.uid not in chosen_uids and (is_removable(worker) or not worker.pod.is_running)
    )
    return (*chosen, *confirmed)


def decide_targets(rollout: Rollout, wanted: int) -> Targets:
    """Divide the wanted count; old workers count as able while they are Ready, even cordoned.

    A cordoned worker can be called back at once, so it is a better reserve than a pod that
    has yet to start.
    """
    return split_rollout(
        wanted,
        new_ready=rollout.current.serving if rollout.current is not None else 0,
        old_ready=sum(
            worker.pod.is_ready
            for workers in rollout.old
            if not workers.is_shrinking
            for worker in workers.workers
        ),
    )


def _leave_room(
    targets: Targets, rollout: Rollout, old: Balance, wanted: int
) -> tuple[Targets, Balance]:
    """Grow and recall only as far as the surge allows, whatever has not come true yet.

    Replicas that were asked for a moment ago have no pod yet that could be cordoned. Old
    workers that run without being Ready do not count: they serve nobody, and may never make
    room.
    """
    cordoned = {worker.pod.uid for worker in old.cordon}
    broken = sum(
        worker.pod.is_running
        and not worker.pod.is_ready
        and not worker.is_cordoned
        and worker.pod.uid not in cordoned
        for workers in rollout.old
        for worker in workers.workers
    )
    staying = sum(workers.uncordoned for workers in rollout.old) - sum(old.unmade)
    room = wanted + surge_of(wanted) - (staying - len(old.cordon) - broken)
    existing = pending = 0
    if rollout.current is not None:
        existing = rollout.current.uncordoned
        free = sum(not worker.is_cordoned for worker in rollout.current.workers)
        pending = existing - rollout.current.missing - free
    recall = old.recall[: max(0, room - max(targets.current, pending))]
    current = min(targets.current, max(existing, room - len(recall)))
    return Targets(current, targets.old), replace(old, recall=recall)


def balance_sets(sets: tuple[WorkerSet, ...], target: int) -> Balance:
    """Choose who is cordoned or recalled so that `target` workers of these sets take calls.

    Cordoned workers come back before replicas without a pod are waited for: they exist. A set
    that is still shrinking recalls nobody, because one of its cordoned pods is on its way out.
    """
    workers = [worker for each in sets for worker in each.workers]
    have = sum(each.uncordoned - each.missing for each in sets)
    if have > target:
        free = tuple(worker for worker in workers if not worker.is_cordoned)
        return Balance(
            cordon=_choose_victims(free, count=have - target, target=target),
            unmade=tuple(each.missing for each in sets),
        )
    recall = tuple(order_recalls(_find_recallable(sets))[: target - have])
    shortfall = target - have - len(recall)
    unmade: list[int] = []
    for each in sets:
        kept = min(each.missing, shortfall)
        shortfall -= kept
        unmade.append(each.missing - kept)
    return Balance(recall=recall, unmade=tuple(unmade), shortfall=shortfall)


def _find_recallable(sets: tuple[WorkerSet, ...]) -> tuple[Worker, ...]:
    return tuple(
        worker
        for each in sets
        if not each.is_shrinking
        for worker in each.workers
        if worker.is_cordoned
    )


def _choose_victims(free: tuple[Worker, ...], *, count: int, target: int) -> tuple[Worker, ...]:
    """Return who is cordoned: never so many that fewer than `target` of those serving serve.

    Replicas that have no pod yet count as taking calls and cannot be cordoned; the workers
    that serve must not pay for them.
    """
    spare = max(0, sum(worker.is_serving for worker in free) - target)
    chosen: list[Worker] = []
    for worker in order_victims(free):
        if len(chosen) == count:
            break
        if worker.is_serving and spare == 0:
            continue
        spare -= worker.is_serving
        chosen.append(worker)
    return tuple(chosen)


@dataclass(frozen=True, slots=True)
class _Scaling:
    """What becomes of one ReplicaSet's `replicas`."""

    workers: WorkerSet
    replicas: int
    because: str = ""
    hold: str = ""
    removal: Decision | None = None

    def step(self) -> ScaleChild | None:
        """Return the ordinary change; one that lowers the count is guarded."""
        child = self.workers.child
        if self.replicas == child.replicas:
            return None
        guard = child.resource_version if self.replicas < child.replicas else None
        because = f"scale {child.key} {child.replicas}→{self.replicas}: {self.because}"
        return ScaleChild(child.key, child.replicas, self.replicas, because, guard)


def _scale(
    workers: WorkerSet, *, unmade: int, recall: tuple[Worker, ...], doubt: str, now: datetime
) -> _Scaling:
    """Drop replicas without a pod, and those of confirmed workers unless one has to wait."""
    replicas = workers.child.replicas - unmade
    because = f"{unmade} without a pod are not wanted" if unmade else ""
    leaving = tuple(worker for worker in find_priced(workers.workers) if worker not in recall)
    if not leaving or not workers.is_price_seen:
        return _Scaling(workers, replicas, because)
    hold = doubt or explain_hold(workers, leaving)
    if hold:
        return _Scaling(workers, replicas, because, hold)
    told = f"remove {explain_removal(leaving, now)}"
    after = replicas - len(leaving)
    removal = Decision(Tier.AGENTS, workers.child.replicas, after, Reason.WORKER_DRAINED, told)
    return _Scaling(workers, after, told, removal=removal)


def _grow(scaling: _Scaling, *, by: int, targets: Targets) -> _Scaling:
    if by == 0:
        return scaling
    because = f"{targets.current} workers of this revision wanted, {by} more than there are"
    return replace(scaling, replicas=scaling.replicas + by, because=because)


def _explain_cordons(
    cordon: tuple[Worker, ...], recall: tuple[Worker, ...], uncordoned: int
) -> list[Decision]:
    """Say each cordon and each recall once: until the worker confirms it, it is repeated."""
    fresh = [worker for worker in cordon if not worker.is_marked]
    back = [worker for worker in recall if worker.is_marked]
    decisions = []
    if fresh:
        after = uncordoned - len(fresh)
        named = list_some(worker.pod.name for worker in fresh)
        because = f"cordon {named}: {after} of {uncordoned} workers go on taking calls"
        decisions.append(Decision(Tier.AGENTS, uncordoned, after, Reason.WORKER_CORDONED, because))
    if back:
        after = uncordoned + len(back)
        named = list_some(worker.pod.name for worker in back)
        because = f"un-cordon {named}: needed again, {after} take calls"
        decisions.append(
            Decision(Tier.AGENTS, uncordoned, after, Reason.WORKER_UNCORDONED, because)
        )
    return decisions
