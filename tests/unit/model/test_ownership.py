"""Whose an object is that stands where a fleet wants to create one of its own."""

import pytest

from voicefleet.manifests import Manifest
from voicefleet.model.ownership import is_ours

OURS = {"manager": "voicefleet", "operation": "Apply"}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        pytest.param(
            {"ownerReferences": [{"uid": "u1", "controller": True}]}, True, id="our-controller"
        ),
        pytest.param(
            {"ownerReferences": [{"uid": "u2", "controller": True}], "managedFields": [OURS]},
            False,
            id="another-fleets-controller",
        ),
        pytest.param({"managedFields": [OURS]}, True, id="we-applied-it-and-its-owner-is-gone"),
        pytest.param(
            {"ownerReferences": [{"uid": "u2"}], "managedFields": [OURS]},
            True,
            id="an-owner-that-controls-nothing",
        ),
        pytest.param(
            {"managedFields": [{"manager": "voicefleet", "operation": "Update"}]},
            False,
            id="somebody-who-calls-themselves-us",
        ),
        pytest.param({}, False, id="a-strangers"),
    ],
)
def test_only_what_we_control_or_once_applied_is_ours(
    metadata: Manifest,
    expected: bool,
):
    """Overwriting somebody else's object would be worse than not coming up."""
    assert is_ours({"metadata": metadata}, "u1") is expected
