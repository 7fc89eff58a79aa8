"""The fleet's own Redis: one pod that is restarted in place, never two at once.

Its `replicas` is part of the template, as in no other workload: there is exactly one, for
ever, and nobody scales it.
"""

from voicefleet.api.labels import SAFE_TO_EVICT
from voicefleet.api.pods import PodSettings
from voicefleet.api.voicefleet import SpotUse
from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.grace import REDIS_GRACE_SECONDS
from voicefleet.model.observed import Tier
from voicefleet.model.plan import SecretPurpose
from voicefleet.render.labels import child_labels, tier_selector
from voicefleet.render.making import build_workload
from voicefleet.render.names import redis_name, secret_name
from voicefleet.render.once import rendered_once
from voicefleet.render.placement import place
from voicefleet.render.pods import (
    RUN_AS_USER,
    command_probe,
    container_port,
    env_secret,
    harden_container,
    harden_pod,
    scratch_mount,
    scratch_volume,
    tcp_probe,
)
from voicefleet.render.redis_config_map import (
    CONFIG_FILE,
    DATA_FOLDER,
    PASSWORD_FILE,
    PASSWORD_FOLDER,
    render_redis_config,
)
from voicefleet.render.redis_service import REDIS_PORT
from voicefleet.render.revisions import NO_REVISION, revision_of
from voicefleet.render.words import redis_words

CONFIG_FOLDER = "/etc/redis"
MODE_OWNER_AND_GROUP = 0o440
"""Readable by the process through its file group, by nobody else."""
RESOURCES = {
    "requests": {"cpu": "50m", "memory": "64Mi"},
    "limits": {"memory": "256Mi"},
}
"""A room costs a few kilobytes here, so 64 MiB hold tens of thousands of them."""


@rendered_once
def render_redis_deployment(fleet: Fleet) -> Manifest:
    """Return the embedded Redis."""
    revision = revision_of(_template(fleet, NO_REVISION), render_redis_config())
    return build_workload(
        fleet,
        "Deployment",
        redis_name(fleet),
        labels=child_labels(fleet, Tier.REDIS, revision=revision),
        words=redis_words(fleet),
        file=render_redis_config(),
        spec={
            "replicas": 1,
            # Two at once would be two truths about which server holds a room.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": tier_selector(fleet, Tier.REDIS)},
            "template": _template(fleet, revision),
        },
    )


def _template(fleet: Fleet, revision: str) -> Manifest:
    secret = secret_name(fleet, SecretPurpose.REDIS)
    password_file = {"key": PASSWORD_FILE, "path": PASSWORD_FILE}
    return {
        "metadata": {
            "labels": child_labels(fleet, Tier.REDIS, revision=revision),
            "annotations": {SAFE_TO_EVICT: "false"},
        },
        "spec": {
            **harden_pod(file_group=RUN_AS_USER),
            **place(PodSettings(), SpotUse.NEVER, spread_over=tier_selector(fleet, Tier.REDIS)),
            "terminationGracePeriodSeconds": REDIS_GRACE_SECONDS,
            "containers": [_container(fleet)],
            "volumes": [
                scratch_volume(),
                {"name": "data", "emptyDir": {}},
                {"name": "config", "configMap": {"name": redis_name(fleet)}},
                {
                    "name": "auth",
                    "secret": {
                        "secretName": secret,
                        "defaultMode": MODE_OWNER_AND_GROUP,
                        "items": [password_file],
                    },
                },
            ],
        },
    }


def _container(fleet: Fleet) -> Manifest:
    secret = secret_name(fleet, SecretPurpose.REDIS)
    return {
        "name": "redis",
        "image": fleet.platform.images.redis,
        "command": ["redis-server", f"{CONFIG_FOLDER}/{CONFIG_FILE}"],
        # Where redis-cli, in the probe and in a person's shell, takes the password from.
        "env": [env_secret("REDISCLI_AUTH", secret, "password")],
        "ports": [container_port("redis", REDIS_PORT)],
        # `-e` turns an error answer, such as LOADING, into a failed command.
        "readinessProbe": command_probe("redis-cli", "-e", "ping", every=5, failures=3),
        "startupProbe": tcp_probe("redis", every=2, failures=60),
        "livenessProbe": tcp_probe("redis", every=10, failures=6),
        "resources": RESOURCES,
        "securityContext": harden_container(),
        "volumeMounts": [
            scratch_mount(),
            {"name": "data", "mountPath": DATA_FOLDER},
            {"name": "config", "mountPath": CONFIG_FOLDER, "readOnly": True},
            {"name": "auth", "mountPath": PASSWORD_FOLDER, "readOnly": True},
        ],
    }
