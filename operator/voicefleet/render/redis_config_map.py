"""redis.conf of the embedded Redis."""

from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Tier
from voicefleet.render.labels import child_labels
from voicefleet.render.names import redis_name
from voicefleet.render.objects import build_child
from voicefleet.render.once import rendered_once
from voicefleet.render.redis_service import REDIS_PORT

CONFIG_FILE = "redis.conf"
DATA_FOLDER = "/data"
PASSWORD_FOLDER = "/etc/redis-auth"  # noqa: S105 - a folder, not a password
PASSWORD_FILE = "auth.conf"  # noqa: S105 - a file name, not a password


@rendered_once
def render_redis_config_map(fleet: Fleet, text: str) -> Manifest:
    """Return the ConfigMap that Redis starts with; the text is the one its pod was made for."""
    return build_child(
        fleet,
        "ConfigMap",
        redis_name(fleet),
        labels=child_labels(fleet, Tier.REDIS),
        data={CONFIG_FILE: text},
    )


def render_redis_config() -> str:
    """Return redis.conf. The password stands in a file of the Secret that it includes.

    The append-only log lives as long as the pod: a restarted container finds every room
    again, and only a lost node makes media servers register anew. Redis never evicts a
    key, because every key is a room that somebody is in.
    """
    return f"""\
port {REDIS_PORT}
bind * -::*
protected-mode yes
include {PASSWORD_FOLDER}/{PASSWORD_FILE}
dir {DATA_FOLDER}
save ""
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
"""
