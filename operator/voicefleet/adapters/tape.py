"""What cycles saw and planned, on a file: so that any of them can be planned again, elsewhere.

`voicefleet run --tape FILE` writes one JSON line per cycle, `voicefleet replay FILE` plans each
again and compares. A tape holds what the planner was given and nothing else: names, counts and
manifests of children, and no contents of Secrets, because the planner never has any.
"""

import dataclasses
import json
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from pydantic import BaseModel

from voicefleet import manifests, settings
from voicefleet.api import reasons, status, voicefleet
from voicefleet.errors import SpecError
from voicefleet.model import decision, fleet, observed, plan, signal, surge
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Observed
from voicefleet.model.plan import Plan

logger = logging.getLogger(__name__)

MODULES: Final[tuple[ModuleType, ...]] = (
    *(decision, fleet, observed, plan, signal, surge),
    *(manifests, settings, reasons, status, voicefleet),
)
"""Where the classes of recorded values are defined."""

CLASSES: Final = {
    name: value
    for module in MODULES
    for name, value in vars(module).items()
    if isinstance(value, type) and not name.startswith("_")
}

TAG: Final = "@"
"""Key of the class name in a value that plain JSON does not know."""

BYTES_MAX: Final = 256 * 1024 * 1024
"""A tape ends here: some 10,000 cycles of a large fleet, and no full disk."""


@dataclasses.dataclass(frozen=True, slots=True)
class Take:
    """One cycle on a tape."""

    fleet: Fleet
    observed: Observed
    now: datetime
    plan: Plan


class FileTape:
    """Implements `ports.Tape`: appends to a file until that is full."""

    def __init__(self, path: Path) -> None:
        """Continue the tape at a path, or begin one."""
        self._path = path
        self._is_full = False

    def note(self, fleet: Fleet, seen: Observed, now: datetime, made: Plan) -> None:
        """Append one cycle; never raises, because a tape is never worth a cycle."""
        if self._is_full:
            return
        line = json.dumps(encode([fleet, seen, now, made]), separators=(",", ":"))
        try:
            with self._path.open("a") as file:
                file.write(line + "\n")
                self._is_full = file.tell() > BYTES_MAX
        except OSError as error:
            self._is_full = True
            logger.warning("%s: %s; recording has ended", self._path, error.strerror)


def read_tape(path: Path) -> Iterator[Take]:
    """Yield the cycles of a tape, in order; a last line that was cut off is passed over.

    Raises:
        SpecError: The file cannot be read, or a line is no cycle of this version.
    """
    try:
        lines = path.read_text().splitlines(keepends=True)
    except OSError as error:
        raise SpecError(f"{path}: {error.strerror}; name a file that --tape wrote") from error
    for number, line in enumerate(lines, start=1):
        if not line.endswith("\n"):
            return
        try:
            yield Take(*decode(json.loads(line)))
        except (ValueError, TypeError, KeyError) as error:
            raise SpecError(
                f"{path}: line {number} is no cycle that this version can read: {error}"
            ) from error


def encode(value: Any) -> Any:
    """Return a value as JSON knows it; `decode` gives an equal one back."""
    if isinstance(value, Enum):
        return {TAG: type(value).__name__, "value": value.value}
    if isinstance(value, BaseModel):
        dumped = value.model_dump(mode="json", by_alias=True)
        return {TAG: type(value).__name__, "value": dumped}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {
            field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
        return {TAG: type(value).__name__, "fields": parts}
    if isinstance(value, manifests.ObjectKey):
        return {TAG: "ObjectKey", "fields": value._asdict()}
    if isinstance(value, datetime):
        return {TAG: "datetime", "value": value.isoformat()}
    if isinstance(value, timedelta):
        return {TAG: "timedelta", "value": value.total_seconds()}
    return _encode_plain(value)


def _encode_plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _encode_mapping(value)
    if isinstance(value, tuple):
        return {TAG: "tuple", "items": [encode(part) for part in value]}
    if isinstance(value, list):
        return [encode(part) for part in value]
    return value


def _encode_mapping(value: Mapping[Any, Any]) -> Any:
    """Return an object of JSON where its keys allow that, else its items."""
    if all(type(key) is str and key != TAG for key in value):
        return {key: encode(part) for key, part in value.items()}
    return {TAG: "map", "items": [[encode(key), encode(value[key])] for key in value]}


def decode(value: Any) -> Any:
    """Return what `encode` was given.

    Raises:
        KeyError, TypeError, ValueError: It is nothing that `encode` returns.
    """
    if isinstance(value, list):
        return [decode(part) for part in value]
    if not isinstance(value, dict):
        return value
    if TAG not in value:
        return {key: decode(part) for key, part in value.items()}
    return _decode_tagged(value)


def _decode_tagged(value: Mapping[str, Any]) -> Any:
    match value[TAG]:
        case "datetime":
            return datetime.fromisoformat(value["value"])
        case "timedelta":
            return timedelta(seconds=value["value"])
        case "tuple":
            return tuple(decode(part) for part in value["items"])
        case "map":
            return {decode(key): decode(part) for key, part in value["items"]}
        case name:
            return _decode_class(CLASSES[name], value)


def _decode_class(kind: Any, value: Mapping[str, Any]) -> Any:
    if issubclass(kind, BaseModel):
        return kind.model_validate_json(json.dumps(value["value"]))
    if issubclass(kind, Enum):
        return kind(value["value"])
    return kind(**{name: decode(part) for name, part in value["fields"].items()})
