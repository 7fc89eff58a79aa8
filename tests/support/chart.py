"""The chart, for tests: rendered in process, or installed on the local cluster."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from voicefleet.manifests import Manifest
from voicefleet_localcluster import installation
from voicefleet_localcluster.cluster import LocalCluster
from voicefleet_localcluster.installation import Installation

CHART = installation.CHART


def render_chart(**values: Any) -> list[Manifest]:
    """Render the chart with these values; `namespaces=["a"]` is `--set namespaces={a}`."""
    return installation.render_chart(values)


def find(manifests: list[Manifest], kind: str, suffix: str = "") -> Manifest:
    """Return the one installed object of a kind (hooks left out) whose name ends like this."""
    found = [
        manifest
        for manifest in manifests
        if manifest["kind"] == kind
        and manifest["metadata"]["name"].endswith(suffix)
        and not installation.is_hook(manifest)
    ]
    assert len(found) == 1, f"{len(found)} objects of kind {kind} end with {suffix!r}"
    return found[0]


def rules_of(manifests: list[Manifest], account: str) -> list[dict[str, Any]]:
    """Return every rule that a ServiceAccount of the chart is bound to."""
    bound = {
        (binding["roleRef"]["kind"], binding["roleRef"]["name"])
        for binding in manifests
        if binding["kind"] in {"RoleBinding", "ClusterRoleBinding"}
        and any(subject["name"] == account for subject in binding["subjects"])
    }
    return [
        rule
        for role in manifests
        if (role["kind"], role["metadata"]["name"]) in bound
        for rule in role["rules"]
    ]


@cache
def rules_of_operator() -> list[dict[str, Any]]:
    """Return everything that the chart's defaults allow the operator."""
    manifests = render_chart()
    return rules_of(manifests, installation.operator_account(manifests))


def install_chart(
    cluster: LocalCluster, folder: Path, values: Mapping[str, Any] | None = None
) -> Installation:
    """Install the chart without the operator's pods; a second call upgrades it."""
    return installation.install_chart(cluster, folder, values)


def operator_kubeconfig(cluster: LocalCluster, folder: Path) -> Path:
    """Return a kubeconfig of the chart's ServiceAccount; the chart must be installed."""
    return cluster.service_account_kubeconfig(
        installation.NAMESPACE,
        installation.operator_account(render_chart()),
        to=folder / "operator.kubeconfig",
    )
