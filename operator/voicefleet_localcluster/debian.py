"""Programs that Debian packages: used where installed, installed where one is root."""

import os
import shutil
import subprocess
from pathlib import Path

from voicefleet_localcluster.errors import LocalClusterError
from voicefleet_localcluster.progress import Progress

INSTALL_SECONDS = 300
WITHOUT_SERVICES = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
"""In run level 1 Debian's helper starts no daemon for a package that has one."""


def ensure_debian_program(package: str, program: str, progress: Progress) -> Path:
    """Return where a program is; install its package if need be.

    Raises:
        LocalClusterError: It is missing, and cannot be installed here.
    """
    if found := shutil.which(program):
        return Path(found)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise LocalClusterError(
            f"{program} is missing", next_step=f"install the Debian package {package}"
        )
    with progress.step(package, "from Debian"):
        # The lists of a fresh machine are empty or old, so they are fetched where needed only.
        if not (_apt_get("install", "--yes", "--no-install-recommends", package)):
            _apt_get("update")
            _apt_get("install", "--yes", "--no-install-recommends", package)
    found = shutil.which(program)
    if found is None:
        raise LocalClusterError(
            f"{program} is missing and `apt-get install {package}` did not bring it",
            next_step="see what apt-get says",
        )
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
