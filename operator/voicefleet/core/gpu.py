"""How busy a speech pool's GPUs were, minute by minute, as far as it can be believed.

One minute says little: batches come and go. What counts is an unbroken row of 1-minute
averages since the pool has had its present size, over nearly all of its replicas. Called by
`core/speech_size`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from voicefleet.core.readings import find_unfit, read_sample
from voicefleet.model.signal import PoolSignals, Sample
from voicefleet.recall import remembered

AVERAGE_OVER = timedelta(minutes=1)
"""Each sample is the average of the minute before it."""

STALE_AFTER = timedelta(minutes=2)
"""There is one sample a minute, and one may be late."""

GAP_MIN, GAP_MAX = timedelta(seconds=45), timedelta(seconds=90)
"""Samples of one minute each are so far apart; closer ones repeat each other."""

COVERAGE_MIN = 0.8
"""Share of the replicas that an average has to stand on: one busy GPU of five that are not
heard would make a pool look busy."""

PERCENT_MAX = 100.0


@dataclass(frozen=True, slots=True)
class Busyness:
    """The unbroken row of 1-minute averages up to now."""

    percents: tuple[float, ...] = ()
    """The newest last."""
    fault: str = ""
    """Why nothing can be said; empty where something can."""

    @property
    def minutes(self) -> int:
        """Length of the row."""
        return len(self.percents)

    def last(self, minutes: int) -> tuple[float, ...]:
        """Return the newest averages, or none while there are fewer than so many."""
        return self.percents[-minutes:] if 0 < minutes <= self.minutes else ()


def view_busyness(signals: PoolSignals, since: datetime | None, now: datetime) -> Busyness:
    """Return the averages that count.

    Args:
        signals: As delivered, in any order.
        since: When the pool got its present size, or None while it is still getting it;
            averages of earlier minutes are about another pool.
        now: The cycle's single clock reading.
    """
    if since is None:
        return Busyness(fault="its size has just changed")
    if not signals.utilization:
        return Busyness(fault="nobody measures its GPUs")
    coverage = read_sample(signals.coverage, now, stale_after=STALE_AFTER)
    if coverage.value is None:
        return Busyness(fault=f"GPU coverage is {coverage.unfit}")
    if coverage.value < COVERAGE_MIN:
        return Busyness(
            fault=f"GPU utilisation covers {coverage.value:.0%} of the replicas, "
            f"{COVERAGE_MIN:.0%} are needed"
        )
    newest = max(signals.utilization, key=attrgetter("observed_at"))
    unfit = read_sample(newest, now, stale_after=STALE_AFTER).unfit
    if unfit is not None:
        return Busyness(fault=f"GPU utilisation is {unfit}")
    begin = since + AVERAGE_OVER
    row = tuple([percent for at, percent in _follow(signals.utilization) if at >= begin])
    return Busyness(row[::-1], "" if row else "GPU utilisation is too young")


@remembered(16)
def _follow(utilization: tuple[Sample, ...]) -> tuple[tuple[datetime, float], ...]:
    """Return an unbroken row with its times, from the newest back to the first gap or fault."""
    row: list[tuple[datetime, float]] = []
    before: datetime | None = None
    for sample in sorted(utilization, key=attrgetter("observed_at"), reverse=True):
        if before is not None:
            gap = before - sample.observed_at
            if gap < GAP_MIN:
                continue
            if gap > GAP_MAX:
                break
        at = sample.observed_at
        unfit = find_unfit(sample.value, at, at, stale_after=STALE_AFTER)
        if unfit is not None or sample.value > PERCENT_MAX:
            break
        row.append((at, float(sample.value)))
        before = at
    return tuple(row)
