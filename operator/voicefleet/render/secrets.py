"""The frame of generated Secrets. Their contents never pass through here or through a plan."""

from voicefleet.api.media import RedisMode
from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Tier
from voicefleet.model.plan import SecretPurpose
from voicefleet.render.labels import child_labels
from voicefleet.render.names import secret_name
from voicefleet.render.objects import build_child

TIERS = {
    SecretPurpose.MEDIA_KEYS: Tier.MEDIA,
    SecretPurpose.WORKER_TOKEN: Tier.AGENTS,
    SecretPurpose.REDIS: Tier.REDIS,
}
"""Which tier a Secret is labelled with: the one that could not start without it."""


def secret_purposes(fleet: Fleet) -> tuple[SecretPurpose, ...]:
    """Return what the fleet needs generated Secrets for."""
    if fleet.spec.media.redis.mode is RedisMode.EXTERNAL:
        return (SecretPurpose.MEDIA_KEYS, SecretPurpose.WORKER_TOKEN)
    return (SecretPurpose.MEDIA_KEYS, SecretPurpose.WORKER_TOKEN, SecretPurpose.REDIS)


def secret_key(fleet: Fleet, purpose: SecretPurpose) -> ObjectKey:
    """Return the address of a generated Secret."""
    return ObjectKey("Secret", fleet.namespace, secret_name(fleet, purpose))


def render_secret(fleet: Fleet, purpose: SecretPurpose) -> Manifest:
    """Return a Secret without contents.

    Immutable, because its contents follow from the fleet's UID: whoever wants others makes
    a Secret of their own and refers to it.
    """
    return build_child(
        fleet,
        "Secret",
        secret_name(fleet, purpose),
        labels=child_labels(fleet, TIERS[purpose]),
        type="Opaque",
        immutable=True,
    )
