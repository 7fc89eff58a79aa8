"""What happens next: the event list of a discrete-event simulation.

Events of the same instant happen in the order in which they were planned, so a run is the same
every time. Called by `sim/world` and by everything that acts in it.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any


class Agenda:
    """Virtual time. Seconds since the start of the simulation; never a real clock."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self._planned: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0

    def at(self, instant: float, action: Callable[..., None], *arguments: Any) -> None:
        """Plan an action; one that should have happened already happens next."""
        self._count += 1
        heappush(self._planned, (max(instant, self.now), self._count, action, arguments))

    def after(self, seconds: float, action: Callable[..., None], *arguments: Any) -> None:
        """Plan an action so many seconds from now."""
        self.at(self.now + seconds, action, *arguments)

    def run_until(self, end: float) -> None:
        """Let everything happen that is planned before `end`, then set the time to it."""
        planned = self._planned
        while planned and planned[0][0] < end:
            self.now, _, action, arguments = heappop(planned)
            action(*arguments)
        self.now = end
