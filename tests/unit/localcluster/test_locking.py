"""One at a time, although processes may delete the lock they hold."""

import threading
from pathlib import Path

from voicefleet_localcluster.locking import exclusive_lock
from voicefleet_localcluster.progress import Progress


def test_a_lock_that_its_holder_deleted_still_keeps_everybody_else_apart(tmp_path: Path):
    """`down` removes its own lock file while another `up` is already waiting for it."""
    path, inside, most = tmp_path / "lock", [], []

    def work() -> None:
        for _ in range(30):
            with exclusive_lock(path, Progress(), waiting_for="another"):
                inside.append(1)
                most.append(len(inside))
                inside.pop()
                path.unlink()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(most) == 120
    assert max(most) == 1
