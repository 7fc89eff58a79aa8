"""Every child of two fleets, byte for byte, as files that an engineer can read."""

import json

import pytest

from support.fleets import a_full_fleet, a_minimal_fleet
from support.golden import assert_matches, golden_files
from support.rendered import all_children
from voicefleet.api.labels import MADE_AS, MADE_FROM, REVISION
from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet

FLEETS = {"minimal": a_minimal_fleet(), "full": a_full_fleet()}
CASES = {
    f"{name}-{child['kind']}-{place}": (name, child)
    for name, fleet in FLEETS.items()
    for place, child in enumerate(all_children(fleet))
}


def file_name(fleet: Fleet, child: Manifest) -> str:
    """Return a name without the words that change with the contents."""
    metadata = child["metadata"]
    name = metadata["name"].removeprefix(f"{fleet.name}-")
    for word in (metadata["labels"].get(REVISION), fleet.secret_suffix):
        name = name.removesuffix(f"-{word}")
    return f"{name}.{child['kind'].lower()}.yaml"


def readable(child: Manifest) -> Manifest:
    """Return a child with the author's words as text of several lines.

    The record of what was made repeats the selector and template below, and the file of
    another child; `test_making` compares them.
    """
    metadata = child["metadata"]
    annotations = metadata.get("annotations", {})
    if MADE_FROM not in annotations:
        return child
    words = json.dumps(json.loads(annotations[MADE_FROM]), indent=2) + "\n"
    shown = {**annotations, MADE_FROM: words, MADE_AS: "as below"}
    return {**child, "metadata": {**metadata, "annotations": shown}}


@pytest.mark.parametrize(("name", "child"), CASES.values(), ids=CASES)
def test_a_child_reads_as_agreed(name: str, child: Manifest):
    """What goes to a cluster changes only by somebody's decision, seen in a diff."""
    path = f"{name}/{file_name(FLEETS[name], child)}"

    assert_matches(path, readable(child))


@pytest.mark.parametrize("name", FLEETS)
def test_no_agreed_file_is_left_over(name: str):
    """A file without a child would tell readers about an object that is not made any more."""
    fleet = FLEETS[name]

    rendered = {file_name(fleet, child) for child in all_children(fleet)}

    assert golden_files(name) == rendered
