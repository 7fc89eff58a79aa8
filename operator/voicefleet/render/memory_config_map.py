"""What a fleet's deciding has to remember across restarts, as an object of its own.

Its content is the operator's own note to itself: nothing is planned for it, and nobody's change
of it is repaired. Called by `shell/remembering`.
"""

from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Tier
from voicefleet.render.labels import child_labels
from voicefleet.render.names import memory_name
from voicefleet.render.objects import build_child

MEMORY_FILE = "memory.json"
"""The only key in it."""


def render_memory_config_map(fleet: Fleet, text: str) -> Manifest:
    """Return the ConfigMap that holds this text."""
    return build_child(
        fleet,
        "ConfigMap",
        memory_name(fleet),
        labels=child_labels(fleet, Tier.AGENTS),
        data={MEMORY_FILE: text},
    )
