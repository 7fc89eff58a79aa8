"""Writes as much of a status as the CRD in the cluster knows, which may be older than we are.

Helm brings the CRD before the operator. Where somebody else installs it, an operator may run
on an older one for days. Server-side apply then refuses a whole status for one field that is
not in the schema, and with it the fleet's last decided sizes. A status without that field is
better, so it is left out; each write tries the whole once more, because a CRD can be upgraded
while the operator runs.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from voicefleet.adapters.kubernetes.calls import SCHEMA_REFUSAL
from voicefleet.errors import RefusedError
from voicefleet.manifests import Manifest

logger = logging.getLogger(__name__)

FieldPath = tuple[str, ...]
"""Names from the status inwards; members of a list are all meant at once."""

UNDECLARED = re.compile(rf"\.status((?:\.\w+(?:\[[^\]]*\])?)+): {SCHEMA_REFUSAL}")
"""How the API server writes one such field, as in `.status.speech[name="tts"].gpu`."""
NAME = re.compile(r"\.(\w+)")


class DeclaredFields:
    """Leaves out what is not declared, and says so once for each field."""

    def __init__(self) -> None:
        self._told: set[FieldPath] = set()

    async def write(
        self, status: Manifest, write: Callable[[Manifest], Awaitable[Manifest]]
    ) -> Manifest:
        """Write a status and return the answer; each refusal names more of what is unknown.

        Raises:
            RefusedError: The server refuses it for another reason.
        """
        unknown: frozenset[FieldPath] = frozenset()
        while True:
            try:
                return await write(without_fields(status, unknown))
            except RefusedError as refusal:
                more = find_undeclared(str(refusal)) - unknown
                if not more:
                    raise
                self._tell(more)
                unknown |= more

    def _tell(self, unknown: Collection[FieldPath]) -> None:
        for path in sorted(set(unknown) - self._told):
            logger.warning(
                "the CRD in this cluster is older than this operator: it does not know "
                "`status.%s`, which is left out; upgrade the CRD (docs/upgrading.md)",
                ".".join(path),
            )
        self._told.update(unknown)


def find_undeclared(sentence: str) -> frozenset[FieldPath]:
    """Return the fields of the status that a refusal calls unknown."""
    return frozenset(tuple(NAME.findall(path)) for path in UNDECLARED.findall(sentence))


def without_fields(status: Manifest, paths: Collection[FieldPath]) -> Manifest:
    """Return a copy of a status without some fields."""
    kept = {name: value for name, value in status.items() if (name,) not in paths}
    for name, value in kept.items():
        inner = [path[1:] for path in paths if len(path) > 1 and path[0] == name]
        if inner:
            kept[name] = _without_inner(value, inner)
    return kept


def _without_inner(value: Any, paths: Collection[FieldPath]) -> Any:
    if isinstance(value, dict):
        return without_fields(value, paths)
    if isinstance(value, list | tuple):
        return [_without_inner(each, paths) for each in value]
    return value
