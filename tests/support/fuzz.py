"""Fleets by chance, from the CRD's own schema: what it allows, and small steps beyond it.

`fleet_specs` draws specs that keep the schema's types, ranges, lengths, patterns and choices,
`changed_specs` sound ones with a few fields of such; `mutated_specs` breaks some of them. None
knows the laws between fields, so a part of what is drawn breaks one: the API server and the
parser have to live with both.
"""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from typing import Any

import yaml
from hypothesis import strategies as st

from support.invalid_fleets import CRD_FILE
from support.law_cases import SMALL_SPEC
from voicefleet.api.patterns import PATTERN_MEANINGS
from voicefleet.api.pods import SPOT_LABELS
from voicefleet.core.safety import check_plan
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Observed
from voicefleet.model.outcome import Outcome
from voicefleet.planning import plan_fleet, report_fleet
from voicefleet.settings import Platform
from voicefleet.shell.fleets import make_fleet

Manifest = dict[str, Any]
Strategy = st.SearchStrategy[Any]

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

TEXTS_OF_LISTS = 3
"""Entries of a drawn list or map at most; long ones only make cases slow."""

AWKWARD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**31,
    2**63,
    10**30,
    1.5,
    "",
    " ",
    "\x00",
    "\n",
    "a" * 5000,
    "ｗｏｒｄ",  # noqa: RUF001 - full-width letters look like a word and match no pattern
    "${HOME}",
    "1e400",
    "999999999999999999999999Ti",
    "9223372036854775808",
    [],
    [None],
    {},
    {"name": {}},
)
"""Values that break something somewhere: types, ranges, encodings, number formats."""

FORM_VALUES: dict[str, tuple[str, ...]] = {
    "an object's name": ("keys", "a", "a.b", "x" * 63, "y" * 253, "0", "9-9"),
    "lower-case letters, digits and `-`,": ("tts", "a", "0", "x-1", "z" * 15),
    "a label key": (*SPOT_LABELS, "disk", "example.com/x", "A" * 80, "a..b/c"),
    "letters, digits, `-`, `_`": ("", "true", "spot", "SPOT", "a_b", "1.0"),
    "a quantity": ("0", "1", "500m", "1.5Gi", "0.000000001", "999Ti", "1k", "8M"),
    "a host and a port": ("redis:6379", "a..b:1", "127.0.0.1:65535", "x:99999"),
    "an image": ("agent", "a.b/c/d:1@sha256:" + "0" * 64, "localhost:5000/x:y"),
    "a time of day": ("00:00", "09:30", "22:00", "23:59"),
    "a time zone": ("UTC", "Europe/Berlin", "Nowhere/At-all"),
    "a lower-case address": ("wss://media.example.com", "ws://a:1/b", "wss://0"),
}
"""Values for each pattern of the API, by a part of its words."""

FORMS: dict[str, Strategy] = {
    words: st.sampled_from(values) for words, values in FORM_VALUES.items()
}
"""The same as strategies."""


@cache
def spec_schema() -> Manifest:
    """Return the schema of `spec` as the CRD publishes it."""
    crd = yaml.safe_load(CRD_FILE.read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return dict(schema["properties"]["spec"])


@cache
def fleet_specs() -> Strategy:
    """Return a strategy of specs that keep the schema, each field there or not."""
    return _values(spec_schema())


@st.composite
def changed_specs(draw: st.DrawFn) -> Manifest:
    """Return a strategy of sound specs with one to four fields changed within the schema.

    Few of them break a law between fields, so most get through to children.
    """
    spec = deepcopy(SOUND_SPEC)
    drawn = draw(fleet_specs())
    tiers = {"agents", "media", "evaluation"} & drawn.keys()
    fields = [(tier, name) for tier in sorted(tiers) for name in sorted(drawn[tier])]
    for tier, name in draw(st.lists(st.sampled_from(fields), min_size=1, max_size=4)):
        spec[tier][name] = drawn[tier][name]
    for pool in drawn.get("speech", ())[:1]:
        name = draw(st.sampled_from(sorted(pool)))
        spec["speech"] = [{**SOUND_POOL, name: pool[name]}]
    return spec


SOUND_POOL: Manifest = {"name": "tts", "stage": "TTS", "image": "registry.example.com/tts:1"}
SOUND_SPEC: Manifest = {
    **SMALL_SPEC,
    "speech": [SOUND_POOL],
    "evaluation": {"image": "registry.example.com/judge:1"},
}
"""Every tier, and as little of each as possible."""


@st.composite
def mutated_specs(draw: st.DrawFn) -> Any:
    """Return a strategy of specs with one to three places changed to something awkward."""
    spec: Any = deepcopy(draw(st.one_of(st.just(SMALL_SPEC), fleet_specs())))
    for _ in range(draw(st.integers(1, 3))):
        section, key = draw(st.sampled_from(list(places(spec))))
        wrong = draw(st.sampled_from(AWKWARD))
        if draw(st.booleans()):
            section[key] = deepcopy(wrong)
        elif isinstance(section, dict):
            section.pop(key, None)
            section[f"{key}s"] = deepcopy(wrong)
        if not any(True for _ in places(spec)):
            break
    return spec


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container and key in a value, from the outside in."""
    if isinstance(node, dict):
        keys: list[Any] = sorted(node, key=str)
    elif isinstance(node, list):
        keys = list(range(len(node)))
    else:
        return
    for key in keys:
        yield node, key
        yield from places(node[key])


def _values(schema: Mapping[str, Any]) -> Strategy:
    """Return a strategy for one schema; every kind of the CRD's schemas has its line."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return st.one_of(st.integers(0, 600), _texts(schema))
    match schema.get("type"):
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema["minimum"], schema["maximum"])
        case "string":
            return _texts(schema)
        case "array":
            most = min(schema["maxItems"], TEXTS_OF_LISTS)
            return st.lists(_values(schema["items"]), max_size=most)
        case _:
            return _objects(schema)


def _objects(schema: Mapping[str, Any]) -> Strategy:
    if "additionalProperties" in schema:
        values = _values(schema["additionalProperties"])
        return st.dictionaries(FORMS["a label key"], values, max_size=TEXTS_OF_LISTS)
    fields = {name: _values(part) for name, part in schema["properties"].items()}
    required = {name: fields.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional=fields)


def _texts(schema: Mapping[str, Any]) -> Strategy:
    """Return a strategy of texts, those that the field's own rule asks for."""
    rules = " ".join(
        f"{rule.get('message', '')} {rule.get('messageExpression', '')}"
        for rule in schema.get("x-kubernetes-validations", ())
    )
    found = [form for words, form in FORMS.items() if words in rules]
    assert found, f"no form of {tuple(PATTERN_MEANINGS.values())} in {rules!r}"
    return found[0].map(lambda text: text[: schema.get("maxLength", len(text))])


def digest(manifest: Manifest) -> Fleet:
    """Take a manifest through a whole cycle on an empty namespace and return the fleet.

    Raises:
        SpecError: It cannot be acted on. Any other exception is a fault of the operator.
    """
    fleet = make_fleet(manifest, Platform(), secret_suffix="5ec2e7a0")
    observed = Observed(secrets_due=True)
    plan = plan_fleet(fleet, observed, NOW)
    check_plan(plan, fleet, observed, NOW)
    status = report_fleet(fleet, observed, Outcome(decisions=plan.decisions), NOW)
    json.dumps([getattr(step, "manifest", {}) for step in plan.steps], allow_nan=False)
    json.dumps(status.to_manifest(), allow_nan=False)
    assert plan.steps or fleet.spec.paused
    assert all(step.because for step in plan.steps)
    return fleet
