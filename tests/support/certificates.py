"""A throw-away certificate with its key, for code that reads such files."""

import subprocess
from pathlib import Path


def a_certificate(folder: Path, *, address: str | None = None) -> Path:
    """Return a PEM file with a self-signed certificate, perhaps for an address, and its key."""
    path = folder / f"certificate-{address}.pem"
    if not path.exists():
        key = folder / f"key-{address}.pem"
        options = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test -days 2"
        if address is not None:
            options += f" -addext subjectAltName=IP:{address}"
        subprocess.run(
            ["openssl", "req", *options.split(), "-keyout", key, "-out", path],
            check=True,
            capture_output=True,
        )
        path.write_text(path.read_text() + key.read_text())
    return path
