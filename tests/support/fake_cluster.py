"""An API server in memory, true to the real one where the operator depends on it.

Kept true: versions, server-side apply with field managers (a manager that stops sending a
field removes it, a sole owner that drops `replicas` resets it to 1), visibility by label,
UID and version guards, finalizers, garbage collection. Lists are replaced as a whole.
The contract suite in tests/contract/test_cluster.py runs against this and the real server.
"""

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from support.fake_controllers import run_controllers
from voicefleet.adapters.kubernetes.cache import fleet_of, parse_child
from voicefleet.adapters.kubernetes.pods import parse_pod
from voicefleet.adapters.kubernetes.resources import BY_KIND, CHILDREN
from voicefleet.api import labels
from voicefleet.errors import NAMESPACE_TERMINATING, ConflictError, RefusedError, VoiceFleetError
from voicefleet.manifests import Manifest, ObjectKey, key_of
from voicefleet.model.observed import Child, Pod
from voicefleet.model.ownership import is_ours
from voicefleet.model.plan import MarkPod

CHILD_KINDS = {resource.kind for resource in CHILDREN}
WORKLOADS = {"ReplicaSet", "Deployment"}
CREATED_AT = "2026-01-05T09:00:00Z"
IDENTITY = {"name", "namespace", "uid", "resourceVersion"}
Path = tuple[str, ...]


@dataclass
class Stored:
    """One object and what each field manager has applied to it."""

    manifest: Manifest
    applied: dict[str, Manifest] = field(default_factory=dict)

    def copied(self) -> "Stored":
        """Return a copy that shares nothing."""
        return Stored(copy_json(self.manifest), copy_json(self.applied))


@dataclass
class Fault:
    """An error that the next matching writes end with, before or after they took effect."""

    verb: str
    error: VoiceFleetError
    times: int
    is_lost_answer: bool


