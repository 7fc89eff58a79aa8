"""Keeps count of what happened to every caller and of what was used. Judges nothing.

Called by `sim/world` at each event; read by `sim/score` at the end.
"""

from dataclasses import dataclass, field

SLOW_SHARE = 0.1
"""A call is slow when more than this part of it was above the latency target."""

SLOW_MINUTE_SHARE = 0.05
"""A minute misses the target when more than this part of its session time was above it."""


@dataclass(slots=True)
class Ledger:
    """Running totals. Seconds are virtual."""

    rejected: int = 0
    cut: int = 0
    lost: int = 0
    slow: int = 0
    overflowed: int = 0
    bad: set[int] = field(default_factory=set)
    """Callers who were rejected, cut or slow; each counts once."""
    busy_victims: int = 0
    """Workers that were told to stop while they held a call."""
    worker_seconds: float = 0.0
    server_seconds: float = 0.0
    speech_seconds: float = 0.0
    evaluator_seconds: float = 0.0
    cloud_seconds: float = 0.0
    session_seconds: float = 0.0
    slow_session_seconds: float = 0.0
    worker_starts: int = 0
    node_starts: int = 0
    changes: int = 0
    slow_minutes: int = 0
    longest_unserved: float = 0.0
    rejected_at: list[float] = field(default_factory=list)
    _unserved_since: float | None = None
    _minute: tuple[float, float] = (0.0, 0.0)
    """Session seconds and slow ones at the last full minute."""

    def note_rejected(self, caller: int, now: float) -> None:
        """Somebody gave up."""
        self.rejected += 1
        self.rejected_at.append(now)
        self.bad.add(caller)

    def note_broken(self, caller: int, *, by_node: bool) -> None:
        """A running call ended before its time."""
        if by_node:
            self.lost += 1
            return
        self.cut += 1
        self.bad.add(caller)

    def note_ended(self, caller: int, *, seconds: float, slow_seconds: float) -> None:
        """A call came to its own end."""
        if slow_seconds > SLOW_SHARE * seconds:
            self.slow += 1
            self.bad.add(caller)

    def note_unserved(self, now: float) -> None:
        """Somebody called and there was no free slot."""
        if self._unserved_since is None:
            self._unserved_since = now

    def note_served(self, now: float) -> None:
        """Somebody got a worker, so there was a slot."""
        if self._unserved_since is not None:
            self.longest_unserved = max(self.longest_unserved, now - self._unserved_since)
            self._unserved_since = None

    def close_minute(self) -> None:
        """Judge the minute that has just ended."""
        before, slow_before = self._minute
        self._minute = (self.session_seconds, self.slow_session_seconds)
        seconds = self.session_seconds - before
        if seconds > 0 and self.slow_session_seconds - slow_before > SLOW_MINUTE_SHARE * seconds:
            self.slow_minutes += 1

    def close(self, now: float) -> None:
        """End a stretch that is still open when the simulation ends."""
        self.note_served(now)
