"""Whether a sample may be used at all: the first step of every decision.

Unknown is not zero. A sample that is missing, stale, not finite, negative, from the future or
built on too little is no reading, and the reason is kept for the sentence that explains the
decision. Called by the deciding parts of `core`.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from voicefleet.model.signal import Sample

STALE_AFTER = timedelta(seconds=60)
"""Age at which a value says nothing about now any more, unless the fleet sets another."""

FUTURE_TOLERANCE = timedelta(seconds=15)
"""Clocks of a provider and of the operator differ by so much in healthy clusters."""

VALUE_MAX = 1e9
"""No signal of a fleet is larger: 1,000 workers of 200 slots are 2e5 sessions."""


class Unfit(StrEnum):
    """Why a sample is no reading, in the words of conditions and sentences."""

    MISSING = "missing"
    STALE = "stale"
    NOT_A_NUMBER = "not a number"
    OUT_OF_RANGE = "out of range"
    FROM_THE_FUTURE = "from the future"
    TOO_FEW = "too few measurements"


@dataclass(frozen=True, slots=True)
class Reading:
    """A value that may be used, or the reason why there is none."""

    value: float | None
    unfit: Unfit | None = None

    @property
    def is_fit(self) -> bool:
        """Whether there is a value to decide on."""
        return self.value is not None


def read_sample(
    sample: Sample | None,
    now: datetime,
    *,
    stale_after: timedelta = STALE_AFTER,
    count_min: int = 0,
) -> Reading:
    """Judge one sample.

    Args:
        sample: As delivered, or None where nothing was.
        now: The cycle's single clock reading.
        stale_after: Oldest age that is still now.
        count_min: Measurements that must stand behind it; a P95 of 12 turns is their maximum.
    """
    if sample is None:
        return Reading(None, Unfit.MISSING)
    unfit = find_unfit(sample.value, sample.observed_at, now, stale_after=stale_after)
    if unfit is not None:
        return Reading(None, unfit)
    if count_min and (sample.count is None or sample.count < count_min):
        return Reading(None, Unfit.TOO_FEW)
    return Reading(float(sample.value))


def find_unfit(
    value: float, observed_at: datetime, now: datetime, *, stale_after: timedelta
) -> Unfit | None:
    """Return why a value may not be used, None where it may; the same for one without a sample."""
    if not _is_number(value):
        return Unfit.NOT_A_NUMBER
    if not 0 <= value <= VALUE_MAX:
        return Unfit.OUT_OF_RANGE
    if observed_at > now + FUTURE_TOLERANCE:
        return Unfit.FROM_THE_FUTURE
    return Unfit.STALE if now - observed_at > stale_after else None


def _is_number(value: object) -> bool:
    """Say whether it is a finite number; a bool is an int to Python, and none."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)
