"""Carries out a plan in its order, with a look at the Lease before each write.

A conflict stops the plan, because what follows rests on a picture that is not true any more.
A refusal concerns one object: its later steps are left out, other objects go on. Called by
`shell/reconcile`.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from voicefleet.errors import (
    NAMESPACE_TERMINATING,
    ConflictError,
    NotLeadingError,
    RefusedError,
    UnavailableError,
    VoiceFleetError,
)
from voicefleet.manifests import ObjectKey
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Refusal
from voicefleet.model.plan import (
    ApplyChild,
    CordonWorker,
    CreateChild,
    DeleteChild,
    MarkPod,
    Plan,
    ReleaseFleet,
    ScaleChild,
    Step,
    UncordonWorker,
)
from voicefleet.ports import Cluster, Secrets, Workers
from voicefleet.shell.memory import RememberedRefusal
from voicefleet.shell.meter import Meter
from voicefleet.shell.steps import address_of, batch_steps, fingerprint_of, is_repair
from voicefleet.shell.writes import NAME_TAKEN, Writer

logger = logging.getLogger(__name__)

WRITES_AT_ONCE = 8
"""Of one fleet. A fleet of 24 children stands in a third of the time that one after the other
takes, and the API server still serves others."""


@dataclass(frozen=True, slots=True)
class Carried:
    """How far a plan came."""

    done: tuple[Step, ...] = ()
    refusals: Mapping[ObjectKey, RememberedRefusal] = field(default_factory=dict)
    """What the server refused, now or when the same was tried before."""
    created: tuple[ObjectKey, ...] = ()
    silent_workers: tuple[str, ...] = ()
    """Workers that could not be told to cordon or uncordon; they are told again soon."""
    stopped_by: VoiceFleetError | None = None
    """Why the steps after the last one done were not tried; None if all were."""

    @property
    def is_released(self) -> bool:
        """Whether the fleet has been let go."""
        return any(isinstance(step, ReleaseFleet) for step in self.done)

    @property
    def applies(self) -> int:
        """How many children that the cache showed were written anew."""
        return sum(isinstance(step, ApplyChild) for step in self.done)


@dataclass(slots=True)
class _Run:
    """One plan being carried out, and what has happened so far."""

    plan: Plan
    fleet: Fleet
    remembered: Mapping[ObjectKey, RememberedRefusal]
    done: list[Step] = field(default_factory=list)
    refusals: dict[ObjectKey, RememberedRefusal] = field(default_factory=dict)
    silent: list[str] = field(default_factory=list)
    stopped_by: VoiceFleetError | None = None

    def would_run_as_a_stranger(self, step: Step) -> bool:
        """Say whether new pods would have a ServiceAccount that belongs to somebody else.

        It may carry a cloud's role, and the fleet's author may have chosen the fleet's name
        for it. Accounts come before workloads in every plan, so by now it is known.
        """
        if not isinstance(step, CreateChild):
            return False
        pod = (step.manifest.get("spec", {}).get("template") or {}).get("spec", {})
        account = ObjectKey("ServiceAccount", self.fleet.namespace, pod.get("serviceAccountName"))
        found = self.refusals.get(account)
        return found is not None and found.refusal.is_name_taken

    def tell(self, error: RefusedError) -> None:
        """Log a refusal that is new; one line for all that a terminating namespace refuses."""
        if not error.is_namespace_terminating:
            logger.warning("%s: %s", self.fleet, error)
            return
        known = (*self.refusals.values(), *self.remembered.values())
        if all(one.refusal.reason != NAMESPACE_TERMINATING for one in known):
            namespace = self.fleet.namespace
            logger.info("%s: namespace %s terminates; it takes no objects", self.fleet, namespace)

    def carried(self) -> Carried:
        created = [step for step in self.done if isinstance(step, CreateChild)]
        return Carried(
            done=tuple(self.done),
            refusals=self.refusals,
            created=tuple(address_of(step, self.fleet) for step in created),
            silent_workers=tuple(self.silent),
            stopped_by=self.stopped_by,
        )


class Executor:
    """Carries out plans.

    Args:
        cluster: Where Kubernetes objects are written.
        workers: Where workers are cordoned.
        secrets: Derives the contents of generated Secrets and the workers' token.
        meter: Counts what was done.
        may_write: Says whether this replica still holds the Lease.
    """

    def __init__(
        self,
        *,
        cluster: Cluster,
        workers: Workers,
        secrets: Secrets,
        meter: Meter,
        may_write: Callable[[], bool],
    ) -> None:
        self._cluster = cluster
        self._writer = Writer(cluster=cluster, workers=workers, secrets=secrets)
        self._meter = meter
        self._may_write = may_write

    async def carry_out(
        self, plan: Plan, fleet: Fleet, remembered: Mapping[ObjectKey, RememberedRefusal]
    ) -> Carried:
        """Carry out the steps in order and return how far it came.

        Args:
            plan: Steps that `core/safety` has let pass.
            fleet: Whose plan it is.
            remembered: Refused writes that are not to be repeated in this cycle.
        """
        run = _Run(plan, fleet, remembered)
        limit = asyncio.Semaphore(WRITES_AT_ONCE)

        async def take(step: Step) -> None:
            async with limit:
                await self._take(step, run)

        for batch in batch_steps(plan.steps, fleet):
            await asyncio.gather(*map(take, batch))
            if run.stopped_by is not None:
                break
        return run.carried()

    async def write_quietly(self, step: CreateChild | ApplyChild, fleet: Fleet) -> bool:
        """Write one object that is no part of a plan; returns False without the Lease.

        Raises what a write raises, and neither logs nor counts: it is no decision.
        """
        return self._may_write() and await self._writer.write(step, fleet)

    async def _take(self, step: Step, run: _Run) -> None:
        """Carry out one step, unless it need not or must not be tried."""
        key = address_of(step, run.fleet)
        if run.stopped_by is not None or key in run.refusals or run.would_run_as_a_stranger(step):
            return
        if is_remembered(step, key, run.remembered):
            run.refusals[key] = run.remembered[key]
            return
        try:
            await self._write(step, key, run)
        except RefusedError as error:
            if key not in run.remembered:
                run.tell(error)
            run.refusals[key] = refusal_of(step, key, error)
        except (ConflictError, UnavailableError) as error:
            run.stopped_by = error
            await self._look_again(step, key)

    async def _write(self, step: Step, key: ObjectKey, run: _Run) -> None:
        if not self._may_write():
            raise NotLeadingError(str(run.fleet))
        try:
            has_changed = await self._writer.write(step, run.fleet)
        except UnavailableError as error:
            if not isinstance(step, CordonWorker | UncordonWorker):
                raise
            # One worker that does not answer must not hold up the rest of its fleet.
            run.silent.append(key.name)
            logger.debug("%s: %s", run.fleet, error)
            return
        if has_changed:
            self._note(step, key, run)

    def _note(self, step: Step, key: ObjectKey, run: _Run) -> None:
        run.done.append(step)
        if isinstance(step, CreateChild | ApplyChild):
            self._meter.note_apply_sent()
        if is_repair(step, run.plan):
            self._meter.note_drift_repair(key.kind)
        # Marks follow every call's begin and end; at that rate they are for debugging only.
        level = logging.DEBUG if isinstance(step, MarkPod) else logging.INFO
        logger.log(level, "%s: %s", run.fleet, step.because)

    async def _look_again(self, step: Step, key: ObjectKey) -> None:
        """Let the cache learn what the conflict was about, where it can."""
        if not isinstance(step, ApplyChild | ScaleChild | DeleteChild):
            return
        try:
            await self._cluster.refresh(key)
        except VoiceFleetError as error:
            logger.debug("%s could not be read again, the watch will tell: %s", key, error)


def refusal_of(step: Step, key: ObjectKey, error: RefusedError) -> RememberedRefusal:
    """Return what is remembered of a refused step.

    A taken name is looked at again in every cycle: that costs one read, and the owner may
    have made room.
    """
    is_taken = error.reason == NAME_TAKEN
    refusal = Refusal(key, error.status, error.reason, str(error), is_name_taken=is_taken)
    return RememberedRefusal(refusal, "" if is_taken else fingerprint_of(step))


def is_remembered(
    step: Step, key: ObjectKey, remembered: Mapping[ObjectKey, RememberedRefusal]
) -> bool:
    """Say whether exactly this write was refused before and may wait for the next resync."""
    before = remembered.get(key)
    if before is None or not before.fingerprint:
        return False
    return before.fingerprint == fingerprint_of(step)
