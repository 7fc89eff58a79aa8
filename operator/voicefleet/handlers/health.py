"""Whether this process should live on: do its watches hear, does its queue move?

kopf's endpoint alone says only that the event loop runs. What is asked here is whether the
operator does its work; a restart is the answer where it does not. An API server that is away
is no reason to restart, so watches may be silent for long.
"""

from collections.abc import Callable
from dataclasses import dataclass

from voicefleet.shell.queue import WorkQueue

SILENCE_SECONDS_MAX = 600.0
"""Bookmarks come every minute, and a dead connection is noticed after 70 s. Ten minutes of
nothing on one watch mean that its task is gone, or that the API server is."""

WAITING_SECONDS_MAX = 120.0
"""A cycle takes milliseconds and its slowest request 15 s; a fleet that has waited this long
waits for a worker that hangs."""


class UnhealthyError(Exception):
    """The process does not do its work; restart it."""


@dataclass(frozen=True, slots=True)
class Health:
    """Answers the liveness probe."""

    queue: WorkQueue
    silence_seconds: Callable[[], float]
    is_leading: Callable[[], bool]

    def check(self) -> str:
        """Return what there is to say.

        Raises:
            UnhealthyError: Something hangs; the sentence names it.
        """
        silence = self.silence_seconds()
        if silence > SILENCE_SECONDS_MAX:
            raise UnhealthyError(f"a watch has heard nothing for {silence:.0f} s")
        if not self.is_leading():
            return "standing by"
        waiting = max(self.queue.oldest_age_seconds, self.queue.longest_cycle_seconds)
        if waiting > WAITING_SECONDS_MAX:
            raise UnhealthyError(f"a fleet has waited {waiting:.0f} s for its cycle")
        return "in charge"
