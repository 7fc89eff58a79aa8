"""The Kubernetes API as the cycle uses it: reads from caches, writes to the server.

Every write is server-side apply under the field manager of its use, or a guarded delete.
Repeating one changes nothing on the server, so a crash between two writes needs no memory.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence, Sized
from functools import partial

from voicefleet.adapters.kubernetes.cache import (
    FleetCache,
    ObjectCache,
    fleet_key,
    fleet_of,
    parse_child,
    version_of,
)
from voicefleet.adapters.kubernetes.calls import AlreadyExistsError, Call, NotFoundError
from voicefleet.adapters.kubernetes.declared import DeclaredFields
from voicefleet.adapters.kubernetes.informer import PAGE_SIZE, Informer
from voicefleet.adapters.kubernetes.pods import parse_pod
from voicefleet.adapters.kubernetes.resources import (
    BY_KIND,
    CHILDREN,
    FLEET,
    NAMESPACE,
    POD,
    SECRET,
    Resource,
)
from voicefleet.adapters.kubernetes.session import ApiSession
from voicefleet.adapters.telemetry import Telemetry
from voicefleet.api import labels
from voicefleet.errors import ConflictError
from voicefleet.manifests import Manifest, ObjectKey, key_of
from voicefleet.model.observed import Child, Pod
from voicefleet.model.ownership import is_ours
from voicefleet.model.plan import MarkPod
from voicefleet.ports import Clock


class KubernetesCluster:
    """Implements `ports.Cluster`. `run` must be running for its caches to be true.

    Args:
        session: Sends the requests.
        clock: Measures how long the watches have been silent.
        telemetry: Counts what the watches do.
        jitter: Returns a number in 0..1 for each pause.
        on_change: Is told which fleet to look at again, on every change of its objects.
        namespaces: The namespaces to watch; empty for all.
    """

    def __init__(
        self,
        session: ApiSession,
        *,
        clock: Clock,
        telemetry: Telemetry,
        jitter: Callable[[], float],
        on_change: Callable[[ObjectKey], None],
        namespaces: Sequence[str] = (),
    ) -> None:
        self.fleets = FleetCache()
        """Fed by the handlers, which hear of fleets from kopf."""
        self._session = session
        self._declared = DeclaredFields()
        self._namespaces = tuple(namespaces)
        self._children = {
            resource.kind: ObjectCache[Child](parse_child, on_change) for resource in CHILDREN
        }
        self._pods = ObjectCache[Pod](parse_pod, on_change)

        def informer(resource: Resource, namespace: str) -> Informer:
            return Informer(
                session,
                resource,
                self._pods if resource == POD else self._children[resource.kind],
                clock=clock,
                telemetry=telemetry,
                jitter=jitter,
                namespace=namespace,
            )

        self._informers = [
            informer(resource, namespace)
            for resource in (*CHILDREN, POD)
            for namespace in (namespaces or ("",))
        ]
        self._show(telemetry)

    def _show(self, telemetry: Telemetry) -> None:
        caches: dict[str, Sized] = {**self._children, POD.kind: self._pods}
        for kind, cache in caches.items():
            telemetry.observe_informer(
                kind, objects=cache.__len__, age=partial(self._silence_of, kind)
            )

    def _silence_of(self, kind: str) -> float:
        return max(one.silence_seconds for one in self._informers if one.resource.kind == kind)

    async def run(self) -> None:
        """Keep the caches in step with the server until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for informer in self._informers:
                tasks.create_task(informer.run(), name=f"informer {informer.resource.kind}")

    async def wait_synced(self) -> None:
        """Return once every cache has been filled; before that, absence says nothing."""
        for informer in self._informers:
            await informer.synced.wait()

    @property
    def silence_seconds(self) -> float:
        """How long the quietest watch has heard nothing, for the liveness probe."""
        return max(informer.silence_seconds for informer in self._informers)

    def fleet_keys(self) -> Collection[ObjectKey]:
        """Return every VoiceFleet in the cache."""
        return self.fleets.keys()

    def find_fleet(self, key: ObjectKey) -> Manifest | None:
        """Return a VoiceFleet as the cache has it."""
        return self.fleets.find(key)

    async def forget_lost_fleets(self) -> Collection[ObjectKey]:
        """List the names of all VoiceFleets, and forget those that are not among them."""
        lost: list[ObjectKey] = []
        for namespace in self._namespaces or ("",):
            keys, version = await self._list_fleets(namespace)
            lost += self.fleets.retain(keys, version, namespace)
        return lost

    async def _list_fleets(self, namespace: str) -> tuple[set[ObjectKey], int]:
        """Return every fleet's address, and the version of the first page: of all of them."""
        params, keys, version = {"limit": str(PAGE_SIZE)}, set[ObjectKey](), 0
        while True:
            call = Call("list", FLEET, namespace, params=params, is_metadata_only=True)
            page = await self._session.request(call)
            for item in page.get("items") or ():
                keys.add(fleet_key(item["metadata"]["namespace"], item["metadata"]["name"]))
            version = version or version_of(page)
            if not (token := page["metadata"].get("continue")):
                return keys, version
            params = {**params, "continue": token}

    def children(self, fleet: ObjectKey) -> Mapping[ObjectKey, Child]:
        """Return every object labelled as this fleet's, pods excepted."""
        found: dict[ObjectKey, Child] = {}
        for cache in self._children.values():
            found.update(cache.of_fleet(fleet))
        return found

    def pods(self, fleet: ObjectKey) -> Sequence[Pod]:
        """Return every pod labelled as this fleet's."""
        return tuple(self._pods.of_fleet(fleet).values())

    async def refresh(self, key: ObjectKey) -> Child | None:
        """Read one object from the server past the cache and remember it if it is ours.

        The answer keeps its `managedFields`, by which `is_ours` knows our own handiwork.
        """
        cache = self._children.get(key.kind)
        try:
            manifest = await self._session.request(_call("get", key))
        except NotFoundError:
            if cache is not None:
                cache.forget(key, cache.uid_of(key))
            return None
        fleet = fleet_of(manifest) or self.fleets.find_by_prefix(key.namespace, key.name)
        owner = self.fleets.find(fleet) if fleet is not None else None
        if cache is not None and owner is not None and is_ours(manifest, owner["metadata"]["uid"]):
            cache.remember(manifest, fleet)
        child = parse_child(manifest)
        return Child(key, manifest, scaler_owns_replicas=child.scaler_owns_replicas)

    async def is_namespace_terminating(self, namespace: str) -> bool:
        """Say whether the namespace is being deleted, or is gone, read from the server."""
        try:
            answer = await self._session.request(Call("get", NAMESPACE, name=namespace))
        except NotFoundError:
            return True
        return "deletionTimestamp" in answer["metadata"]

    async def apply(self, manifest: Manifest) -> None:
        """Server-side apply as `voicefleet`, with force; the cache learns the answer.

        An object that the cache has is applied with its UID. Deleted in between, it conflicts
        and is planned again; an apply without UID would make it anew with one replica.
        """
        key = key_of(manifest)
        if uid := self._children[key.kind].uid_of(key):
            manifest = {**manifest, "metadata": {**manifest["metadata"], "uid": uid}}
        await self._apply_child(manifest, labels.TEMPLATE_MANAGER)

    async def scale(self, key: ObjectKey, replicas: int, resource_version: str | None) -> None:
        """Server-side apply of `spec.replicas` alone, as `voicefleet-scaler`."""
        uid = self._children[key.kind].uid_of(key)
        if not uid:
            raise ConflictError(f"scale {key} in namespace {key.namespace}: it is gone; look again")
        metadata = {**_identity(key), "uid": uid}
        if resource_version is not None:
            metadata["resourceVersion"] = resource_version
        body = {**_type(key), "metadata": metadata, "spec": {"replicas": replicas}}
        await self._apply_child(body, labels.SCALER_MANAGER)

    async def _apply_child(self, manifest: Manifest, manager: str) -> None:
        key = key_of(manifest)
        answer = await self._session.request(_apply(key, manifest, manager))
        self._children[key.kind].remember(answer)

    async def delete(self, key: ObjectKey, uid: str) -> None:
        """Delete in the background if it still is the object with this UID; gone is fine."""
        options: Manifest = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        try:
            answer = await self._session.request(_call("delete", key, body=options))
        except NotFoundError:
            answer = {}
        cache = self._children.get(key.kind)
        if cache is None:
            return
        if answer.get("kind") == key.kind:
            cache.remember(answer)
        else:
            cache.forget(key, uid)

    async def mark_pod(self, mark: MarkPod) -> None:
        """Server-side apply of our pod labels and annotations; a vanished pod is fine.

        The UID keeps the apply from creating a pod, or from marking its successor.
        """
        metadata = {
            **_identity(mark.key),
            "uid": mark.uid,
            "labels": dict(mark.labels),
            "annotations": dict(mark.annotations),
        }
        body = {**_type(mark.key), "metadata": metadata}
        try:
            answer = await self._session.request(_apply(mark.key, body, labels.TEMPLATE_MANAGER))
        except NotFoundError:
            return
        except ConflictError:
            # An old UID conflicts too. While the cache has this very pod, the mark is still due.
            if self._pods.uid_of(mark.key) == mark.uid:
                raise
            return
        self._pods.remember(answer)

    async def create_secret(self, manifest: Manifest) -> bool:
        """POST a Secret; return False where one of that name exists."""
        namespace = manifest["metadata"]["namespace"]
        try:
            await self._session.request(Call("create", SECRET, namespace, body=manifest))
        except AlreadyExistsError:
            return False
        return True

    async def set_finalizer(self, key: ObjectKey, *, present: bool) -> None:
        """Put our finalizer on a VoiceFleet or take it off, guarded by resourceVersion.

        Other finalizers stay. The list is read from the server first: the cache may be a
        moment behind, and the guard would only turn that into a conflict.
        """
        uid = self.fleets.uid_of(key)
        try:
            fleet = await self._session.request(_call("get", key))
            answer = await self._write_finalizer(key, fleet, present=present)
        except NotFoundError:
            self.fleets.forget(key, uid)
            if present:
                raise ConflictError(f"{key} in namespace {key.namespace} is gone") from None
            return
        self._learn_fleet(key, answer)

    async def _write_finalizer(self, key: ObjectKey, fleet: Manifest, *, present: bool) -> Manifest:
        finalizers = fleet["metadata"].get("finalizers") or []
        if (labels.FINALIZER in finalizers) == present:
            return fleet
        if present and "deletionTimestamp" in fleet["metadata"]:
            raise ConflictError(
                f"{key} in namespace {key.namespace} is being deleted; it takes no new finalizer"
            )
        others = [one for one in finalizers if one != labels.FINALIZER]
        metadata = {
            "resourceVersion": fleet["metadata"]["resourceVersion"],
            "finalizers": [*others, labels.FINALIZER] if present else others,
        }
        return await self._session.request(_call("merge", key, body={"metadata": metadata}))

    def _learn_fleet(self, key: ObjectKey, fleet: Manifest) -> None:
        metadata = fleet["metadata"]
        if "deletionTimestamp" in metadata and not metadata.get("finalizers"):
            self.fleets.forget(key, metadata["uid"])
        else:
            self.fleets.store(fleet)

    async def write_status(self, key: ObjectKey, status: Manifest) -> None:
        """Server-side apply of the whole status the CRD knows, as `voicefleet-status`."""
        uid = self.fleets.uid_of(key)

        async def write(known: Manifest) -> Manifest:
            body = {**_type(key), "metadata": _identity(key), "status": known}
            return await self._session.request(
                _apply(key, body, labels.STATUS_MANAGER, subresource="status")
            )

        try:
            answer = await self._declared.write(status, write)
        except NotFoundError:
            self.fleets.forget(key, uid)
            raise
        self._learn_fleet(key, answer)


def _call(verb: str, key: ObjectKey, *, body: Manifest | None = None) -> Call:
    return Call(verb, BY_KIND[key.kind], key.namespace, key.name, body=body)


def _apply(key: ObjectKey, body: Manifest, manager: str, *, subresource: str = "") -> Call:
    return Call(
        "apply",
        BY_KIND[key.kind],
        key.namespace,
        key.name,
        subresource,
        body=body,
        params={"fieldManager": manager, "force": "true"},
    )


def _type(key: ObjectKey) -> Manifest:
    return {"apiVersion": BY_KIND[key.kind].api_version, "kind": key.kind}


def _identity(key: ObjectKey) -> Manifest:
    return {"name": key.name, "namespace": key.namespace}