class FakeCluster:
    """Implements `ports.Cluster`; everything below `# arranging` is for tests."""

    def __init__(self, on_change: Callable[[ObjectKey], None] = lambda _: None) -> None:
        self.writes: list[str] = []
        """Every write that took effect, as "verb kind/name"."""
        self._is_own_write = False
        self._on_change = on_change
        self._objects: dict[ObjectKey, Stored] = {}
        self._remembered: dict[ObjectKey, ObjectKey] = {}
        self._numbers = itertools.count(1)
        self._faults: list[Fault] = []
        self._terminating: set[str] = set()

    def fleet_keys(self) -> Collection[ObjectKey]:
        """Do what the port says."""
        return tuple(key for key in self._seen() if key.kind == "VoiceFleet")

    def find_fleet(self, key: ObjectKey) -> Manifest | None:
        """Do what the port says."""
        seen = self._seen()
        return copy_json(seen[key].manifest) if key in seen else None

    async def forget_lost_fleets(self) -> Collection[ObjectKey]:
        """Do what the port says."""
        self._raise_fault("list", after=False)
        return tuple(key for key in self.fleet_keys() if key not in self._objects)

    def children(self, fleet: ObjectKey) -> Mapping[ObjectKey, Child]:
        """Do what the port says."""
        return {
            key: parse_child(self._with_managers(stored))
            for key, stored in self._seen().items()
            if key.kind in CHILD_KINDS
            and (_labelled_fleet(stored) or self._remembered.get(key)) == fleet
        }

    def pods(self, fleet: ObjectKey) -> Sequence[Pod]:
        """Do what the port says."""
        pods = [
            parse_pod(copy_json(stored.manifest))
            for key, stored in self._seen().items()
            if key.kind == "Pod" and _labelled_fleet(stored) == fleet
        ]
        return tuple(pod for pod in pods if pod is not None)

    async def refresh(self, key: ObjectKey) -> Child | None:
        """Do what the port says."""
        self._raise_fault("get", after=False)
        stored = self._objects.get(key)
        if stored is None:
            return None
        manifest = copy_json(self._with_managers(stored))
        fleet = fleet_of(manifest) or self._fleet_by_prefix(key)
        if fleet in self._objects and is_ours(manifest, self._uid(fleet)):
            self._remembered[key] = fleet
        owned = parse_child(manifest).scaler_owns_replicas
        return Child(key, manifest, scaler_owns_replicas=owned)

    async def is_namespace_terminating(self, namespace: str) -> bool:
        """Do what the port says."""
        return namespace in self._terminating

    async def apply(self, manifest: Manifest) -> None:
        """Do what the port says."""
        self._apply(manifest, labels.TEMPLATE_MANAGER, verb="apply")

    async def scale(self, key: ObjectKey, replicas: int, resource_version: str | None) -> None:
        """Do what the port says."""
        if key not in self._objects:
            raise ConflictError(f"{key} is gone")
        if replicas < 0:
            raise RefusedError(f"{key}: replicas {replicas}", status=422, reason="Invalid")
        live = self._objects[key].manifest["metadata"]["resourceVersion"]
        if resource_version not in {None, live}:
            raise ConflictError(f"{key} is at version {live}, not {resource_version}")
        body = {"kind": key.kind, "metadata": _identity(key), "spec": {"replicas": replicas}}
        self._apply(body, labels.SCALER_MANAGER, verb="scale")

    async def delete(self, key: ObjectKey, uid: str) -> None:
        """Do what the port says."""
        with_effect = key in self._objects
        if with_effect and self._uid(key) != uid:
            raise ConflictError(f"{key} is another object by now")
        self._write("delete", key, lambda: self.remove(key), has_effect=with_effect)

    async def mark_pod(self, mark: MarkPod) -> None:
        """Do what the port says."""
        if mark.key not in self._objects or self._uid(mark.key) != mark.uid:
            return
        marks = {"labels": dict(mark.labels), "annotations": dict(mark.annotations)}
        body = {"kind": "Pod", "metadata": {**_identity(mark.key), **marks}}
        self._apply(body, labels.TEMPLATE_MANAGER, verb="mark")

    async def create_secret(self, manifest: Manifest) -> bool:
        """Do what the port says."""
        key = key_of(manifest)
        if key in self._objects:
            return False
        self._write("create", key, lambda: self._create(manifest))
        return True

    async def set_finalizer(self, key: ObjectKey, *, present: bool) -> None:
        """Do what the port says."""
        stored = self._objects.get(key)
        if stored is None:
            if present:
                raise ConflictError(f"{key} is gone")
            return
        metadata = stored.manifest["metadata"]
        finalizers = metadata.get("finalizers", [])
        if (labels.FINALIZER in finalizers) == present:
            return
        if present and "deletionTimestamp" in metadata:
            raise ConflictError(f"{key} is being deleted")
        others = [one for one in finalizers if one != labels.FINALIZER]
        wanted = [*others, labels.FINALIZER] if present else others
        patch = {"metadata": {"finalizers": wanted or None}}
        self._write("finalizer", key, lambda: self.edit(key, patch))

    async def write_status(self, key: ObjectKey, status: Manifest) -> None:
        """Do what the port says."""
        if key not in self._objects:
            raise RefusedError(f"{key} not found", status=404, reason="NotFound")
        body = {"kind": key.kind, "metadata": _identity(key), "status": status}
        self._apply(body, labels.STATUS_MANAGER, verb="status")

    # arranging

    def create(self, manifest: Manifest) -> Manifest:
        """Store an object as somebody else's POST would; returns it with its identity."""
        self._create(manifest)
        return self.get(key_of(manifest))

    def get(self, key: ObjectKey) -> Manifest:
        """Return an object as the server has it, visible to the operator or not."""
        return copy_json(self._with_managers(self._objects[key]))

    def exists(self, key: ObjectKey) -> bool:
        """Say whether the server has the object."""
        return key in self._objects

    def edit(self, key: ObjectKey, patch: Manifest) -> None:
        """Merge-patch an object as somebody else would; their fields become theirs."""
        stored = self._objects[key]
        before = copy_json(stored.manifest)
        _merge_patch(stored.manifest, patch)
        for path, value in _leaves(patch):
            for fields in stored.applied.values():
                if _get(fields, path) != value:
                    _remove(fields, path)
        self._settle(key, before)

    def remove(self, key: ObjectKey) -> None:
        """Delete an object as somebody else would; finalizers hold it, dependents follow."""
        stored = self._objects[key]
        if stored.manifest["metadata"].get("finalizers"):
            if "deletionTimestamp" not in stored.manifest["metadata"]:
                self.edit(key, {"metadata": {"deletionTimestamp": CREATED_AT}})
            return
        del self._objects[key]
        self._tell(stored)
        for dependent in self._dependents(stored.manifest["metadata"]["uid"]):
            if dependent in self._objects:
                self.remove(dependent)

    def restart(self, on_change: Callable[[ObjectKey], None]) -> None:
        """Serve a new operator: it hears of changes, and has read nothing past its cache yet."""
        self._on_change = on_change
        self._remembered.clear()

    def fail_next(
        self, verb: str, error: VoiceFleetError, *, times: int = 1, is_lost_answer: bool = False
    ) -> None:
        """Let the next writes with this verb ("*": any) end with an error."""
        self._faults.append(Fault(verb, error, times, is_lost_answer))

    def terminate_namespace(self, namespace: str) -> None:
        """Begin the deletion of a namespace: nothing new can be created in it."""
        self._terminating.add(namespace)

    def run_controllers(self) -> None:
        """Let ReplicaSets and Deployments reach their replicas, every pod Ready at once."""
        run_controllers(self)

    def of_kind(self, kind: str) -> list[Manifest]:
        """Return every object of a kind."""
        return [self.get(key) for key in self._objects if key.kind == kind]

    # storing

    def _seen(self) -> Mapping[ObjectKey, Stored]:
        """Return what the operator's cache shows: here everything, and at once."""
        return self._objects

    def _create(self, manifest: Manifest) -> None:
        key = key_of(manifest)
        if key in self._objects:
            raise ConflictError(f"{key} exists")
        if key.namespace in self._terminating:
            raise RefusedError(
                f"{key}: namespace terminates", status=403, reason=NAMESPACE_TERMINATING
            )
        created = copy_json(manifest)
        number = next(self._numbers)
        metadata = {
            **created["metadata"],
            "uid": f"uid-{number}",
            "creationTimestamp": created["metadata"].get("creationTimestamp", CREATED_AT),
            "generation": 1,
            "resourceVersion": str(number),
        }
        created |= {"apiVersion": BY_KIND[key.kind].api_version, "metadata": metadata}
        _set_defaults(created)
        self._objects[key] = Stored(created)
        self._tell(self._objects[key])

    def _apply(self, body: Manifest, manager: str, *, verb: str) -> None:
        key = key_of(body)
        before = self._objects[key].copied() if key in self._objects else None
        trial = self._merged(before, body, manager)
        changed = before is None or _content(trial.manifest) != _content(before.manifest)
        changed = changed or trial.applied != before.applied

        def store() -> None:
            if before is None:
                self._create(trial.manifest)
                self._objects[key].applied = trial.applied
            else:
                self._objects[key] = trial
                self._settle(key, before.manifest, is_changed=True)

        self._write(verb, key, store, has_effect=changed)

    def _merged(self, live: Stored | None, body: Manifest, manager: str) -> Stored:
        """Return the object after an apply, as the server would store it."""
        fields = _fields(body)
        merged = live.copied() if live else Stored(copy_json(body))
        before = merged.applied.get(manager, {})
        for path, value in _leaves(fields):
            for other, theirs in merged.applied.items():
                if other != manager and _get(theirs, path) not in (None, value):
                    _remove(theirs, path)
            _set(merged.manifest, path, value)
        merged.applied[manager] = copy_json(fields)
        wanted = {path for fields in merged.applied.values() for path, _ in _leaves(fields)}
        for path, _ in list(_leaves(before)):
            if not any(one[: len(path)] == path for one in wanted):
                _remove(merged.manifest, path)
                _prune(merged.manifest, path[:-1])
        _set_defaults(merged.manifest)
        return merged

    def _write(
        self, verb: str, key: ObjectKey, act: Callable[[], object], *, has_effect: bool = True
    ) -> None:
        self._raise_fault(verb, after=False)
        if has_effect:
            # The real cache learns from the answer, so an own write wakes nobody.
            self._is_own_write = True
            act()
            self._is_own_write = False
            self.writes.append(f"{verb} {key}")
        self._raise_fault(verb, after=True)

    def _raise_fault(self, verb: str, *, after: bool) -> None:
        for fault in self._faults:
            if fault.verb in {verb, "*"} and fault.is_lost_answer == after and fault.times > 0:
                fault.times -= 1
                raise fault.error

    def _settle(self, key: ObjectKey, before: Manifest, *, is_changed: bool = False) -> None:
        stored = self._objects[key]
        metadata = stored.manifest["metadata"]
        if not is_changed and stored.manifest == before:
            return
        metadata["resourceVersion"] = str(next(self._numbers))
        if stored.manifest.get("spec") != before.get("spec"):
            metadata["generation"] += 1
        self._tell(stored)
        if "deletionTimestamp" in metadata and not metadata.get("finalizers"):
            # The end of a fleet is told by kopf, whoever let it go.
            self._is_own_write = self._is_own_write and key.kind != "VoiceFleet"
            self.remove(key)

    def _tell(self, stored: Stored) -> None:
        if self._is_own_write:
            return
        if stored.manifest["kind"] == "VoiceFleet":
            self._on_change(key_of(stored.manifest))
        elif (fleet := fleet_of(stored.manifest)) is not None:
            self._on_change(fleet)

    def _with_managers(self, stored: Stored) -> Manifest:
        """Return an object with its field owners; all else is the stored object's own."""
        owners = [
            {"manager": manager, "operation": "Apply", "fieldsV1": _fields_v1(fields)}
            for manager, fields in stored.applied.items()
        ]
        metadata = {**stored.manifest["metadata"], "managedFields": owners}
        return {**stored.manifest, "metadata": metadata}

    def _dependents(self, uid: str) -> list[ObjectKey]:
        return [
            key
            for key, stored in self._objects.items()
            if any(
                owner.get("uid") == uid
                for owner in stored.manifest["metadata"].get("ownerReferences") or ()
            )
        ]

    def _fleet_by_prefix(self, key: ObjectKey) -> ObjectKey | None:
        names = [
            fleet
            for fleet in self.fleet_keys()
            if fleet.namespace == key.namespace and key.name.startswith(f"{fleet.name}-")
        ]
        return max(names, key=lambda fleet: len(fleet.name), default=None)

    def _uid(self, key: ObjectKey) -> str:
        return str(self._objects[key].manifest["metadata"]["uid"])


