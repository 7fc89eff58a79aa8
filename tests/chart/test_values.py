"""values.yaml, its schema and its documentation say the same."""

import helm_python
import pytest

from support.chart import CHART, render_chart
from support.chart_values import (
    TABLE_END,
    TABLE_START,
    default_values,
    descriptions,
    readme_table,
    values_schema,
)


def keys_of(values: dict, schema: dict, path: str = "") -> set[str]:
    """Return the dotted paths of values, down to what the schema leaves open."""
    found = set()
    for key, value in values.items():
        inner = f"{path}{key}"
        described = schema.get("properties", {}).get(key, {})
        if isinstance(value, dict) and value and "properties" in described:
            found |= keys_of(value, described, f"{inner}.")
        else:
            found.add(inner)
    return found


def schema_keys(schema: dict, path: str = "") -> set[str]:
    """Return the dotted paths of a schema."""
    found = set()
    for key, described in schema["properties"].items():
        if "properties" in described:
            found |= schema_keys(described, f"{path}{key}.")
        else:
            found.add(f"{path}{key}")
    return found


LINT_WARNING = 2
"""Helm's number for a finding that is more than a recommendation."""
OPEN = {"global", "affinity", "resources"}
"""`global` is Helm's own; the others are written as Kubernetes has them."""


def is_open(path: str) -> bool:
    """Whether a key's inside is Kubernetes' and not ours."""
    return path.partition(".")[0] in OPEN


def test_the_schema_knows_exactly_the_keys_of_the_values():
    """A key without schema is refused; a schema without key is a setting nobody can find."""
    written = {path for path in keys_of(default_values(), values_schema()) if not is_open(path)}
    known = {path for path in schema_keys(values_schema()) if not is_open(path)}

    assert written == known


def test_every_key_is_described_right_above_it():
    """values.yaml is the page that people read with an editor open at two in the morning."""
    described = descriptions()

    bare = {
        path
        for path in keys_of(default_values(), values_schema())
        if path not in described and path.partition(".")[0] not in described
    }
    assert bare == set()


def test_the_readme_shows_the_values_as_they_are():
    """On failure, replace the table in the chart's README by the expected one."""
    readme = (CHART / "README.md").read_text()

    table = readme.partition(TABLE_START)[2].partition(TABLE_END)[0]
    assert table == readme_table()


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"replica": 3}, id="misspelt-key"),
        pytest.param({"image": {"tagg": "1"}}, id="misspelt-inner-key"),
        pytest.param({"replicas": "3"}, id="text-for-a-number"),
        pytest.param({"resyncSeconds": 1}, id="below-the-range"),
        pytest.param({"logLevel": "loud"}, id="unknown-word"),
        pytest.param({"namespaces": ["Not_A_Name"]}, id="impossible-namespace"),
        pytest.param({"image": {"digest": "latest"}}, id="digest-that-is-none"),
        pytest.param({"metrics": {"monitor": "Both"}}, id="unknown-monitor"),
        pytest.param({"networkPolicy": {"nodeCIDRs": ["10.0.0.1"]}}, id="address-for-a-range"),
    ],
)
def test_wrong_values_are_refused(values: dict):
    """A misspelt key that is ignored shows up weeks later as a setting that never worked."""
    with pytest.raises(helm_python.HelmValuesError):
        render_chart(**values)


def test_the_schema_agrees_with_the_operators_own_limits():
    """What Helm lets through must not stop the operator at its start."""
    schema = values_schema()["properties"]

    bounds = {
        key: (schema[key]["minimum"], schema[key]["maximum"])
        for key in ("resyncSeconds", "fleetsMax")
    }
    assert bounds == {"resyncSeconds": (5, 3600), "fleetsMax": (1, 5000)}


def test_helm_finds_nothing_to_complain_about():
    """What `helm lint` says is what a user's pipeline says."""
    report = helm_python.lint(CHART, namespace="voicefleet-system", kube_version="v1.30.0")

    assert [finding for finding in report["messages"] if finding["severity"] >= LINT_WARNING] == []
