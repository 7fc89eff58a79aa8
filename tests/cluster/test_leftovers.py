"""What an older version of the operator called differently is taken away, of every kind."""

import pytest

from support.api import Api, Manifest, eventually
from support.manifests import a_fleet_manifest, is_settled, with_speech

pytestmark = pytest.mark.cluster

KINDS = (
    "ConfigMap",
    "Deployment",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Service",
    "ServiceAccount",
)
SERVERS_OWN = ("clusterIP", "clusterIPs", "ipFamilies")
REVISION = "voicefleet.dev/revision"


def under_its_old_name(child: Manifest) -> Manifest:
    """Return a copy of a child under another name, with the same owner and labels."""
    old = child["metadata"]
    metadata = {
        "name": f"{old['name']}-before",
        "namespace": old["namespace"],
        "labels": old["labels"],
        "ownerReferences": old["ownerReferences"],
    }
    body = {
        key: value
        for key, value in child.items()
        if key not in {"metadata", "status", "apiVersion", "secrets"}
    }
    if "spec" in body:
        spec = {key: value for key, value in body["spec"].items() if key not in SERVERS_OWN}
        body["spec"] = {**spec, "replicas": 0} if child["kind"] == "Deployment" else spec
    return {**body, "metadata": metadata}


@pytest.fixture
def children(api: Api, operator, namespace: str) -> dict[str, Manifest]:
    """Return one child of each kind of a settled fleet."""
    api.create(with_speech(a_fleet_manifest(namespace)))
    eventually(
        "Ready",
        lambda: is_settled(api.get("VoiceFleet", namespace, "interviews")),
        seconds=40,
    )
    return {
        kind: child
        for (kind, name), child in api.children(namespace).items()
        if kind in KINDS and (kind != "ConfigMap" or REVISION not in child["metadata"]["labels"])
        if not name.endswith("-memory")
    }


def lasting_children(api: Api, namespace: str) -> set[tuple[str, str]]:
    """Return every child but the fleet's memory, which is written some seconds after Ready."""
    return {key for key in api.children(namespace) if not key[1].endswith("-memory")}


def test_a_child_that_no_tier_wants_is_removed_whatever_its_kind(
    api: Api, namespace: str, children: dict[str, Manifest]
):
    """An upgrade that renames an object must not leave the old one behind in every fleet."""
    before = lasting_children(api, namespace)
    for child in children.values():
        api.create(under_its_old_name(child))

    eventually(
        "every old name is gone",
        lambda: not [name for _, name in api.children(namespace) if name.endswith("-before")],
    )

    assert set(children) == set(KINDS)
    assert lasting_children(api, namespace) == before


def test_a_copy_that_belongs_to_nobody_is_left_alone(
    api: Api, namespace: str, children: dict[str, Manifest]
):
    """Labels are copied by people; only an owner says that an object is ours to delete."""
    copy = under_its_old_name(children["ConfigMap"])
    del copy["metadata"]["ownerReferences"]
    api.create(copy)
    theirs = under_its_old_name(children["ServiceAccount"])
    api.create(theirs)

    eventually(
        "the owned one is gone",
        lambda: api.find("ServiceAccount", namespace, theirs["metadata"]["name"]) is None,
    )

    assert api.find("ConfigMap", namespace, copy["metadata"]["name"]) is not None
