"""One step of a plan as writes to the outside world. Called by `shell/apply`."""

from voicefleet.errors import ConflictError, RefusedError, UnavailableError, VoiceFleetError
from voicefleet.manifests import key_of
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Child
from voicefleet.model.ownership import is_ours
from voicefleet.model.plan import (
    ApplyChild,
    CordonWorker,
    CreateChild,
    CreateSecret,
    DeleteChild,
    HoldFleet,
    MarkPod,
    ReleaseFleet,
    ScaleChild,
    Step,
    UncordonWorker,
)
from voicefleet.ports import Cluster, Secrets, Workers
from voicefleet.render.secrets import render_secret
from voicefleet.shell.fleets import fleet_key

CONFLICT = 409

NAME_TAKEN = "NameTaken"
"""Reason word of a refusal that is ours and not the server's."""


class Writer:
    """Turns a step into writes.

    Args:
        cluster: Where Kubernetes objects are written.
        workers: Where workers are cordoned.
        secrets: Derives the contents of generated Secrets and the workers' token.
    """

    def __init__(self, *, cluster: Cluster, workers: Workers, secrets: Secrets) -> None:
        self._cluster = cluster
        self._workers = workers
        self._secrets = secrets

    async def write(self, step: Step, fleet: Fleet) -> bool:
        """Carry out one step; say whether it changed anything that we know of.

        Raises:
            ConflictError: What was planned on is not true any more.
            RefusedError: The object is refused for good.
            UnavailableError: No answer.
        """
        match step:
            case CreateSecret():
                return await self._create_secret(step, fleet)
            case CreateChild():
                await self._create_child(step, fleet)
            case ApplyChild():
                await self._cluster.apply(step.manifest)
            case ScaleChild():
                await self._cluster.scale(step.key, step.replicas_to, step.resource_version)
            case DeleteChild():
                await self._cluster.delete(step.key, step.uid)
            case MarkPod():
                await self._cluster.mark_pod(step)
            case CordonWorker():
                await self._workers.cordon(step.ip, self._secrets.worker_token(fleet.uid))
            case UncordonWorker():
                await self._workers.uncordon(step.ip, self._secrets.worker_token(fleet.uid))
            case HoldFleet() | ReleaseFleet():
                holds = isinstance(step, HoldFleet)
                await self._cluster.set_finalizer(fleet_key(fleet), present=holds)
        return True

    async def _create_secret(self, step: CreateSecret, fleet: Fleet) -> bool:
        """Fill the rendered frame here: contents never pass through a plan or a log."""
        contents = self._secrets.contents(fleet.uid, step.purpose)
        frame = render_secret(fleet, step.purpose)
        return await self._cluster.create_secret({**frame, "stringData": dict(contents)})

    async def _create_child(self, step: CreateChild, fleet: Fleet) -> None:
        """Create an object, unless one of its name exists that the cache does not show."""
        key = key_of(step.manifest)
        found = await self._cluster.refresh(key)
        if found is not None:
            raise standing_in_the_way(found, fleet)
        await self._cluster.apply(step.manifest)
        replicas = step.manifest.get("spec", {}).get("replicas")
        if replicas is not None:
            # At once, so that the template's next apply can leave the field out: a sole owner
            # that drops `replicas` resets it to 1.
            await self._cluster.scale(key, replicas, None)


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
