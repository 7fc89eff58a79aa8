"""Who may talk to whom: every tier has a policy, and none leads to the node's credentials."""

import pytest

from support.fleets import a_full_fleet, a_minimal_fleet, with_spec
from support.rendered import all_children
from voicefleet.api.labels import TIER
from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.render.agents_network_policy import render_agents_network_policy
from voicefleet.render.redis_network_policy import render_redis_network_policy

FLEETS = {"minimal": a_minimal_fleet(), "full": a_full_fleet()}


def policies(fleet: Fleet) -> dict[str, Manifest]:
    """Return the `spec` of each policy by the tier whose pods it selects."""
    specs = [child["spec"] for child in all_children(fleet) if child["kind"] == "NetworkPolicy"]
    return {spec["podSelector"]["matchLabels"][TIER]: spec for spec in specs}


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=FLEETS)
def test_every_tier_with_pods_has_a_policy_in_both_directions(fleet: Fleet):
    """A direction that no policy names is open to the whole network."""
    tiers = {
        child["metadata"]["labels"][TIER]
        for child in all_children(fleet)
        if "template" in child.get("spec", {})
    }

    found = policies(fleet)

    assert set(found) == tiers
    assert {tuple(spec["policyTypes"]) for spec in found.values()} == {("Ingress", "Egress")}


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=FLEETS)
def test_no_rule_list_is_empty(fleet: Fleet):
    """The server stores no empty list, so a rule added to one would never be taken away."""
    for tier, spec in policies(fleet).items():
        assert spec["ingress"], tier
        assert spec["egress"], tier


def blocked(spec: Manifest) -> list[str]:
    """Return every address range that a policy leaves out of "everywhere"."""
    peers = [peer for rule in spec["egress"] for peer in rule.get("to", [])]
    return [cidr for peer in peers for cidr in peer.get("ipBlock", {}).get("except", [])]


def test_workers_cannot_ask_the_node_for_its_credentials():
    """A prompt that makes a worker fetch a URL must not yield the node's cloud identity."""
    spec = render_agents_network_policy(a_minimal_fleet())["spec"]

    assert "169.254.0.0/16" in blocked(spec)


def test_workers_with_a_cloud_identity_can_fetch_it():
    """Several clouds hand workload identity out at exactly that address."""
    fleet = with_spec(a_minimal_fleet(), "agents.serviceAccountName", "identity")

    spec = render_agents_network_policy(fleet)["spec"]

    assert blocked(spec) == []


def test_an_external_redis_is_no_way_to_the_metadata_service():
    """Its address is the author's to write, and a cloud answers there with the node's role."""
    egress = policies(a_full_fleet())["media"]["egress"]

    to_redis = next(rule for rule in egress if {"protocol": "TCP", "port": 6380} in rule["ports"])
    blocks = [peer["ipBlock"] for peer in to_redis["to"] if "ipBlock" in peer]
    assert [block["except"] for block in blocks] == [
        ["169.254.0.0/16"],
        ["fe80::/10", "fd00:ec2::254/128"],
    ]


def test_only_media_servers_reach_redis_where_a_policy_can_tell():
    """In the node's network they have no pod address; then the password is the guard."""
    in_pods = with_spec(a_minimal_fleet(), "media.network.mode", "PodNetwork")

    closed = render_redis_network_policy(in_pods)["spec"]["ingress"][0]
    opened = render_redis_network_policy(a_minimal_fleet())["spec"]["ingress"][0]

    assert closed["from"][0]["podSelector"]["matchLabels"][TIER] == "media"
    assert "from" not in opened


def test_evaluators_cannot_take_gpu_time_from_live_calls():
    """A night's backlog of evaluations would be heard as silence in every call."""
    sources = policies(a_full_fleet())["speech"]["ingress"][0]["from"]

    tiers = [peer["podSelector"]["matchLabels"][TIER] for peer in sources if "podSelector" in peer]
    assert tiers == ["agents"]
