"""One media server: a ReplicaSet of one, so that it heals without us and we choose who goes.

With `HostNetwork` this is the one place in the operator that leaves Pod Security
`restricted`: media servers then use their node's addresses, one server on each node.
"""

from voicefleet.api.labels import SAFE_TO_EVICT
from voicefleet.api.media import SERVER_METRICS_PORT, MediaRedis, NetworkMode, RedisMode
from voicefleet.api.voicefleet import SpotUse
from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.grace import media_grace_seconds
from voicefleet.model.observed import Tier
from voicefleet.model.plan import SecretPurpose
from voicefleet.render.labels import child_labels, server_selector, tier_selector
from voicefleet.render.livekit_config import render_livekit_config
from voicefleet.render.making import build_workload
from voicefleet.render.names import media_config_name, media_replicaset_name, secret_name
from voicefleet.render.once import rendered_once
from voicefleet.render.placement import place
from voicefleet.render.pods import (
    container_port,
    env_field,
    env_secret,
    harden_container,
    harden_pod,
    http_probe,
    scratch_mount,
    scratch_volume,
    tcp_probe,
)
from voicefleet.render.revisions import NO_REVISION, revision_of
from voicefleet.render.words import media_words

CONFIG_FILE = "livekit.yaml"
CONFIG_FOLDER = "/etc/livekit"
NO_SERVER = 0
"""Stands in the template while its revision is being computed; servers count from 1."""


@rendered_once
def media_revision(fleet: Fleet) -> str:
    """Return the revision that new media servers of this fleet belong to."""
    template = _template(fleet, NO_SERVER, NO_REVISION)
    return revision_of(template, render_livekit_config(fleet))


@rendered_once
def render_media_replicaset(fleet: Fleet, server: int) -> Manifest:
    """Return the ReplicaSet of one server in the newest revision, without `spec.replicas`."""
    revision = media_revision(fleet)
    return build_workload(
        fleet,
        "ReplicaSet",
        media_replicaset_name(fleet, server),
        labels=child_labels(fleet, Tier.MEDIA, revision=revision, server=str(server)),
        words=media_words(fleet),
        file=render_livekit_config(fleet),
        spec={
            "selector": {"matchLabels": server_selector(fleet, server)},
            "template": _template(fleet, server, revision),
        },
    )


def _template(fleet: Fleet, server: int, revision: str) -> Manifest:
    media = fleet.spec.media
    labels = child_labels(fleet, Tier.MEDIA, revision=revision, server=str(server))
    grace = media_grace_seconds(fleet.spec.agents.max_session_seconds)
    return {
        # A cluster autoscaler waits at most ten minutes for a pod, a call lasts longer.
        "metadata": {"labels": labels, "annotations": {SAFE_TO_EVICT: "false"}},
        "spec": {
            **harden_pod(),
            **place(media, SpotUse.NEVER, spread_over=tier_selector(fleet, Tier.MEDIA)),
            **_network(fleet),
            "terminationGracePeriodSeconds": grace,
            "containers": [_container(fleet)],
            "volumes": [
                scratch_volume(),
                {"name": "config", "configMap": {"name": media_config_name(fleet, revision)}},
            ],
        },
    }


def _network(fleet: Fleet) -> Manifest:
    if fleet.spec.media.network.mode is NetworkMode.POD_NETWORK:
        return {}
    # ClusterFirst is ignored for a pod in its node's network; without the longer word the
    # server would not find the Service of its Redis.
    return {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}


def _container(fleet: Fleet) -> Manifest:
    media = fleet.spec.media
    return {
        "name": "livekit",
        "image": fleet.platform.images.livekit_server,
        "args": ["--config", f"{CONFIG_FOLDER}/{CONFIG_FILE}"],
        "env": _environment(fleet),
        "ports": [
            container_port("signal", media.network.signal_port),
            container_port("media-tcp", media.network.tcp_port),
            container_port("media-udp", media.network.udp_port, "UDP"),
            container_port("metrics", SERVER_METRICS_PORT),
        ],
        # `/` fails while Redis is away. As readiness it only stops new callers; as liveness
        # it would restart every server of the fleet at once, with all their calls. No
        # preStop hook either: a second signal makes the server drop its calls.
        "readinessProbe": http_probe("/", "signal", every=5, failures=3),
        "startupProbe": tcp_probe("signal", every=2, failures=60),
        "livenessProbe": tcp_probe("signal", every=10, failures=6),
        "resources": media.resources.to_pod_resources(),
        "securityContext": harden_container(),
        "volumeMounts": [
            scratch_mount(),
            {"name": "config", "mountPath": CONFIG_FOLDER, "readOnly": True},
        ],
    }


def _environment(fleet: Fleet) -> list[Manifest]:
    media = fleet.spec.media
    is_host = media.network.mode is NetworkMode.HOST_NETWORK
    return [
        env_secret("LIVEKIT_KEYS", secret_name(fleet, SecretPurpose.MEDIA_KEYS), "LIVEKIT_KEYS"),
        env_field("NODE_IP", "status.hostIP" if is_host else "status.podIP"),
        *_redis_password(fleet, media.redis),
    ]


def _redis_password(fleet: Fleet, redis: MediaRedis) -> list[Manifest]:
    if redis.mode is RedisMode.EMBEDDED:
        return [env_secret("REDIS_PASSWORD", secret_name(fleet, SecretPurpose.REDIS), "password")]
    if redis.secret_ref is None:
        return []
    return [env_secret("REDIS_PASSWORD", redis.secret_ref.name, "password")]
