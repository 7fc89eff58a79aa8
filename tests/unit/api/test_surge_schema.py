"""The CRD of SurgePlans is complete, bounded, and says what it means."""

from collections.abc import Iterator

import pytest
import yaml

from support.surge_cases import a_surge_plan, surge_cases
from voicefleet.api.generate import generated_files
from voicefleet.api.parse import parse_surge_plan
from voicefleet.api.schema import surge_crd_manifest, surge_schema
from voicefleet.api.structural import Schema
from voicefleet.api.surge_laws import SURGE_LAWS
from voicefleet.api.surge_reasons import SurgeCondition, SurgeReason
from voicefleet.api.times import Weekday
from voicefleet.errors import SpecError

BOUNDS = {
    "string": ("maxLength", "enum", "format"),
    "array": ("maxItems",),
    "integer": ("minimum",),
}


def fields(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Yield every field of a schema with its path, list items included."""
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from fields(part, f"{path}.{name}")
    if "items" in schema:
        yield from fields(schema["items"], f"{path}[]")


@pytest.fixture(scope="module")
def every_field() -> dict[str, Schema]:
    """Every field of spec and status by its path."""
    blocks = surge_schema()["properties"]
    return {
        path: field for block in ("spec", "status") for path, field in fields(blocks[block], block)
    }


def test_the_generated_crd_is_the_manifest():
    """The file is what people install; it must say exactly what the code says."""
    text = generated_files()["crds/surgeplans.yaml"]

    assert yaml.safe_load(text) == surge_crd_manifest()


def test_every_field_is_described_and_bounded(every_field: dict[str, Schema]):
    """`kubectl explain` is at hand at night, and a bound added later refuses stored objects."""
    faulty = [
        path
        for path, field in every_field.items()
        if not (field["description"] or path.endswith("[]"))
        or not any(bound in field for bound in BOUNDS.get(field.get("type"), field))
    ]

    assert faulty == []


def test_every_number_says_its_range_and_default(every_field: dict[str, Schema]):
    """A number without its bounds is found out by trial and refusal."""
    vague = [
        path
        for path, field in every_field.items()
        if path.startswith("spec") and field.get("type") == "integer"
        if "Must be between" not in field["description"]
        or ("default" in field) != ("Defaults to" in field["description"])
    ]

    assert vague == []


def test_windows_merge_by_their_names(every_field: dict[str, Schema]):
    """Two teams may apply windows of one plan, and neither may lose those of the other."""
    assert every_field["spec.windows"]["x-kubernetes-list-map-keys"] == ["name"]


def test_every_law_has_an_accepted_and_a_refused_case():
    """A law that nobody tried on the real API server may refuse everything, or nothing."""
    laws = {f"{model.__name__}/{law.name}" for model, group in SURGE_LAWS.items() for law in group}

    assert {case.law for case in surge_cases()} == laws


def test_what_the_laws_accept_can_be_acted_on():
    """The operator reads a plan a second time; the two readings must agree."""
    plans = [a_surge_plan(change=case.accepted) for case in surge_cases()]

    assert [parse_surge_plan(plan).metadata.name for plan in plans] == ["campus-day"] * len(plans)


def test_a_wrong_field_is_refused_with_its_name_its_value_and_what_to_write():
    """`voicefleet simulate` reads plans without a server."""
    plan = a_surge_plan(change={"timeZone": "berlin"})

    with pytest.raises(SpecError, match=r"SurgePlan default/campus-day: `spec.timeZone` is \"berl"):
        parse_surge_plan(plan)


def test_every_reason_is_explained_and_has_its_condition():
    """Each word is looked up by somebody who has only the word."""
    page = generated_files()["docs/reasons.md"]

    assert [word for word in [*SurgeReason, *SurgeCondition] if f"| `{word}` |" not in page] == []
    assert {reason.place for reason in SurgeReason} == set(SurgeCondition)


def test_the_days_of_the_week_are_numbered_as_dates_are():
    """Monday is 0 in Python and 1 in cron; a day off by one is found out on the wrong day."""
    assert [day.number for day in Weekday] == list(range(7))
