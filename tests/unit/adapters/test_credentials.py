"""Who the operator is to the API server: mounted files in a cluster, a kubeconfig elsewhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from support.certificates import a_certificate
from voicefleet.adapters.kubernetes.credentials import load_credentials
from voicefleet.errors import SpecError

IN_CLUSTER = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    """A pod's ServiceAccount mount."""
    (tmp_path / "token").write_text("first-token\n")
    (tmp_path / "namespace").write_text("voicefleet-system\n")
    (tmp_path / "ca.crt").write_text(a_certificate(tmp_path).read_text())
    return tmp_path


def a_kubeconfig(folder: Path, **user: object) -> Path:
    """Write a kubeconfig with one context and return its path."""
    path = folder / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "here",
                "cluster": {
                    "server": "https://127.0.0.1:6443",
                    "certificate-authority": str(a_certificate(folder)),
                },
            }
        ],
        "users": [{"name": "me", "user": user}],
        "contexts": [
            {"name": "work", "context": {"cluster": "here", "user": "me", "namespace": "calls"}}
        ],
        "current-context": "work",
    }
    path.write_text(yaml.safe_dump(content))
    return path


async def test_a_pod_uses_what_the_kubelet_mounts(mount: Path):
    """No configuration at all is needed in a cluster."""
    credentials = load_credentials(IN_CLUSTER, mount=mount)

    assert (credentials.server, credentials.namespace) == (
        "https://10.96.0.1:443",
        "voicefleet-system",
    )
    assert await credentials.token() == "first-token"


async def test_a_rotated_token_is_used_at_once(mount: Path):
    """The kubelet replaces it about every hour, and the old one ends."""
    credentials = load_credentials(IN_CLUSTER, mount=mount)
    await credentials.token()

    (mount / "token").write_text("second-token")
    os.utime(mount / "token", ns=(1, 1))

    assert await credentials.token() == "second-token"


def test_an_address_of_the_sixth_kind_is_written_in_brackets(mount: Path):
    """IPv6-only clusters exist."""
    environment = {**IN_CLUSTER, "KUBERNETES_SERVICE_HOST": "fd00::1"}

    assert load_credentials(environment, mount=mount).server == "https://[fd00::1]:443"


def test_a_missing_mount_says_what_to_switch_on(tmp_path: Path):
    """The chart switches the mount off for every pod but the operator's."""
    with pytest.raises(SpecError, match="automountServiceAccountToken: true"):
        load_credentials(IN_CLUSTER, mount=tmp_path)


def test_no_api_server_at_all_says_what_to_set():
    """Somebody started the operator on a laptop without a cluster."""
    with pytest.raises(SpecError, match="set KUBECONFIG to the path of a kubeconfig"):
        load_credentials({})


async def test_a_kubeconfig_with_a_token(tmp_path: Path):
    """Tests and people run the operator under a chosen identity."""
    path = a_kubeconfig(tmp_path, token="a-token")

    credentials = load_credentials({"KUBECONFIG": str(path), **IN_CLUSTER})

    assert (credentials.server, credentials.namespace) == ("https://127.0.0.1:6443", "calls")
    assert await credentials.token() == "a-token"


async def test_a_kubeconfig_with_a_client_certificate(tmp_path: Path):
    """The local cluster's administrator has no token."""
    certificate = a_certificate(tmp_path)
    path = a_kubeconfig(
        tmp_path,
        **{"client-certificate": str(certificate), "client-key": str(certificate)},
    )

    credentials = load_credentials({}, kubeconfig=path)

    assert await credentials.token() is None


async def test_a_kubeconfig_with_a_plugin(tmp_path: Path):
    """Managed clouds give short-lived tokens through a program of theirs."""
    answer = (
        '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",'
        '"status":{"token":"from-the-plugin"}}'
    )
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "echo",
        "args": [answer],
        "interactiveMode": "Never",
    }
    path = a_kubeconfig(tmp_path, exec=plugin)

    credentials = load_credentials({}, kubeconfig=path)

    assert await credentials.token() == "from-the-plugin"


def test_an_unusable_kubeconfig_names_itself(tmp_path: Path):
    """$KUBECONFIG often points to what was there yesterday."""
    missing = tmp_path / "gone"

    with pytest.raises(SpecError, match=f"kubeconfig {missing} cannot be used"):
        load_credentials({"KUBECONFIG": str(missing)})


def test_a_pod_never_loads_the_kubernetes_package():
    """It costs half a second and 20 MB, and a cluster has no kubeconfig."""
    code = (
        "import sys; import voicefleet.adapters.kubernetes.cluster; "
        "sys.exit('kubernetes' in sys.modules)"
    )

    finished = subprocess.run([sys.executable, "-c", code], check=False)

    assert finished.returncode == 0
