"""Who is who in a local cluster."""

import subprocess

import pytest

from voicefleet_localcluster.certificates import CERTIFICATES, issue_all, render_request
from voicefleet_localcluster.layout import Layout


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """Return a cluster's folder with every certificate in it."""
    made = Layout(tmp_path_factory.mktemp("cluster"))
    for folder in made.folders():
        folder.mkdir(parents=True, exist_ok=True)
    issue_all(made)
    return made


def test_a_certificate_is_for_a_server_or_for_a_client_never_both():
    """A stolen server key must not log in, and a client must not be able to pose as server."""
    usages = {
        certificate.name: (
            "serverAuth" in render_request(certificate),
            "clientAuth" in render_request(certificate),
        )
        for certificate in CERTIFICATES
    }

    assert usages.pop("server") == (True, False)
    assert set(usages.values()) == {(False, True)}


def test_every_client_has_a_name_of_its_own():
    """The audit log tells the cluster's own programs from the operator by their names."""
    names = [certificate.common_name for certificate in CERTIFICATES]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("certificate", CERTIFICATES, ids=lambda one: one.name)
def test_openssl_accepts_each_certificate_for_its_purpose(layout: Layout, certificate):
    """Go and Python both refuse a chain with a missing extension, with puzzling words."""
    purpose = "sslserver" if certificate.addresses else "sslclient"

    answer = subprocess.run(
        [
            *("openssl", "verify", "-x509_strict", "-purpose", purpose),
            *("-CAfile", layout.certificate(certificate.authority)),
            layout.certificate(certificate.name),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr


def test_issuing_again_changes_nothing(layout: Layout):
    """A second `up` must not lock the running programs out."""
    before = {path: path.read_bytes() for path in layout.certificates.iterdir()}

    issue_all(layout)

    assert {path: path.read_bytes() for path in layout.certificates.iterdir()} == before
