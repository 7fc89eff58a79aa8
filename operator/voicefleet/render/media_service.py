"""The one address of all media servers, for workers and for what the author puts in front."""

from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Tier
from voicefleet.render.labels import child_labels, tier_selector
from voicefleet.render.names import media_name
from voicefleet.render.objects import build_child
from voicefleet.render.once import rendered_once

SERVICE_PORT = 7880
"""Stays the same whatever port the servers listen on, so workers need not be replaced."""


@rendered_once
def render_media_service(fleet: Fleet) -> Manifest:
    """Return the Service for signalling. Audio goes to each server's own address."""
    return build_child(
        fleet,
        "Service",
        media_name(fleet),
        labels=child_labels(fleet, Tier.MEDIA),
        spec={
            "selector": tier_selector(fleet, Tier.MEDIA),
            "ports": [
                {
                    "name": "signal",
                    "port": SERVICE_PORT,
                    "targetPort": "signal",
                    "protocol": "TCP",
                }
            ],
        },
    )


def media_url(fleet: Fleet) -> str:
    """Return where workers of the fleet register."""
    return f"ws://{media_name(fleet)}:{SERVICE_PORT}"
