"""What the caches believe when news comes late, twice, or not at all."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicefleet.adapters.kubernetes.cache import (
    FleetCache,
    ObjectCache,
    fleet_key,
    fleet_of,
    parse_child,
    share_text,
)
from voicefleet.api import labels
from voicefleet.manifests import Manifest, ObjectKey, key_of
from voicefleet.model.observed import Child

FLEET = fleet_key("calls", "interviews")


def an_object(version: int, *, uid: str = "uid-1", **metadata: Any) -> Manifest:
    """Return a ConfigMap of the fleet at a version."""
    return {
        "kind": "ConfigMap",
        "metadata": {
            "name": "settings",
            "namespace": "calls",
            "uid": uid,
            "resourceVersion": str(version),
            "labels": {labels.FLEET: "interviews"},
            **metadata,
        },
    }


KEY = key_of(an_object(1))


class Told:
    """A cache and whom it told."""

    def __init__(self) -> None:
        self.changes: list[ObjectKey] = []
        self.cache = ObjectCache[Child](parse_child, self.changes.append)

    @property
    def version(self) -> str | None:
        """The version the cache shows, None where it shows nothing."""
        child = self.cache.of_fleet(FLEET).get(KEY)
        return child.resource_version if child else None


@given(st.permutations(range(1, 7)))
def test_whatever_order_news_comes_in_the_newest_wins(order: list[int]):
    """Our own writes' answers and the watch overtake each other."""
    told = Told()

    for version in order:
        told.cache.store(an_object(version))

    assert told.version == "6"


def test_our_own_write_wakes_nobody():
    """The cycle that wrote it knows; its echo from the watch is no news either."""
    told = Told()

    told.cache.remember(an_object(2))
    told.cache.store(an_object(2))

    assert (told.version, told.changes) == ("2", [])


def test_late_news_about_what_we_deleted_is_ignored():
    """The watch may still tell of a change from before the deletion."""
    told = Told()
    told.cache.store(an_object(1))
    told.cache.forget(KEY, "uid-1")

    told.cache.store(an_object(2))

    assert told.version is None


def test_the_successor_of_what_we_deleted_is_seen():
    """Somebody may create an object of the same name at once."""
    told = Told()
    told.cache.store(an_object(1))
    told.cache.forget(KEY, "uid-1")

    told.cache.store(an_object(3, uid="uid-2"))

    assert told.version == "3"


def test_an_old_deletion_leaves_the_successor_alone():
    """Deleted and re-created by us; the watch is still telling of the deletion."""
    told = Told()
    told.cache.store(an_object(1))
    told.cache.remember(an_object(5, uid="uid-2"))

    told.cache.drop(an_object(4))

    assert told.version == "5"


def test_a_list_keeps_what_was_written_after_it_was_read():
    """The list says what was there at its version, and no more."""
    told = Told()
    told.cache.remember(an_object(12))

    told.cache.retain([], version=10, namespace="")

    assert told.version == "12"


def test_a_list_of_one_namespace_says_nothing_about_others():
    """With several namespaces, each has its own list."""
    told = Told()
    told.cache.store(an_object(1))

    told.cache.retain([], version=10, namespace="surveys")

    assert told.version == "1"


def test_an_object_that_changes_fleets_leaves_the_old_one():
    """Both fleets must look again: one lost a child, one got a stranger."""
    told = Told()
    told.cache.store(an_object(1))
    told.changes.clear()

    told.cache.store(an_object(2, labels={labels.FLEET: "surveys"}))

    assert told.version is None
    assert told.changes == [FLEET, fleet_key("calls", "surveys")]


def test_an_unlabelled_object_belongs_to_its_owner():
    """Somebody stripped the label; the owner still says whose it is."""
    owner = {"apiVersion": "voicefleet.dev/v1alpha1", "kind": "VoiceFleet", "name": "interviews"}

    fleet = fleet_of(an_object(1, labels={}, ownerReferences=[owner]))

    assert fleet == FLEET


def test_field_owners_are_asked_and_not_kept():
    """They are a third of an object's size, and one question is all there is to ask."""
    owner = {
        "manager": "voicefleet-scaler",
        "operation": "Apply",
        "fieldsV1": {"f:spec": {"f:replicas": {}}},
    }
    child = parse_child(an_object(1, managedFields=[owner]))

    assert (child.scaler_owns_replicas, "managedFields" in child.manifest["metadata"]) == (
        True,
        False,
    )


def a_fleet(version: int, **more: Any) -> Manifest:
    """Return a VoiceFleet at a version."""
    metadata = {
        "name": "interviews",
        "namespace": "calls",
        "uid": "uid-1",
        "resourceVersion": str(version),
    }
    return {"kind": "VoiceFleet", "metadata": {**metadata, **more}, "spec": {}}


def test_a_fleet_is_news_only_if_something_changed():
    """The echo of our own status write must not start a cycle."""
    fleets = FleetCache()

    news = [
        fleets.store(a_fleet(1)),
        fleets.store(a_fleet(1)),
        fleets.store(a_fleet(2)),
        fleets.store(a_fleet(3, finalizers=["x"])),
        fleets.store(a_fleet(2)),
    ]

    assert news == [True, False, False, True, False]


def test_a_fleet_that_was_made_again_is_another_fleet():
    """Versions say nothing across lives; the UID tells them apart."""
    fleets = FleetCache()
    fleets.store(a_fleet(9))

    is_news = fleets.store(a_fleet(12, uid="uid-2"))

    assert is_news
    found = fleets.find(FLEET)
    assert found is not None
    assert found["metadata"]["uid"] == "uid-2"


def test_the_longest_fleet_name_claims_a_childs_name():
    """`calls` and `calls-eu` in one namespace: calls-eu-agents-1 is the second one's."""
    fleets = FleetCache()
    for name in ("interviews", "interviews-eu", "other"):
        fleets.store(a_fleet(1, name=name))

    found = fleets.find_by_prefix("calls", "interviews-eu-agents-1")

    assert found == fleet_key("calls", "interviews-eu")
    assert fleets.find_by_prefix("calls", "surveys-agents-1") is None


def test_what_a_thousand_fleets_have_in_common_is_kept_once():
    """Each answer brings its own copy of every field name; caches would take twice the memory."""
    texts = [json.dumps({"spec": {"serviceName": name, "policy": "Always"}}) for name in "ab"]

    one, other = (share_text(json.loads(text)) for text in texts)

    assert one["spec"]["policy"] is other["spec"]["policy"]
    assert next(iter(one["spec"])) is next(iter(other["spec"]))


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_sharing_text_changes_no_value(value: Any):
    """The cache is what plans rest on."""
    shared = share_text(value)

    assert shared == value


@pytest.mark.parametrize(
    ("owner", "kept"), [("Deployment", set()), ("VoiceFleet", {labels.MADE_AS})]
)
def test_the_copy_of_a_record_is_not_kept(owner: str, kept: set[str]):
    """A thousand fleets with three Deployments each would keep it twelve thousand times."""
    metadata = {
        "name": "interviews-redis-7c6bb7b455",
        "namespace": "voice",
        "ownerReferences": [{"kind": owner, "controller": True, "uid": "1"}],
        "annotations": {labels.MADE_AS: "{}", "deployment.kubernetes.io/revision": "1"},
    }

    child = parse_child({"kind": "ReplicaSet", "metadata": metadata})

    left = set(child.manifest["metadata"]["annotations"])
    assert left == {"deployment.kubernetes.io/revision"} | kept
