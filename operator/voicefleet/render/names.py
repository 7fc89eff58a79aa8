"""What every child is called. Nobody else in the operator puts a name together.

All names fit into 63 characters and hold no dot, because the same word becomes a Service
(a DNS label) and a label value. A fleet's name that is too long for that is cut and gets 8
hex digits of a hash, so two long names that begin alike still differ.
"""

import hashlib

from voicefleet.model.fleet import Fleet
from voicefleet.model.plan import SecretPurpose

NAME_MAX = 63
"""Longest DNS label (RFC 1035) and longest label value."""
HASH_LENGTH = 8


def fit(prefix: str, suffix: str) -> str:
    """Join a fleet's name and a fixed ending into one DNS label.

    A name that fits stays as it is: `fit("interviews", "-media")` is `interviews-media`.
    """
    label = prefix.replace(".", "-")
    if label == prefix and len(prefix) + len(suffix) <= NAME_MAX:
        return prefix + suffix
    digest = hashlib.sha256(prefix.encode()).hexdigest()[:HASH_LENGTH]
    room = NAME_MAX - len(suffix) - HASH_LENGTH - 1
    return f"{label[:room].rstrip('-')}-{digest}{suffix}"


def fleet_label(fleet: Fleet) -> str:
    """Return the value of the label that all children of the fleet share."""
    return fit(fleet.name, "")


def agents_replicaset_name(fleet: Fleet, revision: str) -> str:
    """Return the name of the workers' ReplicaSet of one revision."""
    return fit(fleet.name, f"-agents-{revision}")


def agents_name(fleet: Fleet) -> str:
    """Return the name of the workers' ServiceAccount and NetworkPolicy."""
    return fit(fleet.name, "-agents")


def agents_service_account_name(fleet: Fleet) -> str:
    """Return the account that workers run as: the author's choice, else the fleet's own."""
    return fleet.spec.agents.service_account_name or agents_name(fleet)


def agents_disruption_budget_name(fleet: Fleet) -> str:
    """Return the name of the budget that guards busy workers."""
    return fit(fleet.name, "-agents-busy")


def media_replicaset_name(fleet: Fleet, server: int) -> str:
    """Return the name of one media server's ReplicaSet."""
    return fit(fleet.name, f"-media-{server}")


def media_config_name(fleet: Fleet, revision: str) -> str:
    """Return the name of the ConfigMap that holds one revision's livekit.yaml."""
    return fit(fleet.name, f"-media-config-{revision}")


def media_name(fleet: Fleet) -> str:
    """Return the name of the media Service and NetworkPolicy."""
    return fit(fleet.name, "-media")


def redis_name(fleet: Fleet) -> str:
    """Return the name of everything that belongs to the fleet's own Redis."""
    return fit(fleet.name, "-redis")


def speech_name(fleet: Fleet, pool: str) -> str:
    """Return the name of a speech pool's Deployment and Service."""
    return fit(fleet.name, f"-speech-{pool}")


def speech_policy_name(fleet: Fleet) -> str:
    """Return the name of the NetworkPolicy over all speech pools."""
    return fit(fleet.name, "-speech")


def evaluation_name(fleet: Fleet) -> str:
    """Return the name of the evaluators' Deployment and NetworkPolicy."""
    return fit(fleet.name, "-evaluation")


def memory_name(fleet: Fleet) -> str:
    """Return the name of the ConfigMap that holds what the fleet's deciding remembers."""
    return fit(fleet.name, "-memory")


def secret_name(fleet: Fleet, purpose: SecretPurpose) -> str:
    """Return the name of a generated Secret; its ending differs for every fleet ever made."""
    return fit(fleet.name, f"-{purpose}-{fleet.secret_suffix}")
