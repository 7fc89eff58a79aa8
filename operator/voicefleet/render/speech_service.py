"""The address of one speech pool."""

from voicefleet.api.voicefleet import SpeechSpec
from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Tier
from voicefleet.render.labels import child_labels, pool_selector
from voicefleet.render.names import speech_name
from voicefleet.render.objects import build_child
from voicefleet.render.once import rendered_once


@rendered_once
def render_speech_service(fleet: Fleet, pool: SpeechSpec) -> Manifest:
    """Return the pool's Service, on the port that its servers listen on."""
    return build_child(
        fleet,
        "Service",
        speech_name(fleet, pool.name),
        labels=child_labels(fleet, Tier.SPEECH, pool=pool.name),
        spec={
            "selector": pool_selector(fleet, pool.name),
            "ports": [{"name": "http", "port": pool.port, "targetPort": "http", "protocol": "TCP"}],
        },
    )
