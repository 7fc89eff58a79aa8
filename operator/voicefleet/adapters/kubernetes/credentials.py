"""How the operator proves who it is: a mounted ServiceAccount token, or a kubeconfig.

Inside a cluster nothing but files is read, so the `kubernetes` package, which costs half a
second and 20 MB at import, is only loaded for a kubeconfig (development, tests, the CLI).
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicefleet.errors import SpecError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet mounts a pod's token, CA certificate and namespace."""

TokenProvider = Callable[[], Awaitable[str | None]]
"""Returns the token that is valid now; None where a client certificate is used instead."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where the API server is, how it is recognised, and who we are to it."""

    server: str
    ssl: ssl.SSLContext | bool
    """A context that trusts the cluster's CA; True for the system's CAs."""
    token: TokenProvider
    namespace: str = "default"
    """Where the operator itself lives: the Lease goes there."""


class MountedToken:
    """A token in a file that the kubelet replaces about every hour.

    The file's modification time is looked at before each request, which costs less than a
    request that fails with 401 and works in the same second as the rotation.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at_ns = -1
        self._token = ""

    async def __call__(self) -> str | None:
        """Return the token as the file has it now."""
        modified_ns = self._path.stat().st_mtime_ns
        if modified_ns != self._read_at_ns:
            self._token = self._path.read_text().strip()
            self._read_at_ns = modified_ns
        return self._token


def load_credentials(
    environment: Mapping[str, str],
    *,
    kubeconfig: Path | None = None,
    mount: Path = SERVICE_ACCOUNT,
) -> Credentials:
    """Find the credentials: an explicit kubeconfig, `$KUBECONFIG`, then the mounted ones.

    Raises:
        SpecError: There are none, or they cannot be read; the message says what to set.
    """
    chosen = kubeconfig or (
        Path(environment["KUBECONFIG"]) if environment.get("KUBECONFIG") else None
    )
    if chosen is not None:
        return from_kubeconfig(chosen)
    if environment.get("KUBERNETES_SERVICE_HOST"):
        return from_mount(environment, mount)
    raise SpecError(
        "no Kubernetes API to talk to: neither $KUBECONFIG nor $KUBERNETES_SERVICE_HOST is set; "
        "set KUBECONFIG to the path of a kubeconfig, or run inside a cluster"
    )


def from_mount(environment: Mapping[str, str], mount: Path = SERVICE_ACCOUNT) -> Credentials:
    """Read what the kubelet gave this pod.

    Raises:
        SpecError: The token or the CA certificate is missing.
    """
    host = environment["KUBERNETES_SERVICE_HOST"]
    port = environment.get("KUBERNETES_SERVICE_PORT", "443")
    for name in ("token", "ca.crt", "namespace"):
        if not (mount / name).is_file():
            raise SpecError(
                f"{mount / name} is missing; let the pod mount its ServiceAccount token "
                "(automountServiceAccountToken: true)"
            )
    return Credentials(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        ssl=ssl.create_default_context(cafile=str(mount / "ca.crt")),
        token=MountedToken(mount / "token"),
        namespace=(mount / "namespace").read_text().strip(),
    )


def from_kubeconfig(path: Path) -> Credentials:
    """Read the current context of a kubeconfig: token, client certificate, or exec plugin.

    Raises:
        SpecError: The file is missing or its current context is not usable.
    """
    from kubernetes import client, config  # noqa: PLC0415 - slow to import; see the module docstring

    configuration = client.Configuration()
    try:
        config.load_kube_config(config_file=str(path), client_configuration=configuration)
        _, context = config.list_kube_config_contexts(config_file=str(path))
    except config.ConfigException as error:
        raise SpecError(
            f"kubeconfig {path} cannot be used: {error}; check its current-context with "
            f"`kubectl --kubeconfig {path} config view`"
        ) from error

    async def token() -> str | None:
        header = await asyncio.to_thread(
            configuration.get_api_key_with_prefix, "authorization", "BearerToken"
        )
        return str(header).removeprefix("Bearer ") if header else None

    return Credentials(
        server=str(configuration.host).rstrip("/"),
        ssl=_ssl_context(configuration),
        token=token,
        namespace=str(context["context"].get("namespace", "default")),
    )


def _ssl_context(configuration: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context
