"""One cycle of one fleet: observe → plan → check → apply → report. The heart of the operator.

Whatever goes wrong ends here, in the fleet it went wrong in: the others do not notice.
Called by `shell/crew` for every fleet that the queue hands out.
"""

import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from voicefleet.api.reasons import Reason
from voicefleet.api.status import DECISIONS_MAX, VoiceFleetStatus
from voicefleet.core.safety import check_plan
from voicefleet.errors import ConflictError, SpecError, UnsafePlanError, VoiceFleetError
from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.model.decision import Decision
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Observed
from voicefleet.model.outcome import Outcome
from voicefleet.model.plan import Plan
from voicefleet.planning import plan_fleet, report_fleet
from voicefleet.ports import Clock, Cluster, Secrets, Tape, Workers
from voicefleet.settings import Platform
from voicefleet.shell.apply import Carried, Executor
from voicefleet.shell.figures import read_figures
from voicefleet.shell.fleets import is_within_limit, make_fleet
from voicefleet.shell.memory import FleetMemory, make_memory
from voicefleet.shell.meter import Meter
from voicefleet.shell.observe import Observer, find_server_look
from voicefleet.shell.queue import WorkQueue
from voicefleet.shell.remembering import MemoryKeeper
from voicefleet.shell.removals import note_removals, verify_removals
from voicefleet.shell.report import SECOND_LOOK_SECONDS, Reporter
from voicefleet.shell.stalled import stall_status
from voicefleet.shell.surge_plans import SURGE_PLAN, SurgeKeeper

logger = logging.getLogger(__name__)

UNSAFE_BEFORE_STALLED = 4
"""Cycles in a row whose plan was refused before the fleet is called Stalled. Caches of
different kinds can be a moment apart; the pauses before the fourth add up to about a second."""

UNREADABLE_CONFIG = "CreateContainerConfigError"
"""The kubelet's word for a container whose Secret or ConfigMap is not there."""


class Ended(StrEnum):
    """How a cycle ended; the label of its duration metric."""

    QUIET = "quiet"
    CHANGED = "changed"
    CONFLICT = "conflict"
    UNAVAILABLE = "unavailable"
    STALLED = "stalled"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Planner:
    """The pure functions of a cycle; tests put others in their place."""

    plan: Callable[[Fleet, Observed, datetime], Plan] = plan_fleet
    check: Callable[[Plan, Fleet, Observed, datetime], None] = check_plan
    report: Callable[[Fleet, Observed, Outcome, datetime], VoiceFleetStatus] = report_fleet


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything that cycles work with."""

    cluster: Cluster
    workers: Workers
    secrets: Secrets
    clock: Clock
    meter: Meter
    queue: WorkQueue
    observer: Observer
    executor: Executor
    reporter: Reporter
    surge_keeper: SurgeKeeper
    platform: Callable[[], Platform]
    """Reads the operator's configuration, which may change while it runs."""
    tape: Tape | None = None
    """Where cycles are recorded, if somebody asked for it."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """One fleet's turn: which fleet, as stored, what is remembered, and when it began."""

    key: ObjectKey
    body: Manifest
    memory: FleetMemory
    now: datetime


