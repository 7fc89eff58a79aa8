"""A small synchronous client of the API server, for arranging and looking in tests."""

import base64
import ssl
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import yaml

PATHS = {
    "VoiceFleet": "/apis/voicefleet.dev/v1alpha1/namespaces/{namespace}/voicefleets",
    "SurgePlan": "/apis/voicefleet.dev/v1alpha1/namespaces/{namespace}/surgeplans",
    "ReplicaSet": "/apis/apps/v1/namespaces/{namespace}/replicasets",
    "Deployment": "/apis/apps/v1/namespaces/{namespace}/deployments",
    "Service": "/api/v1/namespaces/{namespace}/services",
    "ConfigMap": "/api/v1/namespaces/{namespace}/configmaps",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "Secret": "/api/v1/namespaces/{namespace}/secrets",
    "Pod": "/api/v1/namespaces/{namespace}/pods",
    "ResourceQuota": "/api/v1/namespaces/{namespace}/resourcequotas",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies",
    "Event": "/apis/events.k8s.io/v1/namespaces/{namespace}/events",
    "Namespace": "/api/v1/namespaces",
    "Node": "/api/v1/nodes",
}
CHILD_KINDS = (
    "ReplicaSet",
    "Deployment",
    "Service",
    "ConfigMap",
    "ServiceAccount",
    "Secret",
    "PodDisruptionBudget",
    "NetworkPolicy",
)
"""Every kind that a fleet's children have."""

Manifest = dict[str, Any]


class Api:
    """The API server as one identity sees it."""

    def __init__(self, kubeconfig: Path) -> None:
        """Read server, trust and identity from a kubeconfig with inline data or file paths."""
        config = yaml.safe_load(kubeconfig.read_text())
        self.server = config["clusters"][0]["cluster"]["server"]
        user = config["users"][0]["user"]
        headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        self._http = httpx.Client(
            base_url=self.server,
            headers=headers,
            verify=trust_of(config["clusters"][0]["cluster"], user),
            timeout=30,
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections; `contextlib.closing` does it at the end of a fixture."""
        self._http.close()

    def path(self, kind: str, namespace: str, name: str = "") -> str:
        """Return the path of a collection or of one object."""
        base = PATHS[kind].format(namespace=namespace)
        return f"{base}/{name}" if name else base

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request and return whatever came back."""
        return self._http.request(method, path, **options)

    def get(self, kind: str, namespace: str, name: str) -> Manifest:
        """Return one object; raises for anything but 200."""
        return _checked(self.send("GET", self.path(kind, namespace, name)))

    def find(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return one object, or None where it does not exist."""
        answer = self.send("GET", self.path(kind, namespace, name))
        return None if answer.status_code == 404 else _checked(answer)

    def list(self, kind: str, namespace: str, selector: str = "") -> list[Manifest]:
        """Return every object of a kind, each with its kind filled in."""
        parameters = {"labelSelector": selector} if selector else {}
        answer = _checked(self.send("GET", self.path(kind, namespace), params=parameters))
        return [{"kind": kind, **item} for item in answer["items"]]

    def create(self, manifest: Manifest) -> Manifest:
        """POST one object."""
        path = self.path(manifest["kind"], manifest["metadata"].get("namespace", ""))
        return _checked(self.send("POST", path, json=manifest))

    def patch(self, kind: str, namespace: str, name: str, change: Manifest) -> Manifest:
        """Merge-patch one object, as a person with kubectl edit would."""
        return _checked(
            self.send(
                "PATCH",
                self.path(kind, namespace, name),
                json=change,
                headers={"Content-Type": "application/merge-patch+json"},
                params={"fieldManager": "somebody"},
            )
        )

    def delete(self, kind: str, namespace: str, name: str, **options: Any) -> None:
        """Delete one object in the background; gone already is fine."""
        answer = self.send("DELETE", self.path(kind, namespace, name), **options)
        if answer.status_code != 404:
            _checked(answer)

    def children(self, namespace: str) -> dict[tuple[str, str], Manifest]:
        """Return every object of a fleet's kinds in a namespace that carries our label."""
        return {
            (kind, item["metadata"]["name"]): item
            for kind in CHILD_KINDS
            for item in self.list(kind, namespace, "voicefleet.dev/fleet")
        }


def eventually(
    what: str, check: Callable[[], Any], *, seconds: float = 30, every: float = 0.1
) -> Any:
    """Return the first true answer of `check`, or fail with what was seen last."""
    deadline = time.monotonic() + seconds
    while True:
        seen = check()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}; last seen: {seen!r}")
        time.sleep(every)


def _checked(answer: httpx.Response) -> Manifest:
    if answer.is_error:
        raise AssertionError(f"{answer.request.method} {answer.request.url}: {answer.text}")
    return dict(answer.json())


def trust_of(cluster: Manifest, user: Manifest) -> ssl.SSLContext | bool:
    """Return what a kubeconfig's cluster and user need on a TLS connection; False without TLS."""
    if not cluster["server"].startswith("https"):
        return False
    context = ssl.create_default_context(cadata=text_of(cluster, "certificate-authority"))
    if "client-certificate" in user or "client-certificate-data" in user:
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = Path(folder, "tls.crt"), Path(folder, "tls.key")
            certificate.write_text(text_of(user, "client-certificate"))
            key.write_text(text_of(user, "client-key"))
            context.load_cert_chain(certificate, key)
    return context


def text_of(section: Manifest, field: str) -> str:
    """Return a kubeconfig field that is either inline in base64 or the path of a file."""
    if f"{field}-data" in section:
        return base64.b64decode(section[f"{field}-data"]).decode()
    return Path(section[field]).read_text()
