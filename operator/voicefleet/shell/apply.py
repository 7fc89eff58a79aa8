"""Carries out a plan: step by step, in its order, each with a look at the Lease before it.

A conflict stops the plan, because what follows rests on a picture that is not true any more.
A refusal concerns one object: its later steps are left out, other objects go on. Called by
`shell/reconcile`.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from voicefleet.api.reasons import Reason
from voicefleet.errors import ConflictError, RefusedError, UnavailableError, VoiceFleetError
from voicefleet.manifests import ObjectKey, fingerprint, key_of
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Child, Refusal
from voicefleet.model.ownership import is_ours
from voicefleet.model.plan import (
    ApplyChild,
    CordonWorker,
    CreateChild,
    CreateSecret,
    DeleteChild,
    HoldFleet,
    MarkPod,
    Plan,
    ReleaseFleet,
    ScaleChild,
    Step,
    UncordonWorker,
)
from voicefleet.ports import Cluster, Secrets, Workers
from voicefleet.render.secrets import render_secret
from voicefleet.shell.fleets import fleet_key
from voicefleet.shell.memory import RememberedRefusal
from voicefleet.shell.meter import Meter

logger = logging.getLogger(__name__)

CONFLICT = 409


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


@dataclass(slots=True)
class _Progress:
    """What has happened so far in one plan."""

    done: list[Step]
    refusals: dict[ObjectKey, RememberedRefusal]
    created: list[ObjectKey]
    silent: list[str]

    def carried(self, stopped_by: VoiceFleetError | None = None) -> Carried:
        return Carried(
            done=tuple(self.done),
            refusals=self.refusals,
            created=tuple(self.created),
            silent_workers=tuple(self.silent),
            stopped_by=stopped_by,
        )


class Executor:
    """Turns steps into writes.

    Args:
        cluster: Where Kubernetes objects are written.
        workers: Where workers are cordoned.
        secrets: Derives the contents of generated Secrets and the workers' token.
        meter: Counts what was sent.
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
        self._workers = workers
        self._secrets = secrets
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
        progress = _Progress([], {}, [], [])
        for step in plan.steps:
            key = address_of(step, fleet)
            if key in progress.refusals:
                continue
            if is_remembered(step, key, remembered):
                progress.refusals[key] = remembered[key]
                continue
            try:
                await self._take(step, fleet, progress)
            except RefusedError as error:
                progress.refusals[key] = refusal_of(step, key, error)
                if key not in remembered:
                    logger.warning("%s: %s", fleet, error)
            except (ConflictError, UnavailableError) as error:
                await self._look_again(step, key)
                return progress.carried(error)
            if is_repair(step, plan):
                self._meter.note_drift_repair(key.kind)
        return progress.carried()

    async def _take(self, step: Step, fleet: Fleet, progress: _Progress) -> None:
        if not self._may_write():
            raise UnavailableError(
                f"{fleet}: this replica does not hold the Lease any more; the next leader goes on"
            )
        if isinstance(step, CordonWorker | UncordonWorker):
            await self._tell_worker(step, fleet, progress)
            return
        await self._write(step, fleet)
        if isinstance(step, CreateChild):
            progress.created.append(key_of(step.manifest))
        progress.done.append(step)
        # Marks follow every call's begin and end; at that rate they are for debugging only.
        level = logging.DEBUG if isinstance(step, MarkPod | CreateSecret) else logging.INFO
        logger.log(level, "%s: %s", fleet, step.because)

    async def _write(self, step: Step, fleet: Fleet) -> None:
        match step:
            case CreateSecret():
                await self._create_secret(step, fleet)
            case CreateChild():
                await self._create_child(step, fleet)
            case ApplyChild():
                self._meter.note_apply_sent()
                await self._cluster.apply(step.manifest)
            case ScaleChild():
                await self._cluster.scale(step.key, step.replicas_to, step.resource_version)
            case DeleteChild():
                await self._cluster.delete(step.key, step.uid)
            case MarkPod():
                await self._cluster.mark_pod(step)
            case HoldFleet():
                await self._cluster.set_finalizer(fleet_key(fleet), present=True)
            case ReleaseFleet():
                await self._cluster.set_finalizer(fleet_key(fleet), present=False)
            case CordonWorker() | UncordonWorker():
                raise AssertionError("workers are told, not written")

    async def _create_secret(self, step: CreateSecret, fleet: Fleet) -> None:
        contents = self._secrets.contents(fleet.uid, step.purpose)
        frame = render_secret(fleet, step.purpose)
        if await self._cluster.create_secret({**frame, "stringData": dict(contents)}):
            logger.info("%s: %s", fleet, step.because)

    async def _create_child(self, step: CreateChild, fleet: Fleet) -> None:
        """Create an object, unless one of its name exists that the cache does not show."""
        key = key_of(step.manifest)
        found = await self._cluster.refresh(key)
        if found is not None:
            raise standing_in_the_way(found, fleet)
        self._meter.note_apply_sent()
        await self._cluster.apply(step.manifest)
        replicas = step.manifest.get("spec", {}).get("replicas")
        if replicas is not None:
            # At once, so that the template's next apply can leave the field out: a sole owner
            # that drops `replicas` resets it to 1.
            await self._cluster.scale(key, replicas, None)

    async def _tell_worker(
        self, step: CordonWorker | UncordonWorker, fleet: Fleet, progress: _Progress
    ) -> None:
        """Cordon or uncordon; a worker that does not answer holds up nothing else."""
        token = self._secrets.worker_token(fleet.uid)
        tell = self._workers.cordon if isinstance(step, CordonWorker) else self._workers.uncordon
        try:
            await tell(step.ip, token)
        except UnavailableError as error:
            progress.silent.append(step.key.name)
            logger.debug("%s: %s: %s", fleet, step.key, error)
            return
        progress.done.append(step)
        logger.info("%s: %s", fleet, step.because)

    async def _look_again(self, step: Step, key: ObjectKey) -> None:
        """Let the cache learn what the conflict was about, where it can."""
        if not isinstance(step, ApplyChild | ScaleChild | DeleteChild):
            return
        try:
            await self._cluster.refresh(key)
        except VoiceFleetError as error:
            logger.debug("%s could not be read again, the watch will tell: %s", key, error)


