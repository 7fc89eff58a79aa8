"""The cluster's own authorities and certificates, made by the `openssl` program.

Which certificates there are is data (`AUTHORITIES`, `CERTIFICATES`) and the configuration
text that openssl reads is pure; only `issue` starts a process. openssl rather than a Python
package, because every machine that can build has it and the operator itself needs none.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from voicefleet_localcluster.errors import LocalClusterError
from voicefleet_localcluster.layout import Layout

VALID_DAYS: Final = "365"
"""A cluster for development is thrown away long before."""

MAIN_AUTHORITY: Final = "ca"
"""Signs the servers' certificate and every client's."""
FRONT_PROXY_AUTHORITY: Final = "front-proxy-ca"
"""Signs only the certificate by which the API server calls aggregated APIs."""
SERVICE_ACCOUNTS: Final = "service-accounts"
"""Key pair that signs the tokens of ServiceAccounts."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate: whom it names, and what it may be used for."""

    name: str
    common_name: str
    organization: str = ""
    authority: str = MAIN_AUTHORITY
    addresses: tuple[str, ...] = ()
    """Alternative names as openssl writes them; given, it is a server's certificate."""


AUTHORITIES: Final = (MAIN_AUTHORITY, FRONT_PROXY_AUTHORITY)

SERVER_NAMES: Final = (
    "IP:127.0.0.1",
    "IP:10.96.0.1",
    "DNS:localhost",
    "DNS:kubernetes",
    "DNS:kubernetes.default",
    "DNS:kubernetes.default.svc",
    "DNS:kubernetes.default.svc.cluster.local",
)
ADMINISTRATORS: Final = "system:masters"
"""The group that may do anything. Each member has its own name, so the audit log tells them
apart and a test that asks what the operator used is not misled."""

CERTIFICATES: Final = (
    Certificate("server", "kube-apiserver", addresses=SERVER_NAMES),
    Certificate("front-proxy", "front-proxy-client", authority=FRONT_PROXY_AUTHORITY),
    Certificate("admin", "voicefleet:admin", ADMINISTRATORS),
    Certificate("controllers", "system:kube-controller-manager"),
    Certificate("scheduler", "system:kube-scheduler"),
    Certificate("kwok", "voicefleet:kwok", ADMINISTRATORS),
    Certificate("world", "voicefleet:world", ADMINISTRATORS),
)


def render_request(certificate: Certificate) -> str:
    """Return the configuration by which openssl makes a certificate.

    A file rather than the machine's own openssl.cnf, which differs from system to system.
    """
    usage = "serverAuth" if certificate.addresses else "clientAuth"
    lines = [
        "[req]",
        "prompt = no",
        "distinguished_name = subject",
        "x509_extensions = extensions",
        "[subject]",
        f"CN = {certificate.common_name}",
        *([f"O = {certificate.organization}"] if certificate.organization else []),
        "[extensions]",
        "basicConstraints = critical, CA:FALSE",
        "keyUsage = critical, digitalSignature",
        f"extendedKeyUsage = {usage}",
        "authorityKeyIdentifier = keyid",
        *(
            [f"subjectAltName = {', '.join(certificate.addresses)}"]
            if certificate.addresses
            else []
        ),
    ]
    return "\n".join(lines) + "\n"


def render_authority_request(name: str) -> str:
    """Return the configuration by which openssl makes an authority."""
    lines = (
        "[req]",
        "prompt = no",
        "distinguished_name = subject",
        "x509_extensions = extensions",
        "[subject]",
        f"CN = voicefleet-local-{name}",
        "[extensions]",
        "basicConstraints = critical, CA:TRUE",
        "keyUsage = critical, digitalSignature, keyCertSign, cRLSign",
        "subjectKeyIdentifier = hash",
    )
    return "\n".join(lines) + "\n"


def issue_all(layout: Layout) -> int:
    """Make every authority, certificate and key that is missing.

    Returns:
        How many there are.

    Raises:
        LocalClusterError: openssl is missing, too old, or refused.
    """
    for name in AUTHORITIES:
        if not layout.certificate(name).exists():
            _self_sign(layout, name)
    for certificate in CERTIFICATES:
        if not layout.certificate(certificate.name).exists():
            _sign(layout, certificate)
    private, public = layout.key(SERVICE_ACCOUNTS), layout.certificates / "service-accounts.pub"
    if not public.exists():
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(private))
        _openssl("ec", "-in", str(private), "-pubout", "-out", str(public))
    return len(AUTHORITIES) + len(CERTIFICATES)


def _self_sign(layout: Layout, name: str) -> None:
    request = _write_request(layout, name, render_authority_request(name))
    _openssl(*_new_key(layout, name, request))


def _sign(layout: Layout, certificate: Certificate) -> None:
    request = _write_request(layout, certificate.name, render_request(certificate))
    authority = certificate.authority
    _openssl(
        *_new_key(layout, certificate.name, request),
        *("-CA", str(layout.certificate(authority)), "-CAkey", str(layout.key(authority))),
    )


def _new_key(layout: Layout, name: str, request: Path) -> tuple[str, ...]:
    return (
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-days", VALID_DAYS, "-config", str(request)),
        *("-keyout", str(layout.key(name)), "-out", str(layout.certificate(name))),
    )


def _write_request(layout: Layout, name: str, text: str) -> Path:
    path = layout.certificates / f"{name}.cnf"
    path.write_text(text)
    return path


def _openssl(*arguments: str) -> None:
    try:
        answer = subprocess.run(
            ["openssl", *arguments], capture_output=True, text=True, check=False, timeout=30
        )
    except FileNotFoundError as error:
        raise LocalClusterError(
            "the program openssl, which makes the cluster's certificates, is not on PATH",
            next_step="install openssl 3.0 or newer, for example: apt-get install openssl",
        ) from error
    if answer.returncode:
        raise LocalClusterError(
            f"openssl {arguments[0]} ended with {answer.returncode}",
            evidence=answer.stderr.splitlines()[-6:],
            next_step="see whether `openssl version` says 3.0 or newer",
        )
