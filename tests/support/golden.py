"""Golden files: what was agreed once, and a diff an engineer can read when it changes.

`VOICEFLEET_UPDATE_GOLDEN=1 pytest tests/unit/render` (or `make golden`) rewrites them. The
diff of that commit is the review: read it as whoever runs the cluster would.
"""

import difflib
import os
from pathlib import Path

import yaml

from voicefleet.manifests import Manifest

GOLDEN = Path(__file__).parents[1] / "golden"
UPDATE_VARIABLE = "VOICEFLEET_UPDATE_GOLDEN"


class _Dumper(yaml.SafeDumper):
    """YAML as people write it: no anchors, and text of several lines as a block."""

    def ignore_aliases(self, data: object) -> bool:
        """Write a value that occurs twice twice."""
        return True


def _block_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _block_text)


def to_yaml(manifest: Manifest) -> str:
    """Return a manifest as readable YAML with sorted keys."""
    return yaml.dump(manifest, Dumper=_Dumper, sort_keys=True, width=100)


def assert_matches(path: str, manifest: Manifest) -> None:
    """Compare a manifest with its golden file, or rewrite the file where that is asked for.

    Args:
        path: Relative to `tests/golden`.
        manifest: What the code under test made.
    """
    file = GOLDEN / path
    text = to_yaml(manifest)
    if os.environ.get(UPDATE_VARIABLE):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return
    agreed = file.read_text() if file.exists() else ""
    difference = difflib.unified_diff(
        agreed.splitlines(), text.splitlines(), f"golden/{path}", "rendered now", lineterm=""
    )
    assert text == agreed, "\n".join([*difference, f"if meant: {UPDATE_VARIABLE}=1 and commit"])


def golden_files(folder: str) -> set[str]:
    """Return the names of the agreed files of one folder."""
    return {file.name for file in (GOLDEN / folder).iterdir()}
