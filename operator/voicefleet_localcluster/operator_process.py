"""The operator as a process on this machine, under the identity that the chart gives it.

The demo and the tests start, stop, kill and restart it, and read its log: the same sentences
that an SRE reads with `kubectl logs`.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol, Self

import httpx

from voicefleet_localcluster.errors import LocalClusterError

START_SECONDS_MAX = 30.0
"""Ten times what a start takes on two busy cores; a standby never leads, so it waits too."""
STOP_SECONDS_MAX = 10.0
"""The chart's own grace period for the operator."""
LOOK_SECONDS = 0.02
LEADING = "leading"
"""The word in the log line of an operator that has got the Lease."""


class Running(Protocol):
    """What is asked of the process, however it was started."""

    @property
    def pid(self) -> int:
        """Leader of a process group of its own."""

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it ends; raises `subprocess.TimeoutExpired` where that takes longer."""


@dataclass(slots=True)
class OperatorProcess:
    """`with OperatorProcess(...) as operator:` runs `voicefleet run` until the block ends."""

    kubeconfig: Path
    platform: Path
    install_key: Path
    folder: Path
    """Gets the log file; a restart appends to it."""
    identity: str = "operator"
    """Name in the Lease and of the log file."""
    lease_namespace: str = "voicefleet-system"
    module: str = "voicefleet"
    """What is run; another operator that takes the same options can stand in its place."""
    source: Path | None = None
    """A folder with another copy of the package, such as an earlier version; else our own."""
    tape: Path | None = None
    """Where it records its cycles, if anywhere."""
    ready_seconds: float = 0.0
    """From the last start until the operator was leading."""
    _process: Running | None = field(default=None, init=False)
    _port: int = field(default=0, init=False)
    _metrics_port: int = field(default=0, init=False)
    _log_start: int = field(default=0, init=False)

    def __enter__(self) -> Self:
        """Start it and wait until it leads."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it the way Kubernetes would."""
        self.stop()

    @property
    def log_file(self) -> Path:
        """Where everything it says goes, over all its starts."""
        return self.folder / f"{self.identity}.log"

    @property
    def log(self) -> str:
        """Everything it has said so far."""
        return self.log_file.read_text() if self.log_file.exists() else ""

    @property
    def pid(self) -> int:
        """The running process; raises where there is none."""
        if self._process is None:
            raise LocalClusterError(
                f"operator {self.identity} was never started", next_step="call start()"
            )
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, until_leading: bool = True) -> None:
        """Start a process and wait until it leads, or only start it.

        Raises:
            LocalClusterError: It ended, or does not lead in time; the evidence is its log.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._log_start = self.log_file.stat().st_size if self.log_file.exists() else 0
        self._port, self._metrics_port = _free_port(), _free_port()
        begun = time.monotonic()
        with self.log_file.open("ab") as log:
            self._process = self._launch(log)
        if until_leading:
            try:
                self._wait_until_leading(begun)
            except LocalClusterError:
                self.stop()
                raise
            self.ready_seconds = time.monotonic() - begun

    def answers(self) -> bool:
        """Say whether its liveness endpoint calls it healthy."""
        answer = httpx.get(f"http://127.0.0.1:{self._port}/healthz", timeout=5, trust_env=False)
        return answer.status_code == httpx.codes.OK

    def metrics(self, *, seconds: float = 30) -> str:
        """Return what Prometheus would read from it now, if it answers in so many seconds."""
        address = f"http://127.0.0.1:{self._metrics_port}/metrics"
        return httpx.get(address, timeout=seconds, trust_env=False).raise_for_status().text

    def stop(self) -> None:
        """SIGTERM, and SIGKILL where that does not end it in time."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: no write is finished and no Lease released."""
        self._end(signal.SIGKILL)

    def _launch(self, log: BinaryIO) -> Running:
        """Start the process; all it says goes to the log."""
        return subprocess.Popen(
            [sys.executable, "-m", self.module, *self._arguments()],
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=self._environment(),
        )

    def _arguments(self) -> list[str]:
        return [
            "run",
            *("--kubeconfig", str(self.kubeconfig), "--config", str(self.platform)),
            *("--install-key", str(self.install_key), "--identity", self.identity),
            *("--lease-namespace", self.lease_namespace),
            *("--metrics-port", str(self._metrics_port), "--liveness-port", str(self._port)),
            *(("--tape", str(self.tape)) if self.tape is not None else ()),
        ]

    def _environment(self) -> dict[str, str]:
        if self.source is None:
            return dict(os.environ)
        return {**os.environ, "PYTHONPATH": str(self.source)}

    def _wait_until_leading(self, begun: float) -> None:
        while self.is_running and time.monotonic() - begun < START_SECONDS_MAX:
            if LEADING in self._said_since_start():
                return
            time.sleep(LOOK_SECONDS)
        raise LocalClusterError(
            f"operator {self.identity} did not lead within {START_SECONDS_MAX:.0f} s",
            evidence=self._said_since_start().splitlines()[-15:],
            next_step=f"read {self.log_file}",
        )

    def _said_since_start(self) -> str:
        """Return what this process has said; the log of those before it may be long."""
        with self.log_file.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def _end(self, number: signal.Signals) -> None:
        if self._process is None or not self.is_running:
            return
        os.killpg(self._process.pid, number)
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(STOP_SECONDS_MAX)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
