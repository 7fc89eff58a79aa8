"""The workers of one revision: a ReplicaSet, because it never replaces a pod by itself.

A Deployment would terminate busy pods seconds after a template edit. Here a new template is
a new ReplicaSet, and workers of the old one leave one by one when they are empty.
"""

from voicefleet.api.voicefleet import SpotUse
from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.grace import agents_grace_seconds
from voicefleet.model.observed import Tier
from voicefleet.model.plan import SecretPurpose
from voicefleet.render.labels import agents_selector, child_labels, tier_selector
from voicefleet.render.making import build_workload
from voicefleet.render.media_service import media_url
from voicefleet.render.names import (
    agents_replicaset_name,
    agents_service_account_name,
    secret_name,
)
from voicefleet.render.once import rendered_once
from voicefleet.render.placement import place
from voicefleet.render.pods import (
    container_port,
    env_from_secrets,
    env_secret,
    env_value,
    harden_container,
    harden_pod,
    http_probe,
    pull_secrets,
    scratch_mount,
    scratch_volume,
)
from voicefleet.render.revisions import NO_REVISION, revision_of
from voicefleet.render.words import agents_words

STATE_PORT = 8081
"""Where a worker answers the operator, the kubelet and Prometheus."""


@rendered_once
def agents_revision(fleet: Fleet) -> str:
    """Return the revision that new workers of this fleet belong to."""
    return revision_of(_template(fleet, NO_REVISION))


@rendered_once
def render_agents_replicaset(fleet: Fleet) -> Manifest:
    """Return the ReplicaSet of the newest revision, without `spec.replicas`."""
    revision = agents_revision(fleet)
    return build_workload(
        fleet,
        "ReplicaSet",
        agents_replicaset_name(fleet, revision),
        labels=child_labels(fleet, Tier.AGENTS, revision=revision),
        words=agents_words(fleet),
        spec={
            "selector": {"matchLabels": agents_selector(fleet, revision)},
            "template": _template(fleet, revision),
        },
    )


def _template(fleet: Fleet, revision: str) -> Manifest:
    agents = fleet.spec.agents
    return {
        "metadata": {"labels": child_labels(fleet, Tier.AGENTS, revision=revision)},
        "spec": {
            **harden_pod(),
            **place(agents, SpotUse.NEVER, spread_over=tier_selector(fleet, Tier.AGENTS)),
            **pull_secrets(agents.image_pull_secret_refs),
            "serviceAccountName": agents_service_account_name(fleet),
            "terminationGracePeriodSeconds": agents_grace_seconds(agents.max_session_seconds),
            "containers": [_container(fleet, revision)],
            "volumes": [scratch_volume()],
        },
    }


def _container(fleet: Fleet, revision: str) -> Manifest:
    agents = fleet.spec.agents
    return {
        "name": "worker",
        "image": agents.image,
        "env": _environment(fleet, revision),
        **env_from_secrets(agents.env_from_secret_refs),
        "ports": [container_port("state", STATE_PORT)],
        # Registered once and then for ever: a worker that is full or leaving stays Ready,
        # because a ReplicaSet removes pods that are not Ready before all others.
        "readinessProbe": http_probe("/readyz", "state", every=5, failures=12),
        "startupProbe": http_probe("/healthz", "state", every=5, failures=60),
        # Five minutes of silence: a restart ends every call in the pod, while a call lives
        # in a process of its own and survives a worker that is merely slow.
        "livenessProbe": http_probe("/healthz", "state", every=10, failures=30),
        "resources": agents.resources.to_pod_resources(),
        "securityContext": harden_container(),
        "volumeMounts": [scratch_mount()],
    }


def _environment(fleet: Fleet, revision: str) -> list[Manifest]:
    agents = fleet.spec.agents
    keys = secret_name(fleet, SecretPurpose.MEDIA_KEYS)
    # No LIVEKIT_AGENT_DEPLOYMENT: a server gives a worker with a deployment only the calls
    # that ask for exactly that one, and callers' tokens do not know our revisions.
    return [
        env_value("LIVEKIT_URL", media_url(fleet)),
        env_secret("LIVEKIT_API_KEY", keys, "LIVEKIT_API_KEY"),
        env_secret("LIVEKIT_API_SECRET", keys, "LIVEKIT_API_SECRET"),
        env_value("LIVEKIT_AGENT_NAME", agents.agent_name),
        env_value("VOICEFLEET_FLEET", fleet.name),
        env_value("VOICEFLEET_REVISION", revision),
        env_value("VOICEFLEET_BACKEND", "selfHosted"),
        env_value("VOICEFLEET_SESSIONS_PER_WORKER", agents.sessions_per_worker),
        env_value("VOICEFLEET_MAX_SESSION_SECONDS", agents.max_session_seconds),
        env_secret(
            "VOICEFLEET_WORKER_TOKEN", secret_name(fleet, SecretPurpose.WORKER_TOKEN), "token"
        ),
    ]