NAME_TAKEN = "NameTaken"
"""Reason word of a refusal that is ours and not the server's."""


def standing_in_the_way(found: Child, fleet: Fleet) -> VoiceFleetError:
    """Return what it means that an object exists where the cache shows none."""
    if is_ours(found.manifest, fleet.uid):
        return ConflictError(f"{found.key} exists already although no watch has shown it yet")
    owners = found.manifest["metadata"].get("ownerReferences") or ()
    if any((owner["kind"], owner["name"]) == ("VoiceFleet", fleet.name) for owner in owners):
        return UnavailableError(
            f"{found.key} belongs to an earlier fleet of this name; waiting until the garbage "
            "collector has removed it"
        )
    return RefusedError(
        f"{found.key} exists and belongs to somebody else; delete or rename it, or create "
        f"VoiceFleet {fleet.name} under another name",
        status=CONFLICT,
        reason=NAME_TAKEN,
    )


def refusal_of(step: Step, key: ObjectKey, error: RefusedError) -> RememberedRefusal:
    """Return what is remembered of a refused step.

    A taken name is looked at again in every cycle: that costs one read, and the owner may
    have made room.
    """
    is_taken = error.reason == NAME_TAKEN
    refusal = Refusal(key, error.status, error.reason, str(error), is_name_taken=is_taken)
    return RememberedRefusal(refusal, "" if is_taken else fingerprint_of(step))


def address_of(step: Step, fleet: Fleet) -> ObjectKey:
    """Return which object a step is about."""
    match step:
        case CreateChild() | ApplyChild():
            return key_of(step.manifest)
        case HoldFleet() | ReleaseFleet():
            return fleet_key(fleet)
        case _:
            return step.key


def is_repair(step: Step, plan: Plan) -> bool:
    """Say whether a step puts right what somebody else changed, by the plan's own decisions."""
    if not isinstance(step, CreateChild | ApplyChild):
        return False
    name = str(key_of(step.manifest))
    return any(
        decision.reason is Reason.CHILD_RESTORED and name in decision.because
        for decision in plan.decisions
    )


def fingerprint_of(step: Step) -> str:
    """Return what changes when a step would send something else; empty if that is not known."""
    match step:
        case CreateChild() | ApplyChild():
            return fingerprint(step.manifest)
        case CreateSecret():
            return step.purpose
        case _:
            return ""


def is_remembered(
    step: Step, key: ObjectKey, remembered: Mapping[ObjectKey, RememberedRefusal]
) -> bool:
    """Say whether exactly this write was refused before and may wait for the next resync."""
    before = remembered.get(key)
    return (
        before is not None
        and before.fingerprint != ""
        and (before.fingerprint == fingerprint_of(step))
    )
