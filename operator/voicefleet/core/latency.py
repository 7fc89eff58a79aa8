"""What slow answers mean for the size: a worker holds fewer sessions than was thought.

TTFB is flat over a wide range of load and then a cliff, so it never says how many workers are
needed. While workers are well filled and answers are slow for two windows, each counts for a
tenth less; while they are well filled and answers are fast for ten minutes, for a fiftieth
more. Slow answers of workers that have room are no matter of capacity, and nothing is added:
then a stage, or a provider that limits its callers, is to blame. Called by
`core/agents_size` and by the conditions about signals.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from voicefleet.core.readings import Reading, Unfit, read_sample
from voicefleet.core.stored import read_number, read_whole
from voicefleet.model.signal import Sample, Signals, Stage

TURNS_MIN = 20
"""The P95 of fewer turns is little more than the slowest of them."""

WINDOW_SECONDS = 120
"""The time over which the P95 is measured; one window is judged once."""

WINDOWS_SLOW = 2
"""One slow window may be one slow caller."""

STEP_DOWN = 0.9
STEP_UP = 0.02
DERATE_MIN = 0.5
"""A worker never counts for less than half: slower than that, something else is wrong."""

WELL_FILLED = 0.6
"""Below this load more workers would not make answers faster."""

FILLED_FOR_RECOVERY = 0.8
"""Fast answers prove something only under load."""

GOOD_SHARE = 0.8
"""Fast is below this share of the target: 320 of 400 ms."""

GOOD_SECONDS = 600
"""So long have answers to be fast for one step up."""

STAGE_SHARES = {
    Stage.ENDPOINTING: 0.25,
    Stage.STT: 0.15,
    Stage.LLM: 0.35,
    Stage.TTS: 0.20,
    Stage.NETWORK: 0.05,
}
"""How a target divides among the stages: of 400 ms the language model has 140 ms."""


FEW, EMPTY = "few", "empty"
"""How a provider's fault begins when too few turns were measured, or none ever."""


@dataclass(frozen=True, slots=True)
class Latency:
    """What the metrics provider said about answers, judged."""

    target_milliseconds: int
    ttfb_milliseconds: float | None = None
    """The P95; None where it cannot be used."""
    stages: Mapping[Stage, float] = field(default_factory=dict)
    """P95 in milliseconds of the stages that can be used."""
    is_rate_limited: bool = False
    """Whether a provider refused requests because there were too many."""
    fault: str = ""
    """Why the P95 cannot be used, where that is a fault; too few turns are none."""

    is_absent: bool = False
    """Whether the provider has nothing to say about answers, which is right without callers."""

    @property
    def is_slow(self) -> bool:
        """Whether callers wait longer than the target."""
        return (self.ttfb_milliseconds or 0.0) > self.target_milliseconds

    @property
    def is_fast(self) -> bool:
        """Whether callers wait clearly less than the target."""
        known = self.ttfb_milliseconds
        return known is not None and known < GOOD_SHARE * self.target_milliseconds

    @property
    def guilty(self) -> tuple[Stage, float, float] | None:
        """The stage with the largest excess: its P95, and its part of the target."""
        excess = [
            (value - share * self.target_milliseconds, stage)
            for stage, share in STAGE_SHARES.items()
            if (value := self.stages.get(stage, 0.0)) > share * self.target_milliseconds
        ]
        if not excess:
            return None
        stage = max(excess)[1]
        return stage, self.stages[stage], STAGE_SHARES[stage] * self.target_milliseconds


def view_latency(
    signals: Signals, now: datetime, *, target_milliseconds: int, stale_after: timedelta
) -> Latency:
    """Judge what a metrics provider said about the fleet's answers."""

    def read(sample: Sample | None, count_min: int = TURNS_MIN) -> Reading:
        return read_sample(sample, now, stale_after=stale_after, count_min=count_min)

    ttfb = read(signals.ttfb_milliseconds)
    told = signals.faults.get("ttfb") or signals.faults.get("metricsProvider", "")
    stages = {stage: read(sample).value for stage, sample in signals.stages.items()}
    return Latency(
        target_milliseconds,
        ttfb.value,
        {stage: value for stage, value in stages.items() if value is not None},
        is_rate_limited=(read(signals.rate_limit_hits, 0).value or 0) > 0,
        fault=_find_fault(ttfb, told),
        is_absent=ttfb.unfit is Unfit.MISSING and (not told or told.startswith(EMPTY)),
    )


def _find_fault(ttfb: Reading, told: str) -> str:
    """Return what is wrong with the TTFB; too few turns are no fault but a quiet hour."""
    is_few = ttfb.unfit is Unfit.TOO_FEW or told.startswith(FEW)
    return "" if ttfb.is_fit or is_few else told or str(ttfb.unfit)


@dataclass(frozen=True, slots=True)
class Guard:
    """What the fleet has learnt about its workers."""

    derate: float = 1.0
    """Share of its slots that a worker counts for."""
    slow_windows: int = 0
    """Slow windows in a row."""
    window: int | None = None
    """Number of the last slow window."""
    fast_since: int | None = None
    """Since when answers are fast under load; noted only while there is something to regain."""

    def judge(self, latency: Latency, *, load: float, now: datetime) -> "Guard":
        """Return what is learnt from the present window.

        Args:
            latency: What is known about answers now.
            load: Sessions per worker, as a share of what a worker counts for.
            now: The cycle's single clock reading.
        """
        at = int(now.timestamp())
        if latency.ttfb_milliseconds is None:
            return Guard(self.derate)
        if latency.is_slow:
            return self._suffer(at, is_ours=load >= WELL_FILLED and not latency.is_rate_limited)
        return self._recover(at, latency, load)

    def to_json(self) -> dict[str, Any]:
        """Return the form that memory keeps."""
        return {
            "derate": self.derate,
            "slowWindows": self.slow_windows,
            "window": self.window,
            "fastSince": self.fast_since,
        }

    def _suffer(self, at: int, *, is_ours: bool) -> "Guard":
        window = at // WINDOW_SECONDS
        if not is_ours:
            return Guard(self.derate)
        if window == self.window:
            return Guard(self.derate, self.slow_windows, window)
        follows = self.window is not None and window == self.window + 1
        row = self.slow_windows + 1 if follows else 1
        if row < WINDOWS_SLOW:
            return Guard(self.derate, row, window)
        return Guard(max(DERATE_MIN, round(self.derate * STEP_DOWN, 3)), 0, window)

    def _recover(self, at: int, latency: Latency, load: float) -> "Guard":
        if load < FILLED_FOR_RECOVERY or not latency.is_fast or self.derate >= 1:
            return Guard(self.derate)
        since = self.fast_since if self.fast_since is not None and self.fast_since <= at else at
        if at - since < GOOD_SECONDS:
            return Guard(self.derate, fast_since=since)
        return Guard(min(1.0, round(self.derate + STEP_UP, 3)), fast_since=at)


def read_guard(stored: object) -> Guard:
    """Return what was learnt; what cannot be read is forgotten."""
    if not isinstance(stored, Mapping):
        return Guard()
    derate = read_number(stored.get("derate"))
    if derate is None or not DERATE_MIN <= derate <= 1:
        return Guard()
    return Guard(
        derate,
        read_whole(stored.get("slowWindows")) or 0,
        read_whole(stored.get("window")),
        read_whole(stored.get("fastSince")),
    )
