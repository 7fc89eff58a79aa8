"""One speech pool: ordinary HTTP servers, so an ordinary Deployment.

A request ends within a turn, so pods may be replaced while calls go on, provided that each
new one has its model in memory before an old one goes.
"""

from voicefleet.api.voicefleet import SpeechSpec, SpotUse
from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.grace import SPEECH_GRACE_SECONDS
from voicefleet.model.observed import Tier
from voicefleet.render.labels import child_labels, pool_selector
from voicefleet.render.making import build_workload
from voicefleet.render.names import speech_name
from voicefleet.render.once import rendered_once
from voicefleet.render.placement import place
from voicefleet.render.pods import (
    container_port,
    env_from_secrets,
    env_value,
    harden_container,
    harden_pod,
    http_probe,
    pull_secrets,
    scratch_mount,
    scratch_volume,
    tcp_probe,
)
from voicefleet.render.revisions import NO_REVISION, revision_of
from voicefleet.render.words import speech_words

LOAD_SECONDS_MAX = 1800
"""Time for a model to be fetched and loaded; large ones take more than ten minutes."""
PROBE_SECONDS = 10
ROLLOUT_SECONDS_MAX = LOAD_SECONDS_MAX + 300
"""After this a rollout that makes no progress is called stuck; scheduling gets 300 s."""
LEAVE_SECONDS = 5
"""Pause before SIGTERM, until every node has taken the pod out of its Service."""


@rendered_once
def speech_revision(fleet: Fleet, pool: SpeechSpec) -> str:
    """Return the revision of a pool's newest template."""
    return revision_of(_template(fleet, pool, NO_REVISION))


@rendered_once
def render_speech_deployment(fleet: Fleet, pool: SpeechSpec) -> Manifest:
    """Return the pool's Deployment, without `spec.replicas`."""
    revision = speech_revision(fleet, pool)
    return build_workload(
        fleet,
        "Deployment",
        speech_name(fleet, pool.name),
        labels=child_labels(fleet, Tier.SPEECH, revision=revision, pool=pool.name),
        words=speech_words(fleet, pool),
        spec={
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
            },
            "progressDeadlineSeconds": ROLLOUT_SECONDS_MAX,
            "selector": {"matchLabels": pool_selector(fleet, pool.name)},
            "template": _template(fleet, pool, revision),
        },
    )


def _template(fleet: Fleet, pool: SpeechSpec, revision: str) -> Manifest:
    labels = child_labels(fleet, Tier.SPEECH, revision=revision, pool=pool.name)
    return {
        "metadata": {"labels": labels},
        "spec": {
            **harden_pod(),
            **place(pool, SpotUse.NEVER, spread_over=pool_selector(fleet, pool.name)),
            **pull_secrets(pool.image_pull_secret_refs),
            "terminationGracePeriodSeconds": SPEECH_GRACE_SECONDS,
            "containers": [_container(fleet, pool)],
            "volumes": [scratch_volume()],
        },
    }


def _container(fleet: Fleet, pool: SpeechSpec) -> Manifest:
    return {
        "name": "server",
        "image": pool.image,
        "env": [
            env_value("VOICEFLEET_FLEET", fleet.name),
            env_value("VOICEFLEET_POOL", pool.name),
            env_value("VOICEFLEET_PORT", pool.port),
            env_value("VOICEFLEET_STAGE", pool.stage.value),
            env_value("VOICEFLEET_STREAMS_PER_REPLICA", pool.streams_per_replica),
        ],
        **env_from_secrets(pool.env_from_secret_refs),
        "ports": [container_port("http", pool.port)],
        "readinessProbe": http_probe("/health", "http", every=5, failures=3),
        "startupProbe": http_probe(
            "/health", "http", every=PROBE_SECONDS, failures=LOAD_SECONDS_MAX // PROBE_SECONDS
        ),
        "livenessProbe": tcp_probe("http", every=10, failures=6),
        "lifecycle": {"preStop": {"sleep": {"seconds": LEAVE_SECONDS}}},
        "resources": pool.pod_resources.to_pod_resources(),
        "securityContext": harden_container(),
        "volumeMounts": [scratch_mount()],
    }
