"""Plain Kubernetes objects: how they are named, compared and fingerprinted.

Manifests stay dictionaries from the render function to the wire. A typed model of
every kind would cost more memory than the fleet itself and would hide what is sent.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import InvalidOperation
from typing import Any, NamedTuple

from voicefleet.units import parse_quantity

Manifest = dict[str, Any]
"""A Kubernetes object as JSON sees it. The one place where `Any` enters."""

FINGERPRINT_ANNOTATION = "voicefleet.dev/fingerprint"
"""Finds fields that a newer manifest no longer has; a comparison of values cannot."""

KEYED_LISTS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "ports": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
"""Lists whose members the API server merges one by one, and what tells members apart.

Every other list is replaced as a whole by server-side apply. Ports of a container or a
Service are named by us; those of a NetworkPolicy have no name and are such a whole.
"""

WHOLE_MAPS = frozenset(
    {"labelSelector", "namespaceSelector", "nodeSelector", "podSelector", "selector"}
)
"""Maps that server-side apply replaces as a whole: a key too many is as wrong as one less."""


class ObjectKey(NamedTuple):
    """The address of one object inside the API.

    A tuple, because a cycle looks up more than a hundred of them: a dataclass is hashed and
    compared in Python, ten times as slowly.
    """

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """Read as `kubectl` prints it: kind/name, because sentences name the namespace apart."""
        return f"{self.kind}/{self.name}"


def key_of(manifest: Manifest) -> ObjectKey:
    """Return the address of a manifest that names its kind, namespace and name."""
    metadata = manifest["metadata"]
    return ObjectKey(manifest["kind"], metadata.get("namespace", ""), metadata["name"])


def fingerprint(manifest: Manifest) -> str:
    """Return 12 hex digits that change whenever any field of the manifest does."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def with_fingerprint(manifest: Manifest) -> Manifest:
    """Return a copy that carries its own fingerprint as an annotation."""
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), FINGERPRINT_ANNOTATION: fingerprint(manifest)}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def is_contained(wanted: Any, live: Any) -> bool:
    """Say whether applying `wanted` would leave `live` as it is.

    Every field we want stands in the live object with the same value. Fields that only the
    live object has (defaults, other people's fields) do not count, except inside lists and
    maps that are replaced as a whole. Quantities are compared by value: the API server
    stores "1000m" as "1".
    """
    return _is_contained(wanted, live, field="")


def _is_contained(wanted: Any, live: Any, *, field: str) -> bool:
    # Nearly always nothing has changed, and Python compares equal values in one step. Below,
    # `dict` and not `Mapping`: asking an abstract class took half of a cycle at rest.
    if wanted == live:
        return True
    if isinstance(wanted, dict):
        if field in WHOLE_MAPS:
            return _is_same(wanted, live)
        return isinstance(live, dict) and all(
            _is_contained(value, live.get(key), field=key) for key, value in wanted.items()
        )
    if keys := _member_keys(wanted, field):
        return _are_members_contained(wanted, live, keys)
    # An empty list is not stored.
    return _is_same(wanted, [] if live is None and _is_list(wanted) else live)


def _member_keys(wanted: Any, field: str) -> tuple[str, ...]:
    """Return what tells the members of this list apart, or nothing if it is one whole."""
    keys = KEYED_LISTS.get(field, ())
    if not keys or not _is_list(wanted):
        return ()
    has_all = all(isinstance(item, dict) and set(keys) <= set(item) for item in wanted)
    return keys if has_all else ()


def _are_members_contained(wanted: Sequence[Any], live: Any, keys: tuple[str, ...]) -> bool:
    members = {tuple(item.get(key) for key in keys): item for item in live or ()}
    return all(
        _is_contained(item, members.get(tuple(item[key] for key in keys)), field="")
        for item in wanted
    )


def _is_same(wanted: Any, live: Any) -> bool:
    """Say whether two values are equal to the last field, quantities by value."""
    if wanted == live:
        return True
    if isinstance(wanted, dict):
        return (
            isinstance(live, dict)
            and set(wanted) == set(live)
            and all(_is_same(value, live[key]) for key, value in wanted.items())
        )
    if _is_list(wanted):
        return _is_list(live) and len(wanted) == len(live) and all(map(_is_same, wanted, live))
    return _is_same_quantity(wanted, live)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _is_same_quantity(wanted: Any, live: Any) -> bool:
    try:
        return parse_quantity(wanted) == parse_quantity(live)
    except (ValueError, InvalidOperation):
        return False
