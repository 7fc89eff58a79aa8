"""The identity of the workers: an account of their own, with no right in the cluster."""

from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Tier
from voicefleet.render.labels import child_labels
from voicefleet.render.names import agents_name
from voicefleet.render.objects import build_child
from voicefleet.render.once import rendered_once


@rendered_once
def render_agents_service_account(fleet: Fleet) -> Manifest:
    """Return the account for a fleet whose author names none."""
    return build_child(
        fleet,
        "ServiceAccount",
        agents_name(fleet),
        labels=child_labels(fleet, Tier.AGENTS),
        automountServiceAccountToken=False,
    )
