"""A throw-away certificate with its key, for code that reads such files."""

import subprocess
from pathlib import Path


def a_certificate(folder: Path) -> Path:
    """Return a PEM file with a self-signed certificate and its private key."""
    path = folder / "certificate.pem"
    if not path.exists():
        key = folder / "key.pem"
        options = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test -days 2"
        subprocess.run(
            ["openssl", "req", *options.split(), "-keyout", key, "-out", path],
            check=True,
            capture_output=True,
        )
        path.write_text(path.read_text() + key.read_text())
    return path
