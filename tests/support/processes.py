"""Server programs that a test starts, waits for and takes down again."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Server:
    """A running program and what it has said so far."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait_until(self, what: str, check: Callable[[], bool], *, seconds: float = 20) -> None:
        """Wait for a check, or fail with the end of the program's own words."""
        deadline = time.monotonic() + seconds
        while not check():
            has_ended = self.process.poll() is not None
            if has_ended or time.monotonic() > deadline:
                said = self.log.read_text()[-2000:]
                raise AssertionError(f"{what}: not within {seconds} s; it said:\n{said}")
            time.sleep(0.05)


@contextmanager
def running(
    command: Sequence[str | Path], *, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run a program until the block ends, then kill it: what is tested is how it starts."""
    log = folder / "output.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Server(process, log)
    finally:
        process.kill()
        process.wait(timeout=10)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a loopback port that nobody holds now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
