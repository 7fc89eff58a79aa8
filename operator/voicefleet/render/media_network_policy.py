"""Who may reach media servers. It holds for `PodNetwork` only.

A pod in its node's network is not covered by any policy. The object is rendered for it all
the same, so that it is in place when a fleet changes its mode.
"""

from voicefleet.api.media import RedisMode
from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Tier
from voicefleet.render.labels import child_labels, tier_selector
from voicefleet.render.names import media_name
from voicefleet.render.network import (
    any_pod,
    pods_with,
    policy_spec,
    tcp,
    to_dns,
    to_outside,
    udp,
)
from voicefleet.render.objects import build_child
from voicefleet.render.once import rendered_once
from voicefleet.render.redis_service import redis_port


@rendered_once
def render_media_network_policy(fleet: Fleet) -> Manifest:
    """Return the media servers' policy: callers from anywhere, out to Redis and to callers."""
    return build_child(
        fleet,
        "NetworkPolicy",
        media_name(fleet),
        labels=child_labels(fleet, Tier.MEDIA),
        spec=policy_spec(
            tier_selector(fleet, Tier.MEDIA),
            ingress=[
                {"ports": [*tcp("signal", "media-tcp"), *udp("media-udp")]},
                {"from": [any_pod()], "ports": tcp("metrics")},
            ],
            # A caller's UDP port is any port; its TCP connections are opened by the caller.
            egress=[to_dns(), _to_redis(fleet), {"ports": [{"protocol": "UDP"}]}],
        ),
    )


def _to_redis(fleet: Fleet) -> Manifest:
    ports = tcp(redis_port(fleet))
    if fleet.spec.media.redis.mode is RedisMode.EXTERNAL:
        # The author names the address; the metadata service must not be one of them. Pods are
        # named apart, because some network plugins do not count them to any address block.
        return {"to": [any_pod(), *to_outside()["to"]], "ports": ports}
    return {"to": [pods_with(tier_selector(fleet, Tier.REDIS))], "ports": ports}
