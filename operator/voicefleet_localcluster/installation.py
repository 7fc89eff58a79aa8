"""Put the chart onto a local cluster and hand out the operator's own identity.

In the demo and in the tests the operator is a process on this machine, not a pod, but it
has to have exactly the rights that the chart gives it. So the chart is rendered and applied
without its Deployment, and the process gets a token of the chart's ServiceAccount, the
chart's platform file and the chart's install key.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import helm_python
import yaml

from voicefleet.manifests import Manifest
from voicefleet_localcluster.cluster import LocalCluster
from voicefleet_localcluster.errors import LocalClusterError

CHART = Path(__file__).parents[2] / "charts" / "voicefleet"
SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The CRD takes 0.15 s without PyYAML's C part and 0.02 s with it."""

RELEASE = "voicefleet"
NAMESPACE = "voicefleet-system"

HOOK_ANNOTATION = "helm.sh/hook"


@dataclass(frozen=True, slots=True)
class Installation:
    """What an operator process needs to run as the chart's operator."""

    kubeconfig: Path
    """Of the chart's ServiceAccount, and nobody else."""
    platform: Path
    install_key: Path
    namespace: str
    user: str
    """The name under which the API server's audit log knows the operator."""


def render_chart(
    values: Mapping[str, Any] | None = None,
    *,
    release: str = RELEASE,
    namespace: str = NAMESPACE,
    kubeconfig: Path | None = None,
) -> list[Manifest]:
    """Render the chart as Helm would, in process.

    Args:
        values: What differs from values.yaml.
        release: Name of the release.
        namespace: Namespace of the release.
        kubeconfig: A cluster in which the chart may look for its own install key. Without
            one, every rendering invents a new key.

    Returns:
        Every object, hooks included, in the order of the chart's files.
    """
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(dict(values or {}))
        if kubeconfig is None:
            files = chart.render(dict(values or {}), name=release, namespace=namespace)
        else:
            with helm_python.Config(kubeconfig_path=kubeconfig, namespace=namespace) as config:
                files = config.render(chart, dict(values or {}), name=release, namespace=namespace)
    return [
        manifest
        for path, text in sorted(files.items())
        if path.endswith(".yaml")
        for manifest in yaml.load_all(text, Loader=SafeLoader)
        if manifest
    ]


def is_hook(manifest: Manifest) -> bool:
    """Whether Helm runs the object at a moment of the release instead of installing it."""
    return HOOK_ANNOTATION in (manifest["metadata"].get("annotations") or {})


def without_operator_pods(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Leave out what only makes sense where the operator runs as pods."""
    return [
        manifest
        for manifest in manifests
        if manifest["kind"] != "Deployment" and not is_hook(manifest)
    ]


def install_chart(
    cluster: LocalCluster,
    folder: Path,
    values: Mapping[str, Any] | None = None,
    *,
    namespace: str = NAMESPACE,
) -> Installation:
    """Install or upgrade the chart and write the operator's files into a folder.

    Running it twice changes nothing: the install key is taken over from the cluster.

    Raises:
        LocalClusterError: The API server refused an object or did not answer.
    """
    manifests = render_chart(values, namespace=namespace, kubeconfig=cluster.kubeconfig)
    objects = [_namespace(namespace), *without_operator_pods(manifests)]
    apply_objects(cluster, objects)
    definitions = [
        f"crd/{manifest['metadata']['name']}"
        for manifest in objects
        if manifest["kind"] == "CustomResourceDefinition"
    ]
    if definitions:
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", *definitions)
    return _write_files(cluster, folder, manifests, namespace=namespace)


def apply_objects(cluster: LocalCluster, objects: Iterable[Manifest]) -> None:
    """Server-side apply objects in the order given.

    Raises:
        LocalClusterError: The API server refused one.
    """
    listing = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    cluster.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--field-manager=helm", "-f", "-"),
        stdin=json.dumps(listing),
    )


def operator_account(manifests: Iterable[Manifest]) -> str:
    """Return the name of the ServiceAccount under which the chart runs the operator."""
    deployment = next(manifest for manifest in manifests if manifest["kind"] == "Deployment")
    return str(deployment["spec"]["template"]["spec"]["serviceAccountName"])


def _namespace(name: str) -> Manifest:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _write_files(
    cluster: LocalCluster, folder: Path, manifests: list[Manifest], *, namespace: str
) -> Installation:
    folder.mkdir(parents=True, exist_ok=True)
    account = operator_account(manifests)
    platform, install_key = folder / "platform.yaml", folder / "install-key"
    configuration = next(
        manifest["data"]["platform.yaml"]
        for manifest in manifests
        if manifest["kind"] == "ConfigMap" and "platform.yaml" in manifest["data"]
    )
    platform.write_text(configuration)
    _write_private(install_key, _install_key(manifests))
    kubeconfig = cluster.service_account_kubeconfig(
        namespace, account, to=folder / "operator.kubeconfig"
    )
    return Installation(
        kubeconfig=kubeconfig,
        platform=platform,
        install_key=install_key,
        namespace=namespace,
        user=f"system:serviceaccount:{namespace}:{account}",
    )


def _install_key(manifests: list[Manifest]) -> str:
    secret = next((manifest for manifest in manifests if manifest["kind"] == "Secret"), None)
    if secret is None:
        raise LocalClusterError(
            "the chart made no install key, because installKey.existingSecret is set",
            next_step="leave that value out: a local cluster has no Secret of yours",
        )
    return base64.b64decode(secret["data"]["key"]).decode()


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
