"""An operator that is installed for one namespace works there, with rights nowhere else."""

from pathlib import Path

import pytest

from support.api import Api, eventually
from support.cluster_fixtures import operator_for
from support.manifests import a_fleet_manifest, is_settled
from voicefleet_localcluster.cluster import LocalCluster
from voicefleet_localcluster.installation import install_chart
from voicefleet_localcluster.operator_process import OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("alone")]

FORBIDDEN = 403


@pytest.fixture
def tenants_operator(cluster: LocalCluster, installed, namespace: str, tmp_path: Path):
    """Return an operator that lives in the namespace it looks after, with Roles only."""
    values = {
        "namespaces": [namespace],
        "crds": {"enabled": False},
        "admissionPolicy": {"enabled": False},
        "flowSchema": {"enabled": False},
        "rbac": {"aggregateToUserRoles": False},
    }
    own = install_chart(cluster, tmp_path / "tenant", values, namespace=namespace)
    with operator_for(own, identity="tenant") as operator:
        yield operator


def test_it_makes_keeps_and_removes_a_fleet(
    tenants_operator: OperatorProcess, api: Api, namespace: str
):
    """Roles in one namespace have to be enough for everything, deletion included."""
    api.create(a_fleet_manifest(namespace))
    eventually("Ready", lambda: is_settled(api.get("VoiceFleet", namespace, "interviews")))

    api.delete("VoiceFleet", namespace, "interviews")

    eventually("it is gone", lambda: api.find("VoiceFleet", namespace, "interviews") is None)
    # The garbage collector looks for new kinds every 30 s, and this one may just be installed.
    eventually("its children are gone", lambda: not api.children(namespace), seconds=90)
    assert "forbidden" not in tenants_operator.log.lower()


def test_it_sees_nothing_of_its_neighbours(
    tenants_operator: OperatorProcess, new_namespace, api: Api
):
    """A tenant's operator must not even be able to list what others run."""
    neighbour = new_namespace()
    mine = Api(tenants_operator.kubeconfig)

    answers = [
        mine.send("GET", mine.path(kind, neighbour)).status_code
        for kind in ("VoiceFleet", "Pod", "ConfigMap", "Secret")
    ]

    mine.close()
    assert answers == [FORBIDDEN] * 4
