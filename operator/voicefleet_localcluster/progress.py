"""One line for each step: a tick, its name, what came out, and how long it took.

On a terminal the line of a running step ticks; in a file or a CI log a long step says every
quarter of a minute that it is still there. Tests pass a `Progress` that writes nowhere.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

TERMINAL_TICK_SECONDS = 0.2
"""Fast enough to look alive, slow enough to cost nothing."""
LOG_TICK_SECONDS = 15.0
"""CI systems call a job silent for minutes dead; this keeps them and their logs calm."""
NAME_WIDTH = 26
DETAIL_WIDTH = 48


@dataclass(slots=True)
class Step:
    """A running step; whoever runs it may say more about it while it runs."""

    name: str
    detail: str = ""


def render_line(mark: str, step: Step, seconds: float) -> str:
    """Return one line, in columns that stay put while a step runs."""
    return f"{mark} {step.name:<{NAME_WIDTH}} {step.detail:<{DETAIL_WIDTH}} {seconds:6.1f} s"


@dataclass(slots=True)
class Progress:
    """Prints steps to a stream; without a stream it stays silent."""

    stream: TextIO | None = None
    started: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, name: str, detail: str = "") -> Iterator[Step]:
        """Show a step while it runs and, once it is over, whether it worked.

        Yields:
            The step, whose `detail` may be changed at any time.
        """
        step = Step(name, detail)
        begun = time.monotonic()
        finished = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(step, begun, finished), daemon=True)
        ticker.start()
        mark = "✗"
        try:
            yield step
            mark = "✓"
        finally:
            finished.set()
            ticker.join()
            self._write(render_line(mark, step, time.monotonic() - begun), is_final=True)

    def say(self, line: str) -> None:
        """Print a line that is no step."""
        if self.stream is not None:
            print(line, file=self.stream, flush=True)

    def elapsed(self) -> float:
        """Return the seconds since this progress began."""
        return time.monotonic() - self.started

    def _tick(self, step: Step, begun: float, finished: threading.Event) -> None:
        if self.stream is None:
            return
        pause = TERMINAL_TICK_SECONDS if self.stream.isatty() else LOG_TICK_SECONDS
        while not finished.wait(pause):
            self._write(render_line("…", step, time.monotonic() - begun), is_final=False)

    def _write(self, line: str, *, is_final: bool) -> None:
        if self.stream is None:
            return
        if self.stream.isatty():
            self.stream.write(f"\r\x1b[2K{line}" + ("\n" if is_final else ""))
        else:
            self.stream.write(f"{line}\n")
        self.stream.flush()


def on_terminal() -> Progress:
    """Return a progress that prints for the person at the keyboard."""
    return Progress(sys.stdout)
