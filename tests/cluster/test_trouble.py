"""What the cluster refuses ends in a condition that names the reason and the object."""

import pytest

from support.api import Api, Manifest, eventually
from support.manifests import a_fleet_manifest, condition, is_settled, with_spec

pytestmark = pytest.mark.cluster


def _capacity(api: Api, namespace: str) -> Manifest:
    return condition(api.get("VoiceFleet", namespace, "interviews"), "CapacityAvailable")


def _says(api: Api, namespace: str, reason: str) -> Manifest | None:
    found = _capacity(api, namespace)
    return found if found.get("reason") == reason else None


def test_pods_refused_by_pod_security_are_named(api: Api, operator, namespace: str):
    """A refused pod leaves no pod to describe; only the condition can tell."""
    manifest = with_spec(a_fleet_manifest(namespace), "media.network.mode", "HostNetwork")

    api.create(manifest)

    found = eventually(
        "refused by PodSecurity", lambda: _says(api, namespace, "PodSecurityRejected"), seconds=30
    )
    assert found["status"] == "False"
    assert "interviews-media-1" in found["message"]
    assert "hostNetwork" in found["message"] or "host namespaces" in found["message"]


def test_an_exhausted_quota_is_named(api: Api, operator, namespace: str):
    """The quota's owner and the fleet's owner are two people; the message goes to both."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "tight", "namespace": namespace},
        "spec": {"hard": {"pods": "3"}},
    }
    api.create(quota)
    eventually(
        "the quota counts",
        lambda: api.get("ResourceQuota", namespace, "tight").get("status", {}).get("hard"),
    )

    api.create(a_fleet_manifest(namespace, minReplicas=5))

    found = eventually("quota", lambda: _says(api, namespace, "QuotaExceeded"), seconds=30)
    assert "tight" in found["message"]


def test_pods_that_fit_no_node_are_named(api: Api, operator, namespace: str):
    """`Pending` says nothing; which pods, how many and why does."""
    api.create(a_fleet_manifest(namespace, nodeSelector={"disk": "none-such"}))

    found = eventually("both are counted", lambda: _unplaced(api, namespace, "2 pods"), seconds=30)
    assert found["status"] == "False"


def test_a_name_that_belongs_to_somebody_else_is_left_alone(api: Api, operator, namespace: str):
    """Taking over a stranger's Service by force would break their application."""
    stranger = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "interviews-media", "namespace": namespace},
        "spec": {"selector": {"app": "legacy"}, "ports": [{"port": 80}]},
    }
    before = api.create(stranger)

    api.create(a_fleet_manifest(namespace))

    fleet = eventually(
        "NameTaken",
        lambda: _stalled(api, namespace, "NameTaken"),
        seconds=30,
    )
    now = api.get("Service", namespace, "interviews-media")
    assert now["spec"] == before["spec"]
    assert "interviews-media" in condition(fleet, "Stalled")["message"]


def test_a_fleet_in_trouble_does_not_hold_up_another(api: Api, operator, new_namespace):
    """One team's mistake is not everybody's outage."""
    troubled, well = new_namespace(), new_namespace()
    api.create(a_fleet_manifest(troubled, nodeSelector={"disk": "none-such"}))

    api.create(a_fleet_manifest(well))

    assert eventually(
        "the other is Ready",
        lambda: is_settled(api.get("VoiceFleet", well, "interviews")),
        seconds=40,
    )


def _unplaced(api: Api, namespace: str, count: str) -> Manifest | None:
    found = _says(api, namespace, "Unschedulable")
    return found if found and count in found["message"] else None


def _stalled(api: Api, namespace: str, reason: str) -> Manifest | None:
    fleet = api.get("VoiceFleet", namespace, "interviews")
    return fleet if condition(fleet, "Stalled").get("reason") == reason else None
