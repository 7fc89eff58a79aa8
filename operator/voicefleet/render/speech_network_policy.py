"""Who may reach the speech pools: the fleet's own workers, and monitoring."""

from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Tier
from voicefleet.render.labels import child_labels, tier_selector
from voicefleet.render.names import speech_policy_name
from voicefleet.render.network import (
    monitoring_pods,
    pods_with,
    policy_spec,
    tcp,
    to_dns,
    to_outside,
)
from voicefleet.render.objects import build_child
from voicefleet.render.once import rendered_once


@rendered_once
def render_speech_network_policy(fleet: Fleet) -> Manifest:
    """Return the policy over all pools of a fleet.

    A speech server asks for no password and each request costs GPU time that a live call
    may need, so evaluators are left out on purpose.
    """
    return build_child(
        fleet,
        "NetworkPolicy",
        speech_policy_name(fleet),
        labels=child_labels(fleet, Tier.SPEECH),
        spec=policy_spec(
            tier_selector(fleet, Tier.SPEECH),
            ingress=[
                {
                    "from": [pods_with(tier_selector(fleet, Tier.AGENTS)), monitoring_pods()],
                    "ports": tcp("http"),
                }
            ],
            egress=[to_dns(), to_outside()],
        ),
    )