class Reconciler:
    """Runs cycles, and remembers of each fleet what must not be repeated."""

    def __init__(self, around: Surroundings, planner: Planner | None = None) -> None:
        self._around = around
        self._planner = planner or Planner()
        self._memories: dict[ObjectKey, FleetMemory] = {}
        self._keeper = MemoryKeeper(around.executor.write_quietly, around.clock)

    def note_resync(self, key: ObjectKey) -> None:
        """Let the fleet's next cycle repeat also what cannot be observed."""
        memory = self._memories.get(key)
        if memory is not None:
            pods = self._around.cluster.pods(key)
            lacks_secret = any(
                pod.trouble is not None and pod.trouble.reason == UNREADABLE_CONFIG for pod in pods
            )
            memory.note_resync(lacks_secret=lacks_secret)

    async def reconcile(self, key: ObjectKey) -> None:
        """Run one cycle and queue what has to follow it; never raises."""
        began = self._around.clock.monotonic()
        try:
            ended = await self._run(key)
        except Exception:
            # One of two catch-alls (the other is in `adapters/event_queue`): a fault of ours that
            # one fleet brings to light must neither end the process nor hold up other fleets.
            pause = self._around.queue.retry(key)
            logger.exception(
                "%s/%s: the cycle failed, next try in %.1f s; this is a fault of the operator",
                key.namespace, key.name, pause,
            )  # fmt: skip
            ended = Ended.FAILED
        self._around.meter.note_cycle(ended, self._around.clock.monotonic() - began)

    async def _run(self, key: ObjectKey) -> Ended:
        if key.kind == SURGE_PLAN:
            return await self._tend_plan(key)
        body = self._around.cluster.find_fleet(key)
        if body is None:
            return self._forget(key)
        memory = self._recall(key, body)
        cycle = Cycle(key, body, memory, self._around.clock.now())
        try:
            return await self._attempt(cycle)
        except VoiceFleetError as error:
            return self._put_off(cycle, error)

    async def _tend_plan(self, key: ObjectKey) -> Ended:
        """Let a SurgePlan say what becomes of it; its fleet has cycles of its own."""
        queue = self._around.queue
        try:
            rest = await self._around.surge_keeper.tend(key, self._around.platform())
        except VoiceFleetError as error:
            pause = queue.retry(key)
            logger.info("%s/%s: %s; next try in %.1f s", key.namespace, key, error, pause)
            return Ended.UNAVAILABLE
        if rest is None:
            queue.drop(key)
            return Ended.GONE
        queue.forget(key)
        queue.add(key, after_seconds=rest)
        return Ended.QUIET

    async def _attempt(self, cycle: Cycle) -> Ended:
        """Act on the fleet, or say in its status why nobody can."""
        try:
            fleet = make_fleet(
                cycle.body,
                self._around.platform(),
                secret_suffix=self._around.secrets.suffix(cycle.memory.uid),
            )
            self._check_limit(cycle, fleet)
            return await self._act(cycle, fleet)
        except SpecError as error:
            return await self._stall(cycle, Reason.INVALID_SPEC, str(error))
        except SurplusError as error:
            return await self._stall(cycle, Reason.TOO_MANY_FLEETS, str(error))

    async def _act(self, cycle: Cycle, fleet: Fleet) -> Ended:
        """Observe, plan, check, apply."""
        around, memory = self._around, cycle.memory
        observed = await around.observer.observe(
            fleet, cycle.key, secrets_due=memory.are_secrets_due
        )
        observed = replace(observed, memory=self._keeper.recall(fleet, observed, memory))
        self._verify_removals(observed, memory)
        plan = self._planner.plan(fleet, observed, cycle.now)
        if around.tape is not None:
            around.tape.note(fleet, observed, cycle.now, plan)
        try:
            self._planner.check(plan, fleet, observed, cycle.now)
        except UnsafePlanError as error:
            return await self._stop_short(cycle, fleet, observed, error=error)
        remembered = {} if memory.is_resync_due else memory.refusals
        carried = await around.executor.carry_out(plan, fleet, remembered)
        memory.refusals = dict(carried.refusals)
        memory.removals += note_removals(carried.done, observed, around.clock.monotonic())
        if carried.stopped_by is not None:
            raise carried.stopped_by
        memory.is_resync_due = False
        # Who deleted a child may have deleted Secrets beside it, which nobody may look for.
        memory.are_secrets_due = was_carried_out(cycle.body) and has_lost_children(carried.created)
        self._keeper.note(plan, memory)
        return await self._conclude(cycle, fleet, observed, plan=plan, carried=carried)

    async def _stop_short(
        self, cycle: Cycle, fleet: Fleet, observed: Observed, *, error: UnsafePlanError
    ) -> Ended:
        """Do nothing of a plan that breaks a law; say so once it is more than a moment's skew."""
        self._tell_once(cycle, logging.WARNING, f"{fleet}: refused its own plan: {error}")
        self._around.queue.retry(cycle.key)
        if self._around.queue.failures(cycle.key) >= UNSAFE_BEFORE_STALLED:
            outcome = Outcome(error=str(error))
            status = self._planner.report(fleet, observed, outcome, cycle.now)
            await self._around.reporter.report(cycle.body, status, cycle.memory, key=cycle.key)
        return Ended.STALLED

    async def _conclude(
        self, cycle: Cycle, fleet: Fleet, observed: Observed, *, plan: Plan, carried: Carried
    ) -> Ended:
        """Report what was done and queue what has to follow."""
        reporter, memory = self._around.reporter, cycle.memory
        decisions = effective_decisions(plan, carried)
        self._around.meter.note_applies_skipped(len(observed.children) - carried.applies)
        reporter.note_decisions(str(fleet), decisions, {step.because for step in carried.done})
        if carried.is_released:
            await reporter.announce(cycle.body, decisions)
            return Ended.CHANGED
        memory.unreported = (memory.unreported + decisions)[-DECISIONS_MAX:]
        outcome = Outcome(
            decisions=memory.unreported,
            refusals=tuple(one.refusal for one in carried.refusals.values()),
            created=carried.created,
            applied=carried.applies,
            notes=plan.notes,
        )
        status = self._planner.report(fleet, observed, outcome, cycle.now)
        self._around.meter.note_fleet(cycle.key, read_figures(fleet, observed, status))
        rest = await reporter.report(cycle.body, status, memory, key=cycle.key)
        waits = [
            rest,
            await self._keeper.keep(fleet, observed, memory),
            find_server_look(observed, cycle.now),
        ]
        rest = min((wait for wait in waits if wait is not None), default=None)
        if carried.done:
            # Our own writes are no event to us, and what they make possible must not wait for one.
            rest = min(SECOND_LOOK_SECONDS, math.inf if rest is None else rest)
        self._wake(cycle.key, plan.wake_after, rest)
        self._settle(cycle, carried)
        return Ended.CHANGED if carried.done else Ended.QUIET

    def _settle(self, cycle: Cycle, carried: Carried) -> None:
        """Start the backoff anew, unless a worker has to be told again."""
        cycle.memory.error = ""
        if carried.silent_workers:
            self._around.queue.retry(cycle.key)
        else:
            self._around.queue.forget(cycle.key)

    def _wake(self, key: ObjectKey, wake_after: timedelta | None, rest: float | None) -> None:
        """Look again when time alone may have changed something."""
        waits = [wake_after.total_seconds()] if wake_after is not None else []
        waits += [rest] if rest is not None else []
        if waits:
            self._around.queue.add(key, after_seconds=min(waits))

    async def _stall(self, cycle: Cycle, reason: Reason, message: str) -> Ended:
        """Say in the fleet's status why it cannot be acted on."""
        self._tell_once(cycle, logging.WARNING, message)
        status = stall_status(cycle.body, reason, message, cycle.now)
        rest = await self._around.reporter.report(cycle.body, status, cycle.memory, key=cycle.key)
        self._wake(cycle.key, None, rest)
        return Ended.STALLED

    def _put_off(self, cycle: Cycle, error: VoiceFleetError) -> Ended:
        """Try again: at once after the first conflict, else after a pause that grows."""
        queue, key = self._around.queue, cycle.key
        if self._around.cluster.find_fleet(key) is None:
            return self._forget(key)
        is_first = queue.failures(key) == 0
        pause = queue.retry(key)
        if isinstance(error, ConflictError):
            logger.info("%s/%s: %s; planning again", key.namespace, key.name, error)
            if is_first:
                queue.add(key, after_seconds=0)
            return Ended.CONFLICT
        self._tell_once(cycle, logging.WARNING, f"{key.namespace}/{key.name}: {error}")
        logger.debug("%s/%s: next try in %.1f s", key.namespace, key.name, pause)
        return Ended.UNAVAILABLE

    def _tell_once(self, cycle: Cycle, level: int, sentence: str) -> None:
        """Log what keeps going wrong when it begins, and not in every cycle."""
        if cycle.memory.error != sentence:
            cycle.memory.error = sentence
            logger.log(level, "%s", sentence)

    def _check_limit(self, cycle: Cycle, fleet: Fleet) -> None:
        """Refuse a fleet beyond the configured number; one being deleted is always let go."""
        keys, limit = self._around.cluster.fleet_keys(), fleet.platform.fleets_max
        if len(keys) <= limit or fleet.is_deleting:
            return
        found = (self._around.cluster.find_fleet(key) for key in keys)
        if not is_within_limit(cycle.body, (body for body in found if body), limit):
            raise SurplusError(
                f"{fleet} is one of {len(keys)} fleets, and this operator looks after {limit}; "
                "raise fleetsMax in its configuration or delete a fleet"
            )

    def _verify_removals(self, observed: Observed, memory: FleetMemory) -> None:
        now = self._around.clock.monotonic()
        wrong, memory.removals = verify_removals(memory.removals, observed, now)
        for pod in wrong:
            self._around.meter.note_busy_victim()
            logger.error(
                "%s: Pod/%s was removed while it held a session; please report this",
                pod.namespace, pod.name,
            )  # fmt: skip

    def _recall(self, key: ObjectKey, body: Manifest) -> FleetMemory:
        """Return what is remembered of this very fleet, not of an earlier one of its name."""
        uid = str(body["metadata"].get("uid", ""))
        memory = self._memories.get(key)
        if memory is None or memory.uid != uid:
            memory = make_memory(uid, is_new=not was_carried_out(body))
            self._memories[key] = memory
        return memory

    def _forget(self, key: ObjectKey) -> Ended:
        self._memories.pop(key, None)
        self._around.observer.forget(key)
        self._around.meter.forget_fleet(key)
        self._around.workers.follow(key, ())
        self._around.queue.drop(key)
        return Ended.GONE


class SurplusError(Exception):
    """There are more fleets than the operator is configured for; this one is too many."""


def was_carried_out(body: Manifest) -> bool:
    """Say whether some operator has carried out a whole plan for this fleet before.

    Status names a revision only after that. Then the Secrets can wait for one of the fleet's
    resyncs: posting them all at every start would be 3,000 requests for 1,000 fleets, ahead of
    changes.
    """
    agents = (body.get("status") or {}).get("agents") or {}
    return bool(agents.get("revision"))


def has_lost_children(created: Iterable[ObjectKey]) -> bool:
    """Say whether a fleet that stood had to get back what somebody must have deleted.

    A new ReplicaSet is a new revision or one more server.
    """
    return any(key.kind != "ReplicaSet" for key in created)


def effective_decisions(plan: Plan, carried: Carried) -> tuple[Decision, ...]:
    """Return the plan's decisions without those that could not be carried out.

    They would be decided anew in every cycle, and told anew each time.
    """
    failed = [str(key) for key in carried.refusals] + list(carried.silent_workers)
    return tuple(
        decision
        for decision in plan.decisions
        if not any(subject in decision.because for subject in failed)
    )
