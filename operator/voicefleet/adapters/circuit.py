"""A circuit breaker: when a peer that does not answer is asked again.

Closed, everything is asked. After some failures in a row it opens: nothing is asked, for a time
that doubles up to a limit. Then it is half-open: one question may pass, and its answer decides.
Pure: time is passed in. Used by `adapters/prometheus`.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

FAILURES_MAX = 3
"""A single lost answer is nothing; three rounds of 10 s are an outage."""

FIRST_PAUSE_SECONDS = 10.0

LONGEST_PAUSE_SECONDS = 30.0
"""A provider that is back is noticed this much later at the latest."""


class Passage(StrEnum):
    """What may be asked now."""

    ALL = "all"
    ONE = "one"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Circuit:
    """The failures in a row, and until when nothing is asked."""

    failures: int = 0
    opens_until: float | None = None
    """Monotonic seconds; None while it is closed."""

    def passage(self, now: float) -> Passage:
        """Say what may be asked at this moment."""
        if self.opens_until is None:
            return Passage.ALL
        return Passage.NONE if now < self.opens_until else Passage.ONE

    def after_success(self) -> Self:
        """Return it closed."""
        return replace(self, failures=0, opens_until=None)

    def after_failure(self, now: float) -> Self:
        """Return it with one failure more, open from the third on: for 10, 20, 30, 30 … s."""
        failures = self.failures + 1
        if failures < FAILURES_MAX:
            return replace(self, failures=failures)
        doubled = FIRST_PAUSE_SECONDS * 2 ** min(failures - FAILURES_MAX, 8)
        return replace(
            self, failures=failures, opens_until=now + min(doubled, LONGEST_PAUSE_SECONDS)
        )
