"""Fleets by chance for a real API server, a thousand a second: a number makes a spec.

`support.fuzz` draws the same through Hypothesis, which shrinks what fails and takes ten
milliseconds for it. Here a plain random number generator draws, so a hundred thousand specs are
minutes, and a number that failed is the spec that failed.
"""

import random
from collections.abc import Mapping
from copy import deepcopy
from enum import StrEnum
from typing import Any

from support.fuzz import AWKWARD, FORM_VALUES, SOUND_POOL, SOUND_SPEC, Manifest, places, spec_schema
from support.law_cases import SMALL_SPEC

ENTRIES_MAX = 3
"""Of lists and maps at most; long ones only make cases slow."""
FIELD_CHANCE = 0.5
"""Of each optional field to be there."""
CHANGES_MAX = 4
"""Fields of a sound spec that are drawn anew."""
WRONGS_MAX = 3
"""Places of a spec that become something awkward."""


class CaseKind(StrEnum):
    """How a spec is drawn."""

    CHANGED = "changed"
    """A sound one with a few fields drawn anew: most get through to children."""
    WHOLE = "whole"
    """Every field drawn within the schema: most break a law between fields."""
    BROKEN = "broken"
    """With places that are something awkward: most break the schema."""


KINDS = (CaseKind.CHANGED, CaseKind.CHANGED, CaseKind.WHOLE, CaseKind.BROKEN)
"""By turns, so that half of the cases have a good chance to be accepted."""


def case_of(number: int) -> tuple[CaseKind, Any]:
    """Return the kind and the spec of a number: the same ones on every machine."""
    chance, kind = random.Random(number), KINDS[number % len(KINDS)]
    match kind:
        case CaseKind.CHANGED:
            return kind, _changed(chance)
        case CaseKind.WHOLE:
            return kind, _value(spec_schema(), chance)
        case CaseKind.BROKEN:
            return kind, _broken(chance)


def _changed(chance: random.Random) -> Manifest:
    spec, drawn = deepcopy(SOUND_SPEC), _value(spec_schema(), chance)
    tiers = [tier for tier in ("agents", "media", "evaluation", "scaling") if drawn.get(tier)]
    for _ in range(chance.randint(1, CHANGES_MAX) if tiers else 0):
        tier = chance.choice(tiers)
        name = chance.choice(sorted(drawn[tier]))
        spec.setdefault(tier, {})[name] = drawn[tier][name]
    for pool in (drawn.get("speech") or ())[:1]:
        name = chance.choice(sorted(pool))
        spec["speech"] = [{**SOUND_POOL, name: pool[name]}]
    return spec


def _broken(chance: random.Random) -> Any:
    spec: Any = deepcopy(SMALL_SPEC) if chance.random() < 0.5 else _value(spec_schema(), chance)
    for _ in range(chance.randint(1, WRONGS_MAX)):
        found = list(places(spec))
        if not found:
            break
        section, key = chance.choice(found)
        wrong = deepcopy(chance.choice(AWKWARD))
        if chance.random() < 0.5:
            section[key] = wrong
        elif isinstance(section, dict):
            section.pop(key, None)
            section[f"{key}s"] = wrong
    return spec


def _value(schema: Mapping[str, Any], chance: random.Random) -> Any:
    """Return a value that keeps a schema; every kind of the CRD's schemas has its line."""
    if "enum" in schema:
        return chance.choice(schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return chance.randint(0, 600) if chance.random() < 0.5 else _text(schema, chance)
    match schema.get("type"):
        case "boolean":
            return chance.random() < 0.5
        case "integer":
            return _integer(schema["minimum"], schema["maximum"], chance)
        case "string":
            return _text(schema, chance)
        case "array":
            count = chance.randint(0, min(schema["maxItems"], ENTRIES_MAX))
            return [_value(schema["items"], chance) for _ in range(count)]
        case _:
            return _mapping(schema, chance)


def _integer(least: int, most: int, chance: random.Random) -> int:
    """Return a bound as often as something in between: faults sit at the ends."""
    near = min(most, least + 10)
    return chance.choice((least, most, chance.randint(least, near), chance.randint(least, most)))


def _mapping(schema: Mapping[str, Any], chance: random.Random) -> Manifest:
    if "additionalProperties" in schema:
        keys = [chance.choice(FORM_VALUES["a label key"]) for _ in range(chance.randint(0, 3))]
        return {key: _value(schema["additionalProperties"], chance) for key in keys}
    required = frozenset(schema.get("required", ()))
    return {
        name: _value(part, chance)
        for name, part in schema["properties"].items()
        if name in required or chance.random() < FIELD_CHANCE
    }


def _text(schema: Mapping[str, Any], chance: random.Random) -> str:
    """Return a text of the kind that the field's own rule asks for."""
    rules = " ".join(
        f"{rule.get('message', '')} {rule.get('messageExpression', '')}"
        for rule in schema.get("x-kubernetes-validations", ())
    )
    forms = next(values for words, values in FORM_VALUES.items() if words in rules)
    return str(chance.choice(forms))[: schema.get("maxLength", 253)]
