"""Locks between processes, by a file: one build at a time, one `up` per cluster at a time.

The kernel releases the lock when its holder dies, so a lock never has to be cleaned up.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from voicefleet_localcluster.progress import Progress


@contextmanager
def exclusive_lock(path: Path, progress: Progress, *, waiting_for: str) -> Iterator[None]:
    """Hold a lock file; say so while another process holds it.

    The file may be deleted by whoever holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("w") as handle:
            _acquire(handle, progress, waiting_for)
            if _is_still(path, handle):
                yield
                return


def _acquire(handle: TextIO, progress: Progress, waiting_for: str) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with progress.step("wait", f"for {waiting_for} to finish"):
            fcntl.flock(handle, fcntl.LOCK_EX)


def _is_still(path: Path, handle: TextIO) -> bool:
    """Say whether a path leads to this file; the holder before us may have deleted it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(handle.fileno()))
    except FileNotFoundError:
        return False