SCALARS = frozenset({str, int, float, bool, type(None)})
"""Most of what a manifest is made of; whether something is a mapping takes far longer to ask."""


def copy_json(value: Any) -> Any:
    """Return a deep copy of plain JSON, in a twentieth of the time that `copy.deepcopy` takes."""
    kind = type(value)
    if kind is dict or (kind not in SCALARS and isinstance(value, Mapping)):
        return {
            key: member if type(member) in SCALARS else copy_json(member)
            for key, member in value.items()
        }
    if kind is list or isinstance(value, list | tuple):
        return [member if type(member) in SCALARS else copy_json(member) for member in value]
    return value


def _labelled_fleet(stored: Stored) -> ObjectKey | None:
    metadata = stored.manifest["metadata"]
    name = (metadata.get("labels") or {}).get(labels.FLEET)
    return ObjectKey("VoiceFleet", metadata.get("namespace", ""), name) if name else None


def _identity(key: ObjectKey) -> Manifest:
    return {"name": key.name, "namespace": key.namespace}


def _set_defaults(manifest: Manifest) -> None:
    if manifest["kind"] in WORKLOADS:
        manifest.setdefault("spec", {}).setdefault("replicas", 1)


def _content(manifest: Manifest) -> Manifest:
    metadata = {k: v for k, v in manifest["metadata"].items() if k != "resourceVersion"}
    return {**manifest, "metadata": metadata}


