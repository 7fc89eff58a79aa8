"""An operator that starts in half the time: its modules are loaded once, each start is a fork.

A crash after every single write is two thousand starts, and most of a start is imports. What is
forked has only imported: no client, no cache and no event loop is older than the fork, and a
killed one is as dead as any other process.
"""

import multiprocessing
import os
import subprocess
import sys
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import BinaryIO

from voicefleet.__main__ import main
from voicefleet_localcluster.operator_process import OperatorProcess, Running

LOADED = ["support.forked_operator", "voicefleet.cli.logs", "voicefleet.handlers.process"]
"""What `voicefleet run` imports by the time it leads."""


@dataclass(slots=True)
class ForkedOperator(OperatorProcess):
    """An `OperatorProcess` of our own code, started by a fork."""

    def _launch(self, log: BinaryIO) -> Running:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(LOADED)
        process = context.Process(target=_run, args=(str(self.log_file), self._arguments()))
        process.start()
        return _Forked(process)


@dataclass(frozen=True, slots=True)
class _Forked:
    """A forked process with the words of `subprocess.Popen`."""

    process: ForkServerProcess

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired("voicefleet", timeout or 0.0)
        return self.process.exitcode


def _run(log_file: str, arguments: list[str]) -> None:
    """Be the operator: a process group of its own, and all that it says in the log."""
    os.setsid()
    with Path(log_file).open("ab") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    sys.exit(main(arguments))
