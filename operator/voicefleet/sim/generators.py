"""Traces that need no file: shapes of demand that voice fleets live through.

Each is a rate per minute; `sim/traffic` draws the callers. Numbers are sized for a fleet of
about 300 sessions. Called by `sim/simulate` and `cli/simulate` through `GENERATORS`.
"""

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

from voicefleet.model.surge import Surge
from voicefleet.sim.traffic import MINUTES_PER_DAY, Trace, follow_sessions

INTERVIEWS_AT_PEAK = 10.2
"""Interviews begun per minute that keep 300 running: 300 sessions / 29.4 minutes."""

SATURDAY = 5
"""First day of the weekend; a simulation starts on a Monday at midnight."""

HOURS = (
    (0, 0.02), (6, 0.02), (8, 0.25), (9, 0.85), (10, 1.0), (11.5, 0.95), (12.5, 0.6),
    (13.5, 0.9), (15, 1.0), (16.5, 0.8), (18, 0.3), (20, 0.1), (22, 0.03), (24, 0.02),
)  # fmt: skip
"""Share of the peak by hour of a working day: two humps around lunch."""

CAMPUS_BASE = 40.0
"""Interviews at once on an ordinary day of a campus fleet."""
CAMPUS_PEAK = 500.0
"""Interviews at once on the day itself."""
CAMPUS_STARTS, CAMPUS_RAMP, CAMPUS_ENDS = 9 * 60, 12, 15 * 60
"""Doors open at 9:00, everybody is there by 9:12, the last interview begins at 15:00."""

VIRAL_BASE = 20.0
"""Calls per minute of a help line on a quiet day: 61 at once."""
VIRAL_SPIKES_PER_DAY = 5
VIRAL_HALF_LIFE_MINUTES = 12.0
"""A post spreads in two minutes and is forgotten by half every twelve."""


def _interpolate(hour: float) -> float:
    for (start, low), (end, high) in pairwise(HOURS):
        if start <= hour <= end:
            return low + (high - low) * (hour - start) / (end - start)
    return HOURS[-1][1]


def office_hours(days: int = 7) -> Trace:
    """Interviews in office hours, a tenth of them at the weekend: predictable, with steep ramps."""
    rates = []
    for minute in range(days * MINUTES_PER_DAY):
        is_weekend = minute // MINUTES_PER_DAY % 7 >= SATURDAY
        share = _interpolate(minute % MINUTES_PER_DAY / 60)
        rates.append(INTERVIEWS_AT_PEAK * share * (0.1 if is_weekend else 1.0))
    return Trace("office-hours", tuple(rates))


def campus_day(days: int = 1) -> Trace:
    """One day on which demand grows from 40 to 500 interviews in twelve minutes."""
    sessions = []
    for minute in range(days * MINUTES_PER_DAY):
        since = minute % MINUTES_PER_DAY - CAMPUS_STARTS
        is_on = 0 <= since < CAMPUS_ENDS - CAMPUS_STARTS
        ramp = min(1.0, since / CAMPUS_RAMP) if is_on else 0.0
        sessions.append(CAMPUS_BASE + (CAMPUS_PEAK - CAMPUS_BASE) * ramp)
    return follow_sessions("campus-day", sessions)


def viral(days: int = 3) -> Trace:
    """A help line that is mentioned somewhere: sudden spikes nobody announced, an adversary.

    The spikes stand at the same minutes in every run; who calls in them is drawn by the seed.
    """
    random = Random("viral spikes")
    minutes = days * MINUTES_PER_DAY
    spikes = [
        (random.randrange(minutes), random.uniform(1.0, 6.0))
        for _ in range(VIRAL_SPIKES_PER_DAY * days)
    ]
    decay = math.log(2) / VIRAL_HALF_LIFE_MINUTES
    rates = []
    for minute in range(minutes):
        daily = 1 + 0.4 * math.sin(2 * math.pi * (minute / MINUTES_PER_DAY - 0.375))
        extra = sum(
            height * min(1.0, (minute - start + 1) / 2) * math.exp(-decay * (minute - start))
            for start, height in spikes
            if minute >= start
        )
        rates.append(VIRAL_BASE * (daily + extra))
    return Trace("viral", tuple(rates), "call")


def steady(days: int = 1) -> Trace:
    """The same rate all day: whatever a policy changes here is its own restlessness."""
    return Trace("steady", (INTERVIEWS_AT_PEAK,) * (days * MINUTES_PER_DAY))


SURGE_FACTOR = 5.0
"""Ordinary demand beside announced one: a fifth of the largest peak."""


def announced(surges: Sequence[Surge], starts_at: datetime, days: int = 7) -> Trace:
    """Demand that does what a surge plan says, on top of an ordinary fifth of its peak.

    Windows that name workers instead of calls announce no number of calls and add none.
    """
    peak = max((surge.peak_sessions for surge in surges), default=0)
    sessions = []
    for minute in range(days * MINUTES_PER_DAY):
        instant = starts_at + timedelta(minutes=minute)
        here = [surge for surge in surges if surge.starts_at <= instant < surge.ends_at]
        told = max((_ramped(surge, instant) for surge in here), default=0.0)
        sessions.append(max(peak / SURGE_FACTOR, told))
    return follow_sessions("announced surge", sessions)


def _ramped(surge: Surge, instant: datetime) -> float:
    since = (instant - surge.starts_at).total_seconds()
    share = min(1.0, since / surge.ramp_seconds) if surge.ramp_seconds else 1.0
    return surge.peak_sessions * share


GENERATORS: dict[str, Callable[[], Trace]] = {
    "office-hours": office_hours,
    "campus-day": campus_day,
    "viral": viral,
    "steady": steady,
}
"""Every generated trace by the word that chooses it."""
