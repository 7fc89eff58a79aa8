"""The address of the fleet's Redis, its own or the author's."""

from voicefleet.api.media import RedisMode
from voicefleet.errors import SpecError
from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Tier
from voicefleet.render.labels import child_labels, tier_selector
from voicefleet.render.names import redis_name
from voicefleet.render.objects import build_child
from voicefleet.render.once import rendered_once

REDIS_PORT = 6379


@rendered_once
def render_redis_service(fleet: Fleet) -> Manifest:
    """Return the Service in front of the embedded Redis."""
    return build_child(
        fleet,
        "Service",
        redis_name(fleet),
        labels=child_labels(fleet, Tier.REDIS),
        spec={
            "selector": tier_selector(fleet, Tier.REDIS),
            "ports": [
                {"name": "redis", "port": REDIS_PORT, "targetPort": "redis", "protocol": "TCP"}
            ],
        },
    )


def redis_address(fleet: Fleet) -> str:
    """Return host:port of the Redis through which media servers know each other.

    Raises:
        SpecError: The author wants an external Redis and does not say where it is.
    """
    redis = fleet.spec.media.redis
    if redis.mode is RedisMode.EMBEDDED:
        return f"{redis_name(fleet)}:{REDIS_PORT}"
    if redis.address is None:
        raise SpecError(
            f"VoiceFleet {fleet}: `spec.media.redis.address` is missing with `mode: External`; "
            "add host:port of your Redis, or use `mode: Embedded`"
        )
    return redis.address


def redis_port(fleet: Fleet) -> int:
    """Return the port that media servers need to reach for Redis."""
    return int(redis_address(fleet).rpartition(":")[2])
