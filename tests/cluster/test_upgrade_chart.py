"""Helm upgrades the CRDs, and fleets outlive the chart that brought their operator."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import helm_python
import pytest
import yaml

from support.api import Api, Manifest, eventually
from support.chart import CHART
from support.definitions import change_definition, definitions, put_back
from support.manifests import a_fleet_manifest, is_settled, with_speech
from voicefleet_localcluster.cluster import LocalCluster
from voicefleet_localcluster.operator_process import OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("alone")]

RELEASE = "calls"
ACCOUNT = "calls-voicefleet"
NAME = "voicefleets.voicefleet.dev"
RESYNC_SECONDS = 5


@pytest.fixture
def system(new_namespace) -> str:
    """Return the namespace of the release."""
    return str(new_namespace())


@pytest.fixture
def helm(cluster: LocalCluster, system: str) -> Iterator[helm_python.Config]:
    """Helm's own code, in this process."""
    with helm_python.Config(kubeconfig_path=cluster.kubeconfig, namespace=system) as config:
        yield config


class Site:
    """One release that looks after one namespace; its operator is a process on this machine."""

    def __init__(
        self,
        cluster: LocalCluster,
        api: Api,
        *,
        system: str,
        watched: str,
        helm: helm_python.Config,
        folder: Path,
    ) -> None:
        self.cluster = cluster
        self.api = api
        self.system = system
        self.watched = watched
        self.helm = helm
        self.folder = folder

    def install(self) -> OperatorProcess:
        """Install the chart and return its operator, not started."""
        values = {
            "crds": {"enabled": False},
            "replicas": 0,
            "namespaces": [self.watched],
            "resyncSeconds": RESYNC_SECONDS,
        }
        self.helm.install(CHART, RELEASE, values, namespace=self.system)
        files = self.folder / str(time.monotonic_ns())
        files.mkdir()
        (files / "platform.yaml").write_text(self._platform())
        (files / "key").write_text(self.install_key())
        kubeconfig = self.cluster.service_account_kubeconfig(
            self.system, ACCOUNT, to=files / "kubeconfig"
        )
        return OperatorProcess(
            kubeconfig,
            files / "platform.yaml",
            files / "key",
            files,
            lease_namespace=self.system,
        )

    def uninstall(self) -> None:
        """Let go of all fleets as the chart's hook does, then uninstall.

        The hook itself is a Job, and no pod of this cluster runs a program; so its command
        runs here, and Helm does the rest.
        """
        command = [
            *(sys.executable, "-m", "voicefleet", "release"),
            *("--kubeconfig", str(self.cluster.kubeconfig), "--namespace", self.watched),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        self.helm.upgrade(
            CHART,
            RELEASE,
            {"uninstall": {"releaseFleets": False}},
            namespace=self.system,
            reuse_values=True,
        )
        self.helm.uninstall(RELEASE)

    def install_key(self) -> str:
        """Return the key that the release keeps."""
        secret = self.cluster.kubectl(
            *("get", "secret", f"{ACCOUNT}-install-key", "--namespace", self.system),
            *("--output", "go-template={{.data.key | base64decode}}"),
        )
        return str(secret)

    def _platform(self) -> str:
        found = [
            item["data"]["platform.yaml"]
            for item in self.api.list("ConfigMap", self.system)
            if "platform.yaml" in item.get("data", {})
        ]
        return str(found[0])


@pytest.fixture
def site(
    cluster: LocalCluster,
    api: Api,
    helm: helm_python.Config,
    system: str,
    namespace: str,
    tmp_path: Path,
) -> Site:
    """Return a release that is not installed yet."""
    return Site(cluster, api, system=system, watched=namespace, helm=helm, folder=tmp_path)


def settled(api: Api, namespace: str) -> bool:
    """Say whether an operator calls the newest generation of the fleet Ready."""
    return is_settled(api.get("VoiceFleet", namespace, "interviews"))


def pods(api: Api, namespace: str) -> dict[str, Manifest]:
    """Return the pods that are not on their way out, by UID."""
    found = api.list("Pod", namespace, "voicefleet.dev/fleet")
    return {
        pod["metadata"]["uid"]: pod for pod in found if "deletionTimestamp" not in pod["metadata"]
    }


def finalizers(api: Api, namespace: str) -> list[str]:
    """Return what holds the fleet."""
    return api.get("VoiceFleet", namespace, "interviews")["metadata"].get("finalizers", [])


def test_a_fleet_outlives_its_operator_and_is_taken_over_by_the_next(
    site: Site, api: Api, namespace: str
):
    """Uninstalling is how many people upgrade; their callers must not hear of it."""
    with site.install():
        api.create(with_speech(a_fleet_manifest(namespace)))
        eventually("Ready", lambda: settled(api, namespace), seconds=120)
    made, key = set(pods(api, namespace)), site.install_key()
    children = {name: item["metadata"]["uid"] for name, item in api.children(namespace).items()}

    site.uninstall()
    alone = set(pods(api, namespace))
    released = finalizers(api, namespace)
    with site.install():
        eventually("held again", lambda: finalizers(api, namespace))
        time.sleep(2 * RESYNC_SECONDS)

        assert alone == made == set(pods(api, namespace))
        assert released == []
        assert site.install_key() == key
        assert settled(api, namespace)
        after = {name: item["metadata"]["uid"] for name, item in api.children(namespace).items()}
        assert children.items() <= after.items()
        # Written once it is calm, which the first operator may not have lived to see.
        assert after.keys() - children.keys() <= {("ConfigMap", "interviews-memory")}


def test_a_fleet_without_an_operator_heals_by_itself(site: Site, api: Api, namespace: str):
    """Workers and servers belong to ReplicaSets, so a lost pod comes back without us."""
    with site.install():
        api.create(a_fleet_manifest(namespace))
        eventually("Ready", lambda: settled(api, namespace), seconds=120)
    before = set(pods(api, namespace))
    site.uninstall()
    lost = next(
        pod
        for pod in pods(api, namespace).values()
        if pod["metadata"]["labels"]["voicefleet.dev/tier"] == "agents"
    )

    api.delete("Pod", namespace, lost["metadata"]["name"])

    eventually(
        "as many pods as before, one of them new",
        lambda: (
            len(pods(api, namespace)) == len(before)
            and lost["metadata"]["uid"] not in pods(api, namespace)
        ),
    )
    assert before - {lost["metadata"]["uid"]} < set(pods(api, namespace))


@pytest.fixture
def adopted(
    helm: helm_python.Config, cluster: LocalCluster, api: Api, system: str, namespace: str
) -> Iterator[Manifest]:
    """Install the release without CRDs, hand the CRDs over to it, and return its values.

    They come from the test run itself, by `kubectl`. So they get what a release with another
    name needs to take over kept CRDs (docs/upgrading.md), and Helm's name as their manager.
    """
    values = {"replicas": 0, "namespaces": [namespace], "uninstall": {"releaseFleets": False}}
    helm.install(CHART, RELEASE, {**values, "crds": {"enabled": False}}, namespace=system)
    manager = api.get("ServiceAccount", system, ACCOUNT)["metadata"]["managedFields"][0]["manager"]
    before = definitions(api)
    for name, item in before.items():
        cluster.kubectl(
            *("annotate", "--overwrite", "crd", name),
            f"meta.helm.sh/release-name={RELEASE}",
            f"meta.helm.sh/release-namespace={system}",
        )
        entries = [
            {**entry, "manager": manager if entry["manager"] == "helm" else entry["manager"]}
            for entry in item["metadata"]["managedFields"]
        ]
        change_definition(api, name, {"metadata": {"managedFields": entries}})
    yield values
    for item in before.values():
        put_back(api, item)


@pytest.fixture
def next_chart(tmp_path: Path) -> Path:
    """Return the chart of a next version, whose CRD has one field more."""
    chart = tmp_path / "next" / "voicefleet"
    shutil.copytree(CHART, chart)
    file = chart / "files" / "crds" / "voicefleets.yaml"
    definition = yaml.safe_load(file.read_text())
    (version,) = definition["spec"]["versions"]
    agents = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["agents"]
    agents["properties"]["fieldOfTomorrow"] = {"type": "string", "maxLength": 20}
    file.write_text(yaml.safe_dump(definition))
    return chart


def knows_tomorrow(api: Api) -> bool:
    """Say whether the CRD in the cluster has the next version's field."""
    return "fieldOfTomorrow" in str(definitions(api)[NAME]["spec"]["versions"])


def test_helm_upgrades_the_crds_and_keeps_them_when_it_goes(
    adopted: Manifest,
    helm: helm_python.Config,
    next_chart: Path,
    api: Api,
    system: str,
    namespace: str,
):
    """Helm never upgrades a chart's `crds/` folder, and a CRD that goes takes all fleets along."""
    api.create(a_fleet_manifest(namespace))
    uid = api.get("VoiceFleet", namespace, "interviews")["metadata"]["uid"]
    helm.upgrade(CHART, RELEASE, adopted, namespace=system)
    before = knows_tomorrow(api)

    helm.upgrade(next_chart, RELEASE, adopted, namespace=system)
    after = knows_tomorrow(api)
    helm.uninstall(RELEASE)

    assert (before, after) == (False, True)
    assert knows_tomorrow(api)
    assert api.get("VoiceFleet", namespace, "interviews")["metadata"]["uid"] == uid
