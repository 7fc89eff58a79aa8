"""Whatever somebody does to a child, it comes back, and never by ending a call."""

import pytest

from support.api import Api, Manifest, eventually
from support.edits import CHANGES, is_own
from support.manifests import a_fleet_manifest, is_settled, with_evaluation, with_speech

pytestmark = pytest.mark.cluster


def _settled(api: Api, namespace: str) -> bool:
    return is_settled(api.get("VoiceFleet", namespace, "interviews"))


@pytest.fixture
def children(api: Api, operator, namespace: str) -> dict[tuple[str, str], Manifest]:
    """Return every child of a settled fleet that has all tiers."""
    api.create(with_evaluation(with_speech(a_fleet_manifest(namespace))))
    eventually("Ready", lambda: _settled(api, namespace), seconds=40)
    return {key: child for key, child in api.children(namespace).items() if is_own(child)}


def test_every_deleted_child_comes_back(api: Api, namespace: str, children):
    """Somebody cleans up the wrong namespace about once a year."""
    for kind, name in children:
        api.delete(kind, namespace, name)

    eventually(
        "all children are back, the media server under its next number",
        lambda: _missing(api, namespace, children) == {("ReplicaSet", "interviews-media-1")},
        seconds=60,
    )
    assert api.find("ReplicaSet", namespace, "interviews-media-2") is not None
    eventually("Ready again", lambda: _settled(api, namespace), seconds=60)


def test_every_child_without_our_labels_gets_them_back(api: Api, namespace: str, children):
    """A child without labels is invisible to the cache; it must be found, not made twice."""
    for (kind, name), child in children.items():
        if kind != "Secret":
            gone = dict.fromkeys(child["metadata"]["labels"])
            api.patch(kind, namespace, name, {"metadata": {"labels": gone}})

    eventually("labels are back", lambda: not _missing(api, namespace, children), seconds=30)
    for key, child in api.children(namespace).items():
        if key in children:
            assert child["metadata"]["uid"] == children[key]["metadata"]["uid"], key


def test_every_child_without_its_owner_gets_it_back(api: Api, namespace: str, children):
    """An orphan survives its fleet and costs money for ever."""
    for kind, name in children:
        if kind != "Secret":
            api.patch(kind, namespace, name, {"metadata": {"ownerReferences": None}})

    assert eventually(
        "owners are back",
        lambda: all(
            child["metadata"].get("ownerReferences")
            for key, child in api.children(namespace).items()
            if key in children and key[0] != "Secret"
        ),
        seconds=30,
    )


@pytest.mark.parametrize("kind", CHANGES)
def test_a_changed_child_is_changed_back(api: Api, namespace: str, children, kind: str):
    """What the manifest says and what runs must be the same thing."""
    changed = {
        key: child for key, child in children.items() if key[0] == kind and _may_change(child)
    }
    for (_, name), child in changed.items():
        api.patch(kind, namespace, name, CHANGES[kind](child))

    assert changed, f"the fleet has no {kind}"
    for (_, name), before in changed.items():
        eventually(
            f"{kind}/{name} is as before",
            lambda name=name, before=before: _same(api.get(kind, namespace, name), before),
            seconds=30,
        )


def test_workers_added_by_hand_leave_again_one_by_one(api: Api, namespace: str, children):
    """A ReplicaSet scaled by hand is drift, and drift is repaired without ending a call."""
    name = next(name for kind, name in children if kind == "ReplicaSet" and "agents" in name)

    api.patch("ReplicaSet", namespace, name, {"spec": {"replicas": 4}})

    assert eventually(
        "2 workers again",
        lambda: api.get("ReplicaSet", namespace, name)["spec"]["replicas"] == 2,
        seconds=60,
    )


def _missing(
    api: Api, namespace: str, children: dict[tuple[str, str], Manifest]
) -> set[tuple[str, str]]:
    return set(children) - set(api.children(namespace))


def _may_change(child: Manifest) -> bool:
    return not child.get("immutable", False)


def _same(now: Manifest, before: Manifest) -> bool:
    fields = ("spec", "data", "automountServiceAccountToken")
    return all(now.get(field) == before.get(field) for field in fields)
