"""Locks between processes, by a file: one build at a time, one `up` per cluster at a time.

The kernel releases the lock when its holder dies, so a lock never has to be cleaned up.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from voicefleet_localcluster.progress import Progress


@contextmanager
def exclusive_lock(path: Path, progress: Progress, *, waiting_for: str) -> Iterator[None]:
    """Hold a lock file; say so while another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress.step("wait", f"for {waiting_for} to finish"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
