"""How many more sessions there will be when capacity decided on now is ready.

Two views, of which the larger counts: where the last minutes lead to, and what is usual at
this time of the week. A forecast is never below zero and never lowers anything: that fewer
are expected is no reason to send capacity away before they have gone. Called by
`core/agents_size`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from voicefleet.core.arrivals import BIN_SECONDS, RECENT_BINS
from voicefleet.core.season import Season
from voicefleet.core.steps import Steps

TREND_SECONDS = 300
"""Five minutes are long enough to tell a trend from chance in a fleet of dozens."""

GATE_SIGMAS = 2.0
"""A rise within two standard deviations of chance is none."""


BURST_BINS = 4
"""The last minute: long enough to tell ten callers from three, and over before a ramp is."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Sessions to expect on top of those that run, a lead time from now."""

    trend: float
    season: float
    burst: float = 0.0

    @property
    def sessions(self) -> float:
        """What to make room for."""
        return max(self.trend, self.season, self.burst)

    @property
    def name(self) -> str:
        """Which of them counts."""
        views = {"trend": self.trend, "season": self.season, "burst": self.burst}
        return max(views, key=lambda name: views[name])


def make_forecast(
    concurrency: Steps,
    season: Season,
    sessions: float,
    *,
    now: int,
    lead_seconds: float,
    arrivals: Sequence[int] = (),
) -> Forecast:
    """Look one lead time ahead.

    Args:
        concurrency: Sessions over the last minutes.
        season: The last weeks.
        sessions: Running now.
        now: Seconds since 1970.
        lead_seconds: How far to look.
        arrivals: Sessions begun in each of the last bins of 15 s, the oldest first.
    """
    return Forecast(
        trend=follow_trend(concurrency, now, lead_seconds),
        season=season.usual_rise(now, lead_seconds, sessions),
        burst=follow_burst(arrivals, sessions, lead_seconds),
    )


def follow_trend(concurrency: Steps, now: int, lead_seconds: float) -> float:
    """Return the rise of the last five minutes, beyond chance, carried on for a lead time.

    Mean of the first third 100, of the last third 140, of all 120: the middles of the thirds
    are 200 s apart, chance explains 2 * sqrt(120) = 21.9, so (40 - 21.9) / 200 s, and with a
    lead time of 60 s 5.4 sessions more. Without five minutes of knowledge there is no trend.
    """
    third = TREND_SECONDS // 3
    first = concurrency.mean(now - TREND_SECONDS, now - 2 * third)
    last = concurrency.mean(now - third, now)
    overall = concurrency.mean(now - TREND_SECONDS, now)
    if first is None or last is None or overall is None:
        return 0.0
    beyond_chance = last - first - GATE_SIGMAS * math.sqrt(max(1.0, overall))
    return max(0.0, beyond_chance) / (2 * third) * lead_seconds


def follow_burst(arrivals: Sequence[int], sessions: float, lead_seconds: float) -> float:
    """Return the rise that the arrivals of the last minute lead to, beyond chance.

    A ramp shows in arrivals minutes before it shows in sessions: 40 calls began in this
    minute and 1.4 in each of the ten before it. Chance explains 2 * sqrt(1.4) = 2.4 of them;
    the other 36.2 a minute are more than before, and within a lead time of 180 s that is 109
    sessions, fewer by those that end meanwhile (Little: 40 sessions at 1.4 a minute last 29
    minutes, so few do: 104 stay). Without ten minutes of knowledge there is no burst.
    """
    before, recent = arrivals[-BURST_BINS - RECENT_BINS : -BURST_BINS], arrivals[-BURST_BINS:]
    if len(before) < RECENT_BINS:
        return 0.0
    usual = sum(before) / len(before) * BURST_BINS
    chance = GATE_SIGMAS * math.sqrt(max(1.0, usual))
    extra_per_second = max(0.0, sum(recent) - usual - chance) / (BURST_BINS * BIN_SECONDS)
    if usual == 0:
        return extra_per_second * lead_seconds
    lasts_seconds = max(1.0, sessions / (usual / (BURST_BINS * BIN_SECONDS)))
    return extra_per_second * lasts_seconds * -math.expm1(-lead_seconds / lasts_seconds)
