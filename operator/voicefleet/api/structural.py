"""From pydantic's JSON schema to the structural schema that Kubernetes accepts.

A raw `model_json_schema()` is refused: `$defs` and `$ref` are unknown, `title` and `null`
types have to go. Patterns become CEL rules, because their messages can be sentences.
"""

from collections.abc import Mapping
from typing import Any

from voicefleet.api.base import ApiModel
from voicefleet.api.laws import LAWS
from voicefleet.api.patterns import PATTERN_MEANINGS
from voicefleet.api.surge_laws import SURGE_LAWS

Schema = dict[str, Any]

INT_OR_STRING = "x-kubernetes-int-or-string"
VALIDATIONS = "x-kubernetes-validations"

LIST_KEYS = {
    "SecretReference": "name",
    "SpeechSpec": "name",
    "EvaluationWindow": "name",
    "TopologySpread": "topologyKey",
    "Condition": "type",
    "RevisionStatus": "revision",
    "SpeechStatus": "name",
    "SurgeWindow": "name",
}
"""Lists that are maps, by the model of their items; every other list is atomic."""

KEPT = (
    "type", "format", "enum", "minimum", "maximum", "minLength", "maxLength",
    "minItems", "maxItems", "maxProperties", "required",
)  # fmt: skip
"""What is copied as it is; everything not named here is translated or left out."""


def to_structural(model: type[ApiModel], *, has_defaults: bool = True) -> Schema:
    """Return the structural schema of a model with descriptions, defaults and laws.

    Args:
        model: The model of the block.
        has_defaults: Whether the API server fills in what was not written. Never in status,
            where a count that nobody reported must stay absent.
    """
    raw = model.model_json_schema(by_alias=True)
    raw = raw if has_defaults else _without_defaults(raw)
    return _translate(raw, raw.get("$defs", {}))


def _without_defaults(raw: Any) -> Any:
    if isinstance(raw, Mapping):
        return {key: _without_defaults(part) for key, part in raw.items() if key != "default"}
    return [_without_defaults(part) for part in raw] if isinstance(raw, list) else raw


def _translate(raw: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    node, kind = _resolve(raw, definitions)
    schema: Schema = {key: node[key] for key in KEPT if key in node}
    if node.get(INT_OR_STRING):
        del schema["type"]
        schema[INT_OR_STRING] = True
    if "properties" in node:
        schema["properties"] = {
            name: _translate(part, definitions) for name, part in node["properties"].items()
        }
    if isinstance(node.get("additionalProperties"), Mapping):
        schema["additionalProperties"] = _translate(node["additionalProperties"], definitions)
        # Merged key by key, a map whose last key goes would become null, which is no map.
        schema["x-kubernetes-map-type"] = "atomic"
    if "items" in node:
        schema |= _list_of(node["items"], definitions)
    schema |= _default(node, schema)
    schema |= _validations(node, kind)
    return {"description": _describe(node, schema), **schema}


def _resolve(
    raw: Mapping[str, Any], definitions: Mapping[str, Any]
) -> tuple[Mapping[str, Any], str]:
    """Inline a reference and drop the `null` of an optional field; name the model."""
    node = dict(raw)
    options = [option for option in node.pop("anyOf", []) if option.get("type") != "null"]
    if len(options) > 1:
        raise TypeError(f"a union cannot be structural, make optional blocks of it: {options}")
    node = {**options[0], **node} if options else node
    if "$ref" not in node:
        return node, str(node.get("title", ""))
    name = node.pop("$ref").removeprefix("#/$defs/")
    return {**definitions[name], **node}, name


def _list_of(items: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    key = LIST_KEYS.get(str(items.get("$ref", "")).removeprefix("#/$defs/"))
    kind: Schema = {"x-kubernetes-list-type": "atomic"}
    if key is not None:
        kind = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}
    return {"items": _translate(items, definitions), **kind}


def _default(node: Mapping[str, Any], schema: Schema) -> Schema:
    """Keep a scalar's default, and spell out an object's.

    The API server checks laws on the default as it is written, before it fills in nested
    defaults, so `{}` would be refused.
    """
    default = node.get("default")
    if default in (None, [], {}):
        return {}
    if "properties" not in schema:
        return {"default": default}
    nested = {
        name: part["default"] for name, part in schema["properties"].items() if "default" in part
    }
    return {"default": nested} if nested else {}


def _validations(node: Mapping[str, Any], kind: str) -> Schema:
    rules = [law.to_validation() for law in _laws_of(kind)]
    if "pattern" in node:
        matches = f"self.matches(r'{node['pattern']}')"
        if node.get(INT_OR_STRING):
            matches = f"type(self) == string ? {matches} : self >= 0"
        rules.append({"rule": matches, "message": PATTERN_MEANINGS[node["pattern"]]})
    return {VALIDATIONS: rules} if rules else {}


def _laws_of(kind: str) -> tuple[Any, ...]:
    every = (*LAWS.items(), *SURGE_LAWS.items())
    return next((laws for model, laws in every if model.__name__ == kind), ())


def _describe(node: Mapping[str, Any], schema: Schema) -> str:
    """Return the docstring as one paragraph, followed by what the schema enforces."""
    text = " ".join(str(node.get("description", "")).split())
    facts = (_range_text(schema), _pattern_text(node), _default_text(node, schema))
    return " ".join(part for part in (text, *facts) if part)


def _range_text(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"Must be between {low} and {high}."
    most = schema.get("maxItems", schema.get("maxProperties"))
    if most is None:
        return ""
    return "At most 1 entry." if most == 1 else f"At most {most} entries."


def _pattern_text(node: Mapping[str, Any]) -> str:
    meaning = PATTERN_MEANINGS.get(node.get("pattern", ""), "")
    length = f", at most {node['maxLength']} characters" if _shows_length(node) else ""
    return f"{meaning[0].upper()}{meaning[1:]}{length}." if meaning else ""


def _shows_length(node: Mapping[str, Any]) -> bool:
    """A quantity's length is a bound for the server's sake; nobody reaches it."""
    return "maxLength" in node and not node.get(INT_OR_STRING)


def _default_text(node: Mapping[str, Any], schema: Schema) -> str:
    default = node.get("default")
    if default is None or "properties" in schema:
        return ""
    if default in ([], {}, ""):
        return "Defaults to none."
    return f"Defaults to {str(default).lower() if isinstance(default, bool) else default}."
