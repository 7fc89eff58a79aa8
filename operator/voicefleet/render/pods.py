"""The pieces that pods of every tier share: hardening, containers, probes, environment.

Every pod satisfies Pod Security `restricted`. The only exception in the whole operator is
`hostNetwork` of a media server, set in `media_replicaset.py`.
"""

from collections.abc import Iterable

from voicefleet.api.base import SecretReference
from voicefleet.manifests import Manifest

RUN_AS_USER = 10001
"""A number, because the kubelet cannot tell from an image's user *name* that it is not
root. This one is the user that LiveKit's own example images create."""
SCRATCH = "tmp"


def harden_pod(*, file_group: int | None = None) -> Manifest:
    """Return the pod fields of Pod Security `restricted`, and no token of the API server.

    `file_group` lets the process read Secret files that others may not.
    """
    context: Manifest = {
        "runAsNonRoot": True,
        "runAsUser": RUN_AS_USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if file_group is not None:
        context["fsGroup"] = file_group
    return {
        "automountServiceAccountToken": False,
        # Otherwise every Service of the namespace becomes environment variables, and one
        # called "redis" would set REDIS_PORT to a URL.
        "enableServiceLinks": False,
        "securityContext": context,
    }


def harden_container() -> Manifest:
    """Return a container's `securityContext`: no capability, a read-only image."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def scratch_volume() -> Manifest:
    """Return the volume behind /tmp, the one place where a container may write."""
    return {"name": SCRATCH, "emptyDir": {}}


def scratch_mount() -> Manifest:
    """Return where the scratch volume is seen."""
    return {"name": SCRATCH, "mountPath": "/tmp"}  # noqa: S108 - a path inside the container


def env_value(name: str, value: object) -> Manifest:
    """Return an environment variable with a plain value."""
    return {"name": name, "value": str(value)}


def env_secret(name: str, secret: str, key: str) -> Manifest:
    """Return an environment variable that the kubelet fills from a Secret."""
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def env_field(name: str, path: str) -> Manifest:
    """Return an environment variable that the kubelet fills from the pod itself."""
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def env_from_secrets(references: Iterable[SecretReference]) -> Manifest:
    """Return the container field that turns whole Secrets into variables, if there are any."""
    sources = [{"secretRef": {"name": reference.name}} for reference in references]
    return {"envFrom": sources} if sources else {}


def pull_secrets(references: Iterable[SecretReference]) -> Manifest:
    """Return the pod field with registry credentials, if there are any."""
    names = [{"name": reference.name} for reference in references]
    return {"imagePullSecrets": names} if names else {}


def container_port(name: str, port: int, protocol: str = "TCP") -> Manifest:
    """Return a named port, so that probes and Services need not repeat the number."""
    return {"name": name, "containerPort": port, "protocol": protocol}


def http_probe(path: str, port: str, *, every: int, failures: int, timeout: int = 5) -> Manifest:
    """Return a probe that asks over HTTP every so many seconds."""
    action = {"httpGet": {"path": path, "port": port}}
    return {**action, **_rhythm(every, failures, timeout)}


def tcp_probe(port: str, *, every: int, failures: int, timeout: int = 5) -> Manifest:
    """Return a probe that only opens a connection: it asks nothing behind the process."""
    return {"tcpSocket": {"port": port}, **_rhythm(every, failures, timeout)}


def command_probe(*command: str, every: int, failures: int, timeout: int = 5) -> Manifest:
    """Return a probe that runs a command inside the container."""
    return {"exec": {"command": list(command)}, **_rhythm(every, failures, timeout)}


def _rhythm(every: int, failures: int, timeout: int) -> Manifest:
    return {"periodSeconds": every, "failureThreshold": failures, "timeoutSeconds": timeout}