def _fields(body: Manifest) -> Manifest:
    """Return what an apply owns: everything but the object's address."""
    metadata = {k: v for k, v in body["metadata"].items() if k not in IDENTITY}
    rest = {k: v for k, v in body.items() if k not in {"apiVersion", "kind", "metadata"}}
    return copy_json({**rest, "metadata": metadata} if metadata else rest)


def _fields_v1(fields: Any) -> Manifest:
    if not isinstance(fields, Mapping):
        return {}
    return {f"f:{key}": _fields_v1(value) for key, value in fields.items()}


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif path:
        yield path, value


def _get(value: Any, path: Path) -> Any:
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


def _set(target: Manifest, path: Path, value: Any) -> None:
    for key in path[:-1]:
        if not isinstance(target.get(key), dict):
            target[key] = {}
        target = target[key]
    if value == {} and isinstance(target.get(path[-1]), dict):
        return
    target[path[-1]] = copy_json(value)


def _remove(target: Manifest, path: Path) -> None:
    parent = _get(target, path[:-1])
    if isinstance(parent, dict):
        parent.pop(path[-1], None)


def _prune(target: Manifest, path: Path) -> None:
    """Drop blocks that have just lost their last field, as the server does."""
    while len(path) > 1 and _get(target, path) == {}:
        _remove(target, path)
        path = path[:-1]


def _merge_patch(target: Manifest, patch: Manifest) -> None:
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, Mapping):
            if not isinstance(target.get(key), dict):
                target[key] = {}
            _merge_patch(target[key], dict(value))
        else:
            target[key] = copy_json(value)
