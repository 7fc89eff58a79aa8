"""Kubeconfig files: who logs in, and by which proof. Pure text; written by `cluster`."""

import base64
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Login:
    """Where to log in, and the authority to trust there."""

    server: str
    authority: bytes
    user: str


def render_certificate_login(login: Login, *, certificate: bytes, key: bytes) -> str:
    """Return a kubeconfig that proves its user by a certificate."""
    proof = {
        "client-certificate-data": _encode(certificate),
        "client-key-data": _encode(key),
    }
    return _render(login, proof, namespace="default")


def render_token_login(login: Login, *, token: str, namespace: str) -> str:
    """Return a kubeconfig that proves its user by a bearer token."""
    return _render(login, {"token": token}, namespace=namespace)


def _render(login: Login, proof: dict[str, str], *, namespace: str) -> str:
    cluster = {
        "server": login.server,
        "certificate-authority-data": _encode(login.authority),
    }
    context = {"cluster": "voicefleet", "user": login.user, "namespace": namespace}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "voicefleet", "cluster": cluster}],
        "users": [{"name": login.user, "user": proof}],
        "contexts": [{"name": "voicefleet", "context": context}],
        "current-context": "voicefleet",
    }
    return json.dumps(document, indent=2) + "\n"


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()
