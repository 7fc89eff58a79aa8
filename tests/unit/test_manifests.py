"""Comparing what we want with what is stored: neither blind nor forever unsatisfied."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.fleets import a_full_fleet, a_minimal_fleet
from support.rendered import all_children
from voicefleet.manifests import (
    FINGERPRINT_ANNOTATION,
    Manifest,
    fingerprint,
    is_contained,
    key_of,
    with_fingerprint,
)

CHILDREN = [*all_children(a_minimal_fleet()), *all_children(a_full_fleet())]


def a_pod_spec(**fields: object) -> Manifest:
    """Return a pod template's `spec` with one container."""
    return {"containers": [{"name": "worker", "image": "worker:1"}], **fields}


@given(st.sampled_from(CHILDREN))
def test_every_child_is_contained_in_itself(child: Manifest):
    """Otherwise it would be written in every cycle."""
    assert is_contained(child, child)


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        ({"spec": {"a": 1}}, {"spec": {"a": 1, "b": 2}, "status": {}}),
        ({"limits": {"cpu": "1000m"}}, {"limits": {"cpu": "1"}}),
        ({"limits": {"memory": "1024Mi"}}, {"limits": {"memory": "1Gi", "cpu": "4"}}),
        ({"env": [{"name": "A"}]}, {"env": [{"name": "B"}, {"name": "A"}]}),
        (
            {"ports": [{"name": "http", "port": 80}]},
            {"ports": [{"name": "http", "port": 80, "nodePort": 30000}]},
        ),
        ({"egress": []}, {}),
        ({"args": ["a", "b"]}, {"args": ["a", "b"]}),
        (
            {"tolerations": [{"key": "a", "effect": "X"}, {"key": "a", "effect": "Y"}]},
            {"tolerations": [{"key": "a", "effect": "X"}, {"key": "a", "effect": "Y"}]},
        ),
    ],
    ids=[
        "defaults-beside",
        "millicores",
        "mebibytes",
        "a-foreign-variable",
        "a-default-inside-a-member",
        "an-empty-list-that-is-not-stored",
        "a-list-in-order",
        "two-tolerations-of-one-key",
    ],
)
def test_what_the_server_adds_is_no_drift(wanted: Manifest, live: Manifest):
    """A write for nothing wakes every controller in the cluster."""
    assert is_contained(wanted, live)


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        ({"spec": {"a": 1}}, {"spec": {"a": 2}}),
        ({"spec": {"a": 1}}, {"spec": None}),
        ({"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "A", "value": "2"}]}),
        ({"env": [{"name": "A"}]}, {}),
        ({"args": ["a", "b"]}, {"args": ["b", "a"]}),
        ({"args": ["a"]}, {"args": ["a", "b"]}),
        ({"selector": {"app": "a"}}, {"selector": {"app": "a", "version": "1"}}),
        ({"nodeSelector": {"pool": "a"}}, {"nodeSelector": {"pool": "a", "zone": "b"}}),
        ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "a"}, {"key": "spot"}]}),
        (
            {"ingress": [{"ports": [{"port": 53}]}]},
            {"ingress": [{"ports": [{"port": 53}, {"port": 22}]}]},
        ),
        ({"limits": {"cpu": "2"}}, {"limits": {"cpu": "two"}}),
    ],
    ids=[
        "a-value",
        "a-missing-section",
        "a-variable",
        "no-list",
        "another-order",
        "one-more-argument",
        "a-selector-made-narrower",
        "a-node-selector-made-narrower",
        "one-more-toleration",
        "one-more-open-port",
        "no-quantity",
    ],
)
def test_what_somebody_changed_is_drift(wanted: Manifest, live: Manifest):
    """A child that is not what the fleet wants must be put right, and not only be there."""
    assert not is_contained(wanted, live)


def test_a_containers_ports_are_told_apart_by_name():
    """Media servers have two ports of one number space, TCP and UDP."""
    ports = [
        {"name": "tcp", "containerPort": 7881, "protocol": "TCP"},
        {"name": "udp", "containerPort": 7881, "protocol": "UDP"},
    ]

    live = a_pod_spec(ports=[{**port, "hostPort": 7881} for port in reversed(ports)])

    assert is_contained(a_pod_spec(ports=ports), live)


def test_a_fingerprint_notices_a_field_that_is_wanted_no_more():
    """A comparison of values cannot: what is left is still contained in the live object."""
    before, after = a_pod_spec(hostNetwork=True), a_pod_spec()

    assert is_contained(after, before)
    assert fingerprint(after) != fingerprint(before)


def test_a_fingerprint_does_not_depend_on_the_order_of_keys():
    """Dictionaries from the wire come in any order."""
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


def test_a_fingerprinted_copy_leaves_the_original_alone():
    """Manifests are shared with the cache."""
    manifest = {"kind": "Service", "metadata": {"name": "media", "namespace": "voice"}}

    marked = with_fingerprint(manifest)

    assert "annotations" not in manifest["metadata"]
    assert marked["metadata"]["annotations"] == {FINGERPRINT_ANNOTATION: fingerprint(manifest)}


def test_an_object_reads_as_kubectl_prints_it():
    """The same words in a log line and in a terminal can be searched for."""
    key = key_of({"kind": "Service", "metadata": {"name": "media", "namespace": "voice"}})

    assert str(key) == "Service/media"
    assert key.namespace == "voice"
