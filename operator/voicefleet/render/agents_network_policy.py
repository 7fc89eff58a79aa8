"""What workers may reach: their media servers, their speech pools, providers outside."""

from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Tier
from voicefleet.render.labels import child_labels, tier_selector
from voicefleet.render.names import agents_name
from voicefleet.render.network import any_pod, pods_with, policy_spec, tcp, to_dns, to_outside
from voicefleet.render.objects import build_child
from voicefleet.render.once import rendered_once


@rendered_once
def render_agents_network_policy(fleet: Fleet) -> Manifest:
    """Return the workers' policy.

    Their port is open to the whole cluster: the operator and Prometheus live in namespaces
    that we do not know, it answers reads only, and its two commands ask for a token. An
    account that the author names is there for a cloud's workload identity, and several
    clouds hand that out at the metadata address; only then is it reachable.
    """
    has_own_identity = fleet.spec.agents.service_account_name is not None
    egress = [to_dns(), {"to": [pods_with(tier_selector(fleet, Tier.MEDIA))]}]
    if fleet.spec.speech:
        egress.append({"to": [pods_with(tier_selector(fleet, Tier.SPEECH))], "ports": tcp("http")})
    return build_child(
        fleet,
        "NetworkPolicy",
        agents_name(fleet),
        labels=child_labels(fleet, Tier.AGENTS),
        spec=policy_spec(
            tier_selector(fleet, Tier.AGENTS),
            ingress=[{"from": [any_pod()], "ports": tcp("state")}],
            egress=[*egress, to_outside(metadata_service=has_own_identity)],
        ),
    )
