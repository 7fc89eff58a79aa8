"""The CRD is complete, bounded, and says what it means."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from voicefleet.api.generate import generated_files
from voicefleet.api.schema import crd_manifest, fleet_schema
from voicefleet.api.structural import VALIDATIONS, to_structural
from voicefleet.api.voicefleet import VoiceFleetSpec

CRD_BYTES_MAX = 200_000
"""`kubectl apply` keeps the whole object in an annotation, which ends at 262,144 bytes."""
REFERENCES_MAX = 28
"""One request may spend 10,000,000 units on admission, and one `authorizer` check 350,000."""

Schema = dict[str, Any]


def parts(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Yield every field of a schema with its path, list items and map values included."""
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from parts(part, f"{path}.{name}")
    if "items" in schema:
        yield from parts(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from parts(schema["additionalProperties"], f"{path}{{}}")


@pytest.fixture(scope="module")
def fields() -> dict[str, Schema]:
    """Every field of spec and status by its path."""
    blocks = fleet_schema()["properties"]
    return {
        path: schema for block in ("spec", "status") for path, schema in parts(blocks[block], block)
    }


def test_the_crd_is_small_enough_for_every_client():
    """A CRD beyond 262,144 bytes cannot be applied by `kubectl apply` at all."""
    text = generated_files()["crds/voicefleets.yaml"]

    assert len(text.encode()) < CRD_BYTES_MAX


def test_the_generated_crd_is_the_manifest():
    """The file is what people install; it must say exactly what the code says."""
    text = generated_files()["crds/voicefleets.yaml"]

    assert yaml.safe_load(text) == crd_manifest()
    assert "&id" not in text


def test_every_field_is_described(fields: dict[str, Schema]):
    """`kubectl explain` is the documentation that is always at hand."""
    silent = [path for path, field in fields.items() if not named(path, field)]

    assert silent == []


def named(path: str, field: Schema) -> bool:
    """Whether a field says what it is; list items that are plain text need not."""
    return bool(field["description"]) or path.endswith("{}")


def test_every_number_says_its_range_and_default(fields: dict[str, Schema]):
    """A number without its bounds is found out by trial and refusal."""
    vague = [
        path
        for path, field in fields.items()
        if path.startswith("spec") and field.get("type") == "integer"
        if "Must be between" not in field["description"]
        or ("default" in field) != ("Defaults to" in field["description"])
    ]

    assert vague == []


def test_every_text_list_map_and_number_is_bounded(fields: dict[str, Schema]):
    """A bound that is added later refuses objects that are stored already."""
    bounds = {
        "string": ("maxLength", "enum", "format"),
        "array": ("maxItems",),
        "integer": ("minimum",),
    }
    loose = [
        path
        for path, field in fields.items()
        if not any(bound in field for bound in bounds.get(field.get("type"), field))
        or ("additionalProperties" in field and "maxProperties" not in field)
    ]

    assert loose == []


def test_every_list_says_how_it_is_merged(fields: dict[str, Schema]):
    """Server-side apply replaces a list whose kind it does not know, whoever owns its items."""
    silent = [
        path
        for path, field in fields.items()
        if field.get("type") == "array"
        and field["x-kubernetes-list-type"] == "map"
        and not set(field["x-kubernetes-list-map-keys"]) <= set(field["items"]["required"])
    ]

    assert silent == []


def test_every_map_is_replaced_as_a_whole(fields: dict[str, Schema]):
    """Merged key by key, a map that loses its last key is refused: the status stood still."""
    maps = {path: field for path, field in fields.items() if "additionalProperties" in field}

    assert "status.agents.sizing.invalid" in maps
    assert {field["x-kubernetes-map-type"] for field in maps.values()} == {"atomic"}


def test_no_pattern_is_left_to_the_servers_own_message(fields: dict[str, Schema]):
    """The server would repeat a regular expression, which helps nobody at night."""
    assert [path for path, field in fields.items() if "pattern" in field] == []


def test_nothing_escapes_validation(fields: dict[str, Schema]):
    """A raw block would make every author of a fleet as powerful as the operator."""
    raw = "x-kubernetes-preserve-unknown-fields"

    assert [path for path, field in fields.items() if raw in field] == []


def test_secret_and_account_references_fit_one_admission_request(fields: dict[str, Schema]):
    """The 29th check would exceed the API server's budget, and every write would fail."""
    count = sum(
        field["maxItems"] * (fields["spec.speech"]["maxItems"] if "speech[]" in path else 1)
        for path, field in fields.items()
        if path.endswith("SecretRefs")
    )
    single = [path for path in fields if path.endswith(("secretRef", "serviceAccountName"))]

    assert count + len(single) <= REFERENCES_MAX


def test_references_name_nothing_outside_the_namespace(fields: dict[str, Schema]):
    """A reference with a namespace would reach into somebody else's Secrets."""
    references = {p: f for p, f in fields.items() if p.endswith(("SecretRefs[]", "secretRef"))}

    assert {tuple(field["properties"]) for field in references.values()} == {("name",)}


def test_scale_reads_paths_that_exist(fields: dict[str, Schema]):
    """A scale subresource with a wrong path answers every `kubectl scale` with 500."""
    scale = crd_manifest()["spec"]["versions"][0]["subresources"]["scale"]

    assert {path.removeprefix(".") for path in scale.values()} <= set(fields)
    assert fields["spec.agents.floorReplicas"]["default"] == 0


def test_the_first_columns_answer_the_first_questions():
    """`kubectl get vf` is what an on-call engineer types first."""
    columns = crd_manifest()["spec"]["versions"][0]["additionalPrinterColumns"]

    assert [column["name"].upper() for column in columns if "priority" not in column] == [
        "READY", "SESSIONS", "P95", "TARGET", "AGENTS", "MEDIA", "AGE",
    ]  # fmt: skip


def test_defaults_of_blocks_are_spelled_out():
    """The API server checks laws on a block's default before it fills in nested defaults."""
    media = to_structural(VoiceFleetSpec)["properties"]["media"]["properties"]

    assert media["redis"]["default"] == {"mode": "Embedded"}
    assert set(media["network"]["default"]) == set(media["network"]["properties"])


def test_status_has_no_defaults(fields: dict[str, Schema]):
    """A count that the API server filled in would read like a count that somebody reported."""
    status = {path: field for path, field in fields.items() if path.startswith("status")}

    assert [path for path, field in status.items() if "default" in field] == []


def test_there_are_enough_laws_to_call_it_checked(fields: dict[str, Schema]):
    """What the API server refuses never becomes a condition at night."""
    rules = {rule["rule"] for field in fields.values() for rule in field.get(VALIDATIONS, ())}

    assert len(rules) >= 30
