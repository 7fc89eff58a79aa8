"""`voicefleet plan`: what an apply would do, before anybody applies."""

import json
from pathlib import Path

import pytest
import yaml

from support.cycles import a_fleet_body
from voicefleet.__main__ import main


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A file with one VoiceFleet and something else beside it."""
    path = tmp_path / "fleet.yaml"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "voice"}}
    path.write_text(yaml.safe_dump_all([namespace, a_fleet_body()]))
    return path


def test_every_step_is_shown_with_its_sentence(manifest: Path, capsys: pytest.CaptureFixture):
    """A reviewer reads it like a diff: one line, one object, one reason."""
    code = main(["plan", str(manifest)])

    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert any("ReplicaSet/interviews-media-1" in line for line in lines)
    assert any("Secret/interviews-redis-" in line for line in lines)
    assert lines[-1] == f"voice/interviews: {len(lines) - 1} steps"


def test_json_carries_the_manifests(manifest: Path, capsys: pytest.CaptureFixture):
    """A policy tool in a pipeline wants the objects themselves."""
    main(["plan", str(manifest), "-o", "json"])

    fleets = json.loads(capsys.readouterr().out)
    created = [step["manifest"] for step in fleets[0]["steps"] if "manifest" in step]
    assert "interviews-media" in {item["metadata"]["name"] for item in created}


def test_no_secret_is_shown(manifest: Path, capsys: pytest.CaptureFixture):
    """The output ends up in pipelines' logs, where everybody reads."""
    main(["plan", str(manifest), "-o", "json"])

    fleets = json.loads(capsys.readouterr().out)
    secrets = [step for step in fleets[0]["steps"] if step["action"] == "CreateSecret"]
    assert len(secrets) == 3
    assert all(set(step) == {"action", "object", "because"} for step in secrets)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("kind: ConfigMap", "no VoiceFleet", id="another-kind"),
        pytest.param("a: [", "not readable as YAML", id="no-yaml"),
        pytest.param(
            "{kind: VoiceFleet, metadata: {name: x}, spec: {media: {}}}", "agents", id="incomplete"
        ),
    ],
)
def test_what_cannot_be_planned_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture, text: str, told: str
):
    """Whoever mistyped wants the field, not a traceback."""
    path = tmp_path / "fleet.yaml"
    path.write_text(text)

    code = main(["plan", str(path)])

    error = capsys.readouterr().err
    assert code == 2
    assert told in error
    assert len(error.splitlines()) == 1


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture):
    """The first mistake everybody makes."""
    code = main(["plan", str(tmp_path / "none.yaml")])

    assert (code, "none.yaml" in capsys.readouterr().err) == (2, True)
