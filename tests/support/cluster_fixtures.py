"""One real cluster for the whole test run, and the operator on it as the chart installs it."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from support.api import Api
from support.chart import install_chart
from voicefleet_localcluster.cluster import LocalCluster
from voicefleet_localcluster.installation import Installation
from voicefleet_localcluster.operator_process import OperatorProcess
from voicefleet_localcluster.options import ClusterOptions

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """Return a real control plane with kwok nodes; pods are Ready a third of a second late."""
    options = ClusterOptions(
        name=f"test-{os.getpid()}", plain_nodes=4, pod_start_seconds=0.3, pod_stop_seconds=0.2
    )
    with LocalCluster.start(options) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def api(cluster: LocalCluster) -> Iterator[Api]:
    """Return the API server as its administrator sees it."""
    with closing(Api(cluster.kubeconfig)) as api:
        yield api


@pytest.fixture(scope="session")
def world(cluster: LocalCluster):
    """Return who decides what the workers and servers on kwok nodes say."""
    return cluster.world


@pytest.fixture(scope="session")
def installed(cluster: LocalCluster, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Return what the chart's own identity needs to run the operator."""
    return install_chart(cluster, tmp_path_factory.mktemp("operator"), {"resyncSeconds": 30})


def operator_for(
    installed: Installation,
    make: Callable[..., OperatorProcess] = OperatorProcess,
    **options: object,
) -> OperatorProcess:
    """Return an operator process under the chart's identity, not yet started."""
    return make(
        installed.kubeconfig,
        installed.platform,
        installed.install_key,
        installed.platform.parent,
        lease_namespace=installed.namespace,
        **options,
    )


@pytest.fixture(scope="session")
def _shared_operator(installed: Installation) -> Iterator[OperatorProcess]:
    tape = installed.platform.parent / "tape.jsonl"
    with operator_for(installed, tape=tape) as operator:
        yield operator


@pytest.fixture
def operator(_shared_operator: OperatorProcess) -> OperatorProcess:
    """Return the running operator that most tests share; started again where one stopped it."""
    if not _shared_operator.is_running:
        _shared_operator.start()
    return _shared_operator


@pytest.fixture(scope="module")
def alone(_shared_operator: OperatorProcess) -> Iterator[None]:
    """Stop the shared operator while a module runs one of its own."""
    _shared_operator.stop()
    yield
    _shared_operator.start()


@pytest.fixture
def new_namespace(api: Api) -> Iterator[Callable[[], str]]:
    """Return a maker of namespaces that refuse whatever Pod Security calls not restricted."""
    made: list[str] = []

    def make() -> str:
        name = f"team-{next(_numbers)}"
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        api.create(
            {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name, "labels": labels}}
        )
        made.append(name)
        return name

    yield make
    for name in made:
        api.delete("Namespace", "", name)


@pytest.fixture
def namespace(new_namespace: Callable[[], str]) -> str:
    """Return one new namespace."""
    return new_namespace()
