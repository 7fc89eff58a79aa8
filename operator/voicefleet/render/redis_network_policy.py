"""Who may reach the embedded Redis: media servers, and nobody is reached from it."""

from voicefleet.api.media import NetworkMode
from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Tier
from voicefleet.render.labels import child_labels, tier_selector
from voicefleet.render.names import redis_name
from voicefleet.render.network import nobody, pods_with, policy_spec, tcp
from voicefleet.render.objects import build_child
from voicefleet.render.once import rendered_once


@rendered_once
def render_redis_network_policy(fleet: Fleet) -> Manifest:
    """Return the policy of the embedded Redis.

    Servers in their node's network come from node addresses, which no selector names; then
    the port is open and the password is the guard.
    """
    rule: Manifest = {"ports": tcp("redis")}
    if fleet.spec.media.network.mode is NetworkMode.POD_NETWORK:
        rule["from"] = [pods_with(tier_selector(fleet, Tier.MEDIA))]
    return build_child(
        fleet,
        "NetworkPolicy",
        redis_name(fleet),
        labels=child_labels(fleet, Tier.REDIS),
        spec=policy_spec(
            tier_selector(fleet, Tier.REDIS), ingress=[rule], egress=[{"to": [nobody()]}]
        ),
    )
