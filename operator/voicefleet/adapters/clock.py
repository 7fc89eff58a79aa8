"""The system's clock: the only place of the program that asks what time it is.

Everything else is told the time, so that a decision can be repeated in a test.
"""

import time
from datetime import UTC, datetime


class SystemClock:
    """Implements `ports.Clock` with the clocks of the machine."""

    def now(self) -> datetime:
        """Return the current instant in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the one clock that others are given

    def monotonic(self) -> float:
        """Return seconds that only ever grow, for measuring durations."""
        return time.monotonic()
