"""What holds for every child: identity, owner, fingerprint, plain values, no secret."""

import json
from collections.abc import Iterator

import pytest

from support.fleets import a_full_fleet, a_minimal_fleet, with_spec
from support.rendered import all_children, scaled_children
from voicefleet.api import labels
from voicefleet.manifests import FINGERPRINT_ANNOTATION, Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.render.agents_replicaset import render_agents_replicaset
from voicefleet.render.children import render_static_children
from voicefleet.render.objects import with_replicas
from voicefleet.render.secrets import secret_key, secret_purposes

FLEETS = {"minimal": a_minimal_fleet(), "full": a_full_fleet()}
CHILDREN = {
    f"{name}-{child['kind']}-{child['metadata']['name']}": (fleet, child)
    for name, fleet in FLEETS.items()
    for child in all_children(fleet)
}
every_child = pytest.mark.parametrize(("fleet", "child"), CHILDREN.values(), ids=CHILDREN)


@every_child
def test_a_child_belongs_to_its_fleet(fleet: Fleet, child: Manifest):
    """An object without owner or labels outlives its fleet, unseen."""
    metadata = child["metadata"]

    owner = metadata["ownerReferences"][0]
    assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == (
        fleet.uid,
        True,
        False,
    )
    assert metadata["namespace"] == fleet.namespace
    assert metadata["labels"][labels.FLEET] == fleet.name
    assert metadata["labels"]["app.kubernetes.io/managed-by"] == labels.MANAGED_BY
    assert FINGERPRINT_ANNOTATION in metadata["annotations"]


@every_child
def test_a_child_is_plain_json(fleet: Fleet, child: Manifest):
    """An enum or a tuple would compare unequal to what the API server sends back."""
    assert fleet.name
    assert json.loads(json.dumps(child)) == child
    assert {type(value) for value in leaves(child)} <= {str, int, bool}


def leaves(value: object) -> Iterator[object]:
    """Yield every value inside that has no parts, and refuse other containers."""
    match value:
        case dict():
            for item in value.values():
                yield from leaves(item)
        case list():
            for item in value:
                yield from leaves(item)
        case _:
            yield value


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=FLEETS)
def test_rendering_twice_gives_the_same_bytes(fleet: Fleet):
    """A manifest that differs from itself would be written in every cycle."""
    first, second = (json.dumps(all_children(fleet)) for _ in range(2))

    assert first == second


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=FLEETS)
def test_a_scaled_workload_has_no_count_until_it_is_created(fleet: Fleet):
    """A template apply that carries a count would undo every scaling."""
    workloads = scaled_children(fleet)

    assert [workload for workload in workloads if "replicas" in workload["spec"]] == []


def test_the_count_of_a_new_workload_is_no_part_of_its_fingerprint():
    """Otherwise the first apply after creation would look like a change."""
    template = render_agents_replicaset(a_minimal_fleet())

    created = with_replicas(template, 2)

    assert created["spec"]["replicas"] == 2
    assert created["metadata"] == template["metadata"]
    assert "replicas" not in template["spec"]


def test_pods_are_selected_by_labels_that_they_have():
    """A ReplicaSet whose pods do not match its selector is refused."""
    for fleet in FLEETS.values():
        workloads = [child for child in all_children(fleet) if "template" in child.get("spec", {})]
        for workload in workloads:
            wanted = workload["spec"]["selector"]["matchLabels"]
            carried = workload["spec"]["template"]["metadata"]["labels"]

            assert wanted.items() <= carried.items()


def test_an_external_redis_leaves_none_of_ours():
    """Two places for the room table would split the fleet."""
    children = all_children(a_full_fleet())

    assert [
        child for child in children if child["metadata"]["labels"][labels.TIER] == "redis"
    ] == []


def test_a_named_account_is_not_made_by_us():
    """It belongs to whoever bound cloud rights to it."""
    named = with_spec(a_minimal_fleet(), "agents.serviceAccountName", "identity")

    kinds = {child["kind"] for child in render_static_children(named)}

    assert "ServiceAccount" not in kinds
    assert render_agents_replicaset(named)["spec"]["template"]["spec"]["serviceAccountName"] == (
        "identity"
    )


def test_generated_secrets_are_named_for_one_fleet_only():
    """A fleet of the same name, made anew, must not find its predecessor's keys."""
    fleet = a_minimal_fleet()
    reborn = a_minimal_fleet(secret_suffix="0ddba115")

    keys = {
        secret_key(each, purpose) for each in (fleet, reborn) for purpose in secret_purposes(each)
    }

    assert len(keys) == 6


def test_workers_take_calls_that_name_no_deployment():
    """A worker with a deployment label gets only calls that name it, and callers name none."""
    pod = render_agents_replicaset(a_full_fleet())["spec"]["template"]["spec"]

    names = [variable["name"] for variable in pod["containers"][0]["env"]]

    assert "LIVEKIT_AGENT_DEPLOYMENT" not in names
