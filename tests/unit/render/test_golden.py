"""Every child of two fleets, byte for byte, as files that an engineer can read."""

import pytest

from support.fleets import a_full_fleet, a_minimal_fleet
from support.golden import assert_matches, golden_files
from support.rendered import all_children
from voicefleet.api.labels import REVISION
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


@pytest.mark.parametrize(("name", "child"), CASES.values(), ids=CASES)
def test_a_child_reads_as_agreed(name: str, child: Manifest):
    """What goes to a cluster changes only by somebody's decision, seen in a diff."""
    path = f"{name}/{file_name(FLEETS[name], child)}"

    assert_matches(path, child)


@pytest.mark.parametrize("name", FLEETS)
def test_no_agreed_file_is_left_over(name: str):
    """A file without a child would tell readers about an object that is not made any more."""
    fleet = FLEETS[name]

    rendered = {file_name(fleet, child) for child in all_children(fleet)}

    assert golden_files(name) == rendered
