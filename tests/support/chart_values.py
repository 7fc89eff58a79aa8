"""What values.yaml says about each of its keys, and the table in the chart's README."""

import json
import re
from typing import Any

import yaml

from support.chart import CHART

KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z]\w*):")
DESCRIPTION = "# -- "
TABLE_START = "<!-- values: start -->\n"
TABLE_END = "<!-- values: end -->\n"


def default_values() -> dict[str, Any]:
    """Return values.yaml as data."""
    return yaml.safe_load((CHART / "values.yaml").read_text())


def values_schema() -> dict[str, Any]:
    """Return values.schema.json as data."""
    return json.loads((CHART / "values.schema.json").read_text())


def descriptions() -> dict[str, str]:
    """Return the comment right above each key, by the key's dotted path."""
    found: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in (CHART / "values.yaml").read_text().splitlines():
        stripped = line.strip()
        if stripped.startswith(DESCRIPTION):
            comment = [stripped.removeprefix(DESCRIPTION)]
        elif stripped.startswith("#") and comment:
            comment.append(stripped.lstrip("# "))
        elif match := KEY.match(line):
            indent = len(match["indent"])
            path = [*(step for step in path if step[0] < indent), (indent, match["key"])]
            if comment:
                found[".".join(key for _, key in path)] = " ".join(comment)
            comment = []
        else:
            comment = []
    return found


def value_at(values: dict[str, Any], path: str) -> Any:
    """Return the default of a dotted path."""
    found: Any = values
    for key in path.split("."):
        found = found[key]
    return found


def readme_table() -> str:
    """Return the table of values as the chart's README has to hold it."""
    values = default_values()
    rows = [
        f"| `{path}` | `{json.dumps(value_at(values, path))}` | {text} |"
        for path, text in descriptions().items()
    ]
    return "\n".join(["| Key | Default | Effect |", "|---|---|---|", *rows]) + "\n"
