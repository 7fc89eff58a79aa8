"""Real servers that Debian packages: used where installed, installed where one is root."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL_SECONDS = 300
WITHOUT_SERVICES = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
"""In run level 1 Debian's helper starts no daemon for a package that has one."""


def require_debian_package(package: str, program: str) -> Path:
    """Return where a program is; install its package, or skip the test and say what is missing."""
    if found := shutil.which(program):
        return Path(found)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip(f"{program} is missing: install the Debian package {package} to run this test")
    # The lists of a fresh machine are empty or old, so they are fetched where needed only.
    if not (_apt_get("install", "--yes", "--no-install-recommends", package)):
        _apt_get("update")
        _apt_get("install", "--yes", "--no-install-recommends", package)
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is missing and `apt-get install {package}` did not bring it")
    return Path(found)


def _apt_get(*arguments: str) -> bool:
    answer = subprocess.run(
        ["apt-get", "--quiet", *arguments],
        env={**os.environ, **WITHOUT_SERVICES},
        capture_output=True,
        check=False,
        timeout=INSTALL_SECONDS,
    )
    return answer.returncode == 0
