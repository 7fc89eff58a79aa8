"""What the first page tells people to apply is accepted by a real API server."""

from pathlib import Path

import pytest

from voicefleet_workbench.sources import ROOT

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs" / "examples").glob("*.yaml")), ids=lambda path: path.name
)
def test_an_example_can_be_applied(path: Path, cluster, installed, namespace: str):
    """Laws and admission included; a dry run changes nothing."""
    answer = cluster.kubectl("-n", namespace, "apply", "--dry-run=server", "-f", str(path))

    assert "created (server dry run)" in answer
