"""Plain Kubernetes objects: how they are named, compared and fingerprinted.

Manifests stay dictionaries from the render function to the wire. A typed model of
every kind would cost more memory than the fleet itself and would hide what is sent.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import InvalidOperation
from typing import Any

from voicefleet.units import parse_quantity

Manifest = dict[str, Any]
"""A Kubernetes object as JSON sees it. The one place where `Any` enters."""

FINGERPRINT_ANNOTATION = "voicefleet.dev/fingerprint"
"""Finds fields that a newer manifest no longer has; a comparison of values cannot."""

MERGE_KEYS = ("name", "containerPort", "port", "type", "key", "ip")
"""How the API server tells list members apart, in the order they are tried."""


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """The address of one object inside the API."""

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
    """Say whether every field we want stands in the live object with the same value.

    Fields that only the live object has (defaults, other people's fields) do not count.
    Lists of named maps are compared by name, other lists by position and length.
    Quantities are compared by value: the API server stores "1000m" as "1".
    """
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            is_contained(value, live.get(key)) for key, value in wanted.items()
        )
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        return _is_list_contained(wanted, live)
    return wanted == live or _is_same_quantity(wanted, live)


def _is_list_contained(wanted: Sequence[Any], live: Any) -> bool:
    if not wanted and live is None:
        return True
    if not isinstance(live, Sequence) or isinstance(live, str):
        return False
    key = _merge_key(wanted)
    if key is None:
        return len(wanted) == len(live) and all(map(is_contained, wanted, live))
    members = {item.get(key): item for item in live if isinstance(item, Mapping)}
    return all(is_contained(item, members.get(item[key])) for item in wanted)


def _merge_key(items: Sequence[Any]) -> str | None:
    if not items or not all(isinstance(item, Mapping) for item in items):
        return None
    return next((key for key in MERGE_KEYS if all(key in item for item in items)), None)


def _is_same_quantity(wanted: Any, live: Any) -> bool:
    try:
        return parse_quantity(wanted) == parse_quantity(live)
    except (ValueError, InvalidOperation):
        return False
