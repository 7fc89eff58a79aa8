"""The safety stock: room for callers who come while new capacity is still starting.

Within one lead time some number of callers comes and some number of calls ends, and neither is
known beforehand. What is known is how much such numbers vary. The stock covers `z` standard
deviations of that, so it grows with the square root of a fleet: 10 sessions need half as much
again, 1,000 need a few per cent. Called by `core/agents_size`.
"""

import math

Z = 1.5
"""Standard deviations covered. Of the values tried on recorded weeks it left fewer callers
unserved than a HPA at 50 % with fewer worker-hours; 2 would cost a third more stock."""

UNEVEN_MAX = 25.0
"""Arrivals count as at most so many times as uneven as chance alone makes them: one burst an
hour ago must not hold a fleet's worth of spares."""


def safety_stock(
    sessions: float, rate_per_second: float, lead_seconds: float, *, measured: float | None
) -> float:
    """Return the sessions to keep room for, beside those that run and those forecast.

    Args:
        sessions: Running now.
        rate_per_second: Sessions that begin per second.
        lead_seconds: From deciding on capacity to that capacity taking sessions.
        measured: Variance of arrivals within a lead time, as measured; None where unknown,
            then they vary as chance alone makes them (Poisson: variance = mean).

    60 sessions, one new every 3 s, lead time 60 s: 20 arrivals (variance 20) and at most 20
    ends are due, so 1.5 * sqrt(20 + 20) = 9.5 sessions.
    """
    expected = rate_per_second * lead_seconds
    variance = min(max(expected, measured or 0.0), UNEVEN_MAX * expected)
    # Little's law: of n sessions that last D on average, n * L / D end within L, and D is
    # n / rate. So the ends are as many as the arrivals, but never more than there are.
    ends = min(sessions, expected)
    return Z * math.sqrt(variance + ends)
