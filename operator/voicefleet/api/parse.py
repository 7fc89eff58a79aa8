"""From an object of the API server to typed values, or to a sentence about what is wrong.

The API server has validated the object against the CRD it has, which may be older or newer
than this operator's. So this is the second look, and the only one for `voicefleet plan`,
which runs without a server.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from voicefleet.api.base import ApiModel, Timestamp
from voicefleet.api.patterns import PATTERN_MEANINGS
from voicefleet.api.status import VoiceFleetStatus
from voicefleet.api.surgeplan import SurgePlanSpec, SurgePlanStatus
from voicefleet.api.voicefleet import VoiceFleetSpec
from voicefleet.errors import SpecError

VALUE_SHOWN_MAX = 80
"""Characters of a wrong value that a message repeats; a message must stay one line."""


class Metadata(ApiModel):
    """Which object it is, and whether it is to go."""

    name: str
    namespace: str = "default"
    uid: str = ""
    generation: int = 0
    finalizers: tuple[str, ...] = ()
    annotations: Mapping[str, str] = {}
    deletion_timestamp: Timestamp | None = None


class VoiceFleet(ApiModel):
    """A VoiceFleet as stored, typed."""

    metadata: Metadata
    spec: VoiceFleetSpec
    status: VoiceFleetStatus = Field(default_factory=VoiceFleetStatus)


class SurgePlan(ApiModel):
    """A SurgePlan as stored, typed."""

    metadata: Metadata
    spec: SurgePlanSpec
    status: SurgePlanStatus = Field(default_factory=SurgePlanStatus)


Object = TypeVar("Object", bound=ApiModel)


def parse_fleet(body: Mapping[str, Any]) -> VoiceFleet:
    """Return the typed form of a VoiceFleet.

    Raises:
        SpecError: A field is missing, of the wrong type or out of range. The message names
            the fleet, the first such field, its value, the limit, and what to do.
    """
    return _parse(VoiceFleet, body)


def parse_surge_plan(body: Mapping[str, Any]) -> SurgePlan:
    """Return the typed form of a SurgePlan.

    Raises:
        SpecError: As with a VoiceFleet.
    """
    return _parse(SurgePlan, body)


def _parse(model: type[Object], body: Mapping[str, Any]) -> Object:
    metadata = body.get("metadata") or {}
    place = f"{metadata.get('namespace', 'default')}/{metadata.get('name', '?')}"
    subject = f"{model.__name__} {place}"
    try:
        # Through JSON, because strict JSON is what the API server speaks: lists become tuples
        # and words become enum members, yet "5" never becomes 5.
        return model.model_validate_json(json.dumps(dict(body)))
    except ValidationError as error:
        problems = error.errors(include_url=False)
        if all(problem["loc"][0] == "status" for problem in problems):
            return _parse(model, {**body, "status": _readable_status(body["status"], problems)})
        more = f" ({len(problems) - 1} more after it)" if len(problems) > 1 else ""
        raise SpecError(f"{subject}: {_explain(problems[0])}{more}") from error
    except (TypeError, ValueError) as error:
        told = f"not representable as JSON: {error}; write plain YAML"
        raise SpecError(f"{subject}: {told}") from error


def _readable_status(status: object, problems: Sequence[ErrorDetails]) -> dict[str, Any]:
    """Return a status without the blocks that this operator cannot read.

    Another version of the operator wrote them, before a rollback for example. Nobody else
    writes a status, so nobody could be asked to change it, and what is left out is told anew.
    """
    if not isinstance(status, Mapping):
        return {}
    unreadable = {problem["loc"][1] for problem in problems if len(problem["loc"]) > 1}
    return {name: block for name, block in status.items() if name not in unreadable}


def parse_spec(spec: Mapping[str, Any]) -> VoiceFleetSpec:
    """Return the typed form of a spec alone, as it was once stored.

    Raises:
        SpecError: This operator cannot read it.
    """
    try:
        return VoiceFleetSpec.model_validate_json(json.dumps(dict(spec)))
    except (TypeError, ValueError) as error:
        raise SpecError(f"stored spec: not readable by this operator: {error}") from error


def _explain(problem: ErrorDetails) -> str:
    """Turn one validation problem into field, value, limit and next step."""
    field = _field_path(problem["loc"])
    if problem["type"] == "missing":
        return f"`{field}` is missing; add it"
    value = json.dumps(problem["input"], default=str)
    if len(value) > VALUE_SHOWN_MAX:
        value = f"{value[:VALUE_SHOWN_MAX]}…"
    rule = _rule_text(problem)
    return f"`{field}` is {value}, but it {rule}; change it and apply again"


def _rule_text(problem: ErrorDetails) -> str:
    """Say what a value must be, starting with "must"."""
    pattern = problem.get("ctx", {}).get("pattern", "")
    if pattern in PATTERN_MEANINGS:
        return PATTERN_MEANINGS[pattern]
    _, _, rule = problem["msg"].partition(" should ")
    return f"must {rule or problem['msg']}"


def _field_path(location: Sequence[int | str]) -> str:
    """Write a location the way kubectl does: `spec.speech[0].port`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.lstrip(".")
