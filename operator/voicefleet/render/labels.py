"""The labels of every child and pod, and the selectors that find pods by them."""

from voicefleet.api.labels import COMPONENT, FLEET, MANAGED_BY, POOL, REVISION, SERVER, TIER
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Tier
from voicefleet.render.names import fleet_label

Labels = dict[str, str]


def child_labels(fleet: Fleet, tier: Tier, **more: str) -> Labels:
    """Return the labels that every object of a tier carries.

    Keyword arguments are `revision`, `pool` and `server`, where the object has them.
    """
    return {
        "app.kubernetes.io/name": MANAGED_BY,
        "app.kubernetes.io/instance": fleet_label(fleet),
        COMPONENT: tier.value,
        "app.kubernetes.io/managed-by": MANAGED_BY,
        **tier_selector(fleet, tier),
        **{OPTIONAL_LABELS[word]: value for word, value in more.items()},
    }


OPTIONAL_LABELS = {"revision": REVISION, "pool": POOL, "server": SERVER}
"""The label key of each word that only some objects have."""


def tier_selector(fleet: Fleet, tier: Tier) -> Labels:
    """Return what selects all pods of one tier of one fleet."""
    return {FLEET: fleet_label(fleet), TIER: tier.value}


def agents_selector(fleet: Fleet, revision: str) -> Labels:
    """Return what selects the workers of one revision."""
    return {**tier_selector(fleet, Tier.AGENTS), REVISION: revision}


def server_selector(fleet: Fleet, server: int) -> Labels:
    """Return what selects the pod of one media server, whatever its revision."""
    return {**tier_selector(fleet, Tier.MEDIA), SERVER: str(server)}


def pool_selector(fleet: Fleet, pool: str) -> Labels:
    """Return what selects the pods of one speech pool."""
    return {**tier_selector(fleet, Tier.SPEECH), POOL: pool}
