"""How many more sessions there will be when capacity decided on now is ready.

Two views, of which the larger counts: where the last minutes lead to, and what is usual at
this time of the week. A forecast is never below zero and never lowers anything: that fewer
are expected is no reason to send capacity away before they have gone. Called by
`core/agents_size`.
"""

import math
from dataclasses import dataclass

from voicefleet.core.season import Season
from voicefleet.core.steps import Steps

TREND_SECONDS = 300
"""Five minutes are long enough to tell a trend from chance in a fleet of dozens."""

GATE_SIGMAS = 2.0
"""A rise within two standard deviations of chance is none."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Sessions to expect on top of those that run, a lead time from now."""

    trend: float
    season: float

    @property
    def sessions(self) -> float:
        """What to make room for."""
        return max(self.trend, self.season)

    @property
    def name(self) -> str:
        """Which of the two counts."""
        return "season" if self.season > self.trend else "trend"


def make_forecast(
    concurrency: Steps, season: Season, sessions: float, *, now: int, lead_seconds: float
) -> Forecast:
    """Look one lead time ahead.

    Args:
        concurrency: Sessions over the last minutes.
        season: The last weeks.
        sessions: Running now.
        now: Seconds since 1970.
        lead_seconds: How far to look.
    """
    return Forecast(
        trend=follow_trend(concurrency, now, lead_seconds),
        season=season.usual_rise(now, lead_seconds, sessions),
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
