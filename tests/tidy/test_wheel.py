"""What is shipped: the operator with its CRDs, and none of the tools beside it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from voicefleet_workbench.sources import ROOT


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """The names of all files in the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    hatchling = Path(sys.executable).with_name("hatchling")
    subprocess.run(
        [hatchling, "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return frozenset(archive.namelist())


def test_the_wheel_holds_the_operator_and_nothing_else(shipped: frozenset[str]):
    """A local control plane has no business in the operator's image."""
    packages = {name.partition("/")[0] for name in shipped}

    assert {name for name in packages if not name.endswith(".dist-info")} == {"voicefleet"}


def test_the_wheel_brings_its_crds(shipped: frozenset[str]):
    """Whoever installs the operator with pip must not have to search for its API."""
    assert "voicefleet/crds/voicefleets.yaml" in shipped
