"""The examples are what people copy first: every field in them must be one that there is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from voicefleet.api.generate import generated_files
from voicefleet_workbench.sources import ROOT

EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.yaml"))
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
SCHEMAS = {
    crd["spec"]["names"]["kind"]: crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for name, text in generated_files().items()
    if name.startswith("crds/")
    for crd in [yaml.safe_load(text)]
}


def unknown_fields(written: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    """Yield every field that the schema does not have; metadata is the API server's own."""
    if isinstance(written, dict) and "properties" in schema:
        for name, part in written.items():
            known = schema["properties"].get(name)
            if known is None:
                yield f"{path}.{name}"
            elif name != "metadata":
                yield from unknown_fields(part, known, f"{path}.{name}")
    if isinstance(written, list) and "items" in schema:
        for part in written:
            yield from unknown_fields(part, schema["items"], f"{path}[]")


def documents(text: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of our kinds in a YAML text."""
    for document in yaml.safe_load_all(text):
        if isinstance(document, dict) and document.get("kind") in SCHEMAS:
            yield document


def fenced(page: str) -> Iterator[str]:
    """Yield the YAML blocks of a page that name one of our kinds."""
    for block in page.split("```yaml\n")[1:]:
        text = block.split("```")[0]
        if any(f"kind: {kind}" in text for kind in SCHEMAS):
            yield text


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_has_no_field_that_the_crd_lacks(path: Path):
    """`kubectl apply` refuses the whole file for one misspelt word."""
    found = list(documents(path.read_text()))

    assert found
    assert [each for one in found for each in unknown_fields(one, SCHEMAS[one["kind"]], "")] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_shows_no_field_that_the_crd_lacks(path: Path):
    """A page is copied from as well, and by people who trust it."""
    found = [one for text in fenced(path.read_text()) for one in documents(text)]

    assert [each for one in found for each in unknown_fields(one, SCHEMAS[one["kind"]], "")] == []


def test_a_misspelt_field_is_found():
    """The check itself must be able to fail."""
    fleet = {"kind": "VoiceFleet", "spec": {"agents": {"imagee": "a/b:1"}}}

    assert list(unknown_fields(fleet, SCHEMAS["VoiceFleet"], "")) == [".spec.agents.imagee"]
