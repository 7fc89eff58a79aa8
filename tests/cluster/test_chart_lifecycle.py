"""Install, upgrade, uninstall: what Helm itself does with the chart on a real API server."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import helm_python
import pytest

from support.api import Api, eventually
from support.chart import CHART, render_chart
from support.law_cases import SMALL_SPEC, a_fleet
from voicefleet_localcluster.cluster import LocalCluster
from voicefleet_localcluster.installation import apply_objects, is_hook, operator_account

pytestmark = pytest.mark.cluster

FINALIZERS = ["voicefleet.dev/drain"]
BESIDE = {"crds": {"enabled": False}, "replicas": 0, "uninstall": {"releaseFleets": False}}
"""A second installation beside the one of the test run: it brings no CRDs and runs nothing."""


@pytest.fixture
def helm(cluster: LocalCluster, namespace: str) -> Iterator[helm_python.Config]:
    """Helm's own code, in this process, with its releases in the test's namespace."""
    with helm_python.Config(kubeconfig_path=cluster.kubeconfig, namespace=namespace) as config:
        yield config


def install_key(api: Api, namespace: str) -> str:
    """Return the install key of the release `calls`."""
    return api.get("Secret", namespace, "calls-voicefleet-install-key")["data"]["key"]


def test_the_install_key_survives_upgrades_and_uninstallation(
    helm: helm_python.Config, api: Api, namespace: str
):
    """Every generated password derives from it; another key replaces them under live calls."""
    helm.install(CHART, "calls", BESIDE, namespace=namespace)
    first = install_key(api, namespace)

    helm.upgrade(CHART, "calls", {**BESIDE, "resyncSeconds": 30}, namespace=namespace)
    upgraded = install_key(api, namespace)
    helm.uninstall("calls")
    kept = install_key(api, namespace)
    helm.install(CHART, "calls", BESIDE, namespace=namespace)

    assert [upgraded, kept, install_key(api, namespace)] == [first] * 3


def test_uninstalling_removes_everything_else(helm: helm_python.Config, api: Api, namespace: str):
    """Leftover rights are rights that nobody remembers."""
    helm.install(CHART, "calls", BESIDE, namespace=namespace)
    accounts = {"calls-voicefleet"} & names(api, "ServiceAccount", namespace)

    helm.uninstall("calls")

    assert accounts == {"calls-voicefleet"}
    assert not {"calls-voicefleet"} & names(api, "ServiceAccount", namespace)
    assert names(api, "Deployment", namespace) == set()


def names(api: Api, kind: str, namespace: str) -> set[str]:
    """Return the names of all objects of a kind."""
    return {item["metadata"]["name"] for item in api.list(kind, namespace)}


def test_a_rendering_without_a_cluster_cannot_replace_the_key(
    cluster: LocalCluster, api: Api, namespace: str
):
    """`helm template | kubectl apply` invents a new key each time; it has to fail aloud."""
    manifests = render_chart(fullnameOverride="calls-voicefleet")
    secret = next(manifest for manifest in manifests if manifest["kind"] == "Secret")
    secret["metadata"]["namespace"] = namespace
    api.create(secret)

    answer = api.send(
        "PATCH",
        api.path("Secret", namespace, secret["metadata"]["name"]),
        json={"data": {"key": "b3RoZXI="}},
        headers={"Content-Type": "application/merge-patch+json"},
    )

    assert answer.status_code == 422
    assert "immutable" in answer.json()["message"]


@pytest.fixture
def release_job(cluster: LocalCluster, installed, tmp_path: Path) -> Iterator[list[str]]:
    """The command and the identity of the uninstall hook, beside the operator's Deployment."""
    manifests = render_chart()
    account = f"{operator_account(manifests)}-release"
    objects = [
        manifest
        for manifest in manifests
        if manifest["kind"] == "Deployment" or (is_hook(manifest) and manifest["kind"] != "Job")
    ]
    apply_objects(cluster, objects)
    user = cluster.service_account_kubeconfig(installed.namespace, account, to=tmp_path / "hook")
    yield [
        *(sys.executable, "-m", "voicefleet", "release"),
        *("--kubeconfig", str(user), "--config", str(installed.platform)),
        *("--stop", f"{installed.namespace}/voicefleet"),
    ]
    for manifest in objects:
        place = ["--namespace", manifest["metadata"].get("namespace", "default")]
        cluster.kubectl("delete", manifest["kind"], manifest["metadata"]["name"], *place)


def test_uninstalling_leaves_no_fleet_that_cannot_be_deleted(
    operator, release_job: list[str], api: Api, namespace: str
):
    """The operator runs when the hook starts, and would put its finalizer back at once."""
    api.create(a_fleet(namespace, SMALL_SPEC))
    eventually("it is held", lambda: finalizers(api, namespace) == FINALIZERS)
    eventually("it has children", lambda: api.children(namespace))

    with subprocess.Popen([*release_job, "--namespace", namespace], text=True) as job:
        eventually("the operator is scaled to zero", lambda: replicas(api) == 0)
        operator.stop()
        code = job.wait(60)

    assert code == 0
    assert finalizers(api, namespace) == []
    assert api.children(namespace)
    api.delete("VoiceFleet", namespace, "lawful")
    eventually("it is gone", lambda: api.find("VoiceFleet", namespace, "lawful") is None)


def finalizers(api: Api, namespace: str) -> list[str]:
    """Return the finalizers of the test's fleet."""
    return api.get("VoiceFleet", namespace, "lawful")["metadata"].get("finalizers", [])


def replicas(api: Api) -> int:
    """Return how many pods the operator's Deployment wants."""
    return api.get("Deployment", "voicefleet-system", "voicefleet")["spec"]["replicas"]
