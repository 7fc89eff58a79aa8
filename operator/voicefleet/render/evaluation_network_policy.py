"""What evaluators may reach: recordings, queues and providers outside. Nobody reaches them."""

from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Tier
from voicefleet.render.labels import child_labels, tier_selector
from voicefleet.render.names import evaluation_name
from voicefleet.render.network import nobody, policy_spec, to_dns, to_outside
from voicefleet.render.objects import build_child
from voicefleet.render.once import rendered_once


@rendered_once
def render_evaluation_network_policy(fleet: Fleet) -> Manifest:
    """Return the evaluators' policy."""
    return build_child(
        fleet,
        "NetworkPolicy",
        evaluation_name(fleet),
        labels=child_labels(fleet, Tier.EVALUATION),
        spec=policy_spec(
            tier_selector(fleet, Tier.EVALUATION),
            ingress=[{"from": [nobody()]}],
            egress=[to_dns(), to_outside()],
        ),
    )
