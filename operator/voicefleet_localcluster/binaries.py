"""Finding the programs: `VOICEFLEET_BIN_DIR`, then the cache, then a build from source.

`up` and the `binaries` command call `ensure_programs`; tests of configurations ask for
livekit-server the same way. Two processes never build at the same time, and what is found in
the cache is always whole, because it gets its name only when it is finished.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from voicefleet_localcluster import targets, toolchain
from voicefleet_localcluster.errors import LocalClusterError
from voicefleet_localcluster.layout import cache_folder
from voicefleet_localcluster.locking import exclusive_lock
from voicefleet_localcluster.progress import Progress
from voicefleet_localcluster.targets import Target

BUILD_SECONDS_MAX = 3600
"""Fourteen times the longest build on two cores; slower than this is a machine that swaps."""


def find_program(program: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return where a program is, or None where it must be built first."""
    if chosen := environment.get("VOICEFLEET_BIN_DIR"):
        candidate = Path(chosen).expanduser() / program
        if os.access(candidate, os.X_OK):
            return candidate
    target = targets.target_of(program)
    candidate = target_folder(target, cache_folder(environment)) / program
    return candidate if candidate.exists() else None


def target_folder(target: Target, cache: Path) -> Path:
    """Return the cache folder of exactly these sources and this version."""
    name = f"{target.name}-{target.version}-{targets.fingerprint(target)}"
    return cache / "bin" / name


def ensure_programs(programs: Collection[str], progress: Progress) -> dict[str, Path]:
    """Return where each program is, after building those that are nowhere.

    Raises:
        LocalClusterError: A name is unknown, or a build failed.
    """
    if unknown := sorted(set(programs) - set(targets.ALL_PROGRAMS)):
        raise LocalClusterError(
            f"{', '.join(unknown)}: no such program; known are {', '.join(targets.ALL_PROGRAMS)}",
            next_step="name one of those",
        )
    missing = {targets.target_of(name).name for name in programs if find_program(name) is None}
    wanted = [target for target in targets.TARGETS if target.name in missing]
    if wanted:
        _build_all(wanted, progress)
    found = {name: find_program(name) for name in programs}
    return {name: path for name, path in found.items() if path is not None}


def _build_all(wanted: list[Target], progress: Progress) -> None:
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    with exclusive_lock(cache / "build.lock", progress, waiting_for="another build"):
        go = toolchain.find_go(cache, progress)
        for number, target in enumerate(wanted, start=1):
            folder = target_folder(target, cache)
            if folder.exists():
                continue
            detail = (
                f"{target.version}, {number} of {len(wanted)}, "
                f"about {target.cold_seconds} s from nothing"
            )
            with progress.step(f"build {target.name}", detail):
                _build(target, go, folder)


def _build(target: Target, go: Path, folder: Path) -> None:
    with _unfinished(folder) as unfinished:
        output = unfinished / target.name
        answer = subprocess.run(
            targets.build_command(target, go, output),
            cwd=targets.SOURCES / target.name,
            env=targets.build_environment(dict(os.environ)),
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_SECONDS_MAX,
        )
        if answer.returncode:
            raise LocalClusterError(
                f"building {target.name} {target.version} ended with {answer.returncode}",
                evidence=answer.stderr.splitlines()[-12:],
                next_step="check the network and disk space and run it again, or put the programs "
                f"{', '.join(target.programs)} into a folder and set VOICEFLEET_BIN_DIR to it",
            )
        for program in target.programs:
            if program != target.name:
                (unfinished / program).symlink_to(target.name)


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """Give a folder to fill; it gets its final name only when nothing went wrong."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield unfinished
        unfinished.chmod(0o755)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
