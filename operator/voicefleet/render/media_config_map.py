"""livekit.yaml of one revision, as an object of its own.

One ConfigMap for each revision and not one for all: a server of an older revision that is
restarted must find the file it was made with.
"""

from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Tier
from voicefleet.render.labels import child_labels
from voicefleet.render.livekit_config import render_livekit_config
from voicefleet.render.making import read_making
from voicefleet.render.media_replicaset import CONFIG_FILE, media_revision
from voicefleet.render.names import media_config_name
from voicefleet.render.objects import build_child
from voicefleet.render.once import rendered_once


@rendered_once
def render_media_config_map(fleet: Fleet) -> Manifest:
    """Return the ConfigMap of the newest media revision. Its name is its content."""
    return _config_map(fleet, media_revision(fleet), render_livekit_config(fleet))


def keep_media_config_map(fleet: Fleet, server: Manifest) -> Manifest:
    """Return the ConfigMap of a server that stays as an earlier operator made it."""
    making = read_making(server)
    if making is None:
        return render_media_config_map(fleet)
    return _config_map(fleet, making.revision, making.file)


@rendered_once
def _config_map(fleet: Fleet, revision: str, text: str) -> Manifest:
    return build_child(
        fleet,
        "ConfigMap",
        media_config_name(fleet, revision),
        labels=child_labels(fleet, Tier.MEDIA, revision=revision),
        immutable=True,
        data={CONFIG_FILE: text},
    )
