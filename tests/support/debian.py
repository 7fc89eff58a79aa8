"""Real servers that Debian packages, for tests: used, installed where one is root, or skipped."""

from pathlib import Path

import pytest

from voicefleet_localcluster.debian import ensure_debian_program
from voicefleet_localcluster.errors import LocalClusterError
from voicefleet_localcluster.progress import Progress


def require_debian_package(package: str, program: str) -> Path:
    """Return where a program is, or skip the test and say what is missing."""
    try:
        return ensure_debian_program(package, program, Progress())
    except LocalClusterError as error:
        pytest.skip(f"{error}")
