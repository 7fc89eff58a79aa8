"""How slow a worker answers at a given load: the one curve that all policies are judged by.

TTFB P95 of a worker that carries `u` (0..1) of the sessions it can physically hold:

    P95(u) = 240 / (1 - u)^0.305 ms        346 at 0.7, 392 at 0.8, 484 at 0.9

Flat, then a cliff: a worker of 8 safe sessions holds 10, and keeps 400 ms up to 8 of them. The
curve is an assumption, frozen under `curve_hash`; results of different hashes must not be
compared. Called by `sim/world` and `sim/metrics`.
"""

import hashlib
import math
from collections.abc import Iterable
from functools import cache

IDLE_MILLISECONDS = 240.0
"""P95 of a worker with one session: what endpointing, the models and the network take anyway."""

EXPONENT = 0.305
"""Chosen so that the P95 passes 400 ms between 80 and 82 % of the physical limit."""

LOAD_MAX = 0.99
"""The formula has no end; a full worker answers in 978 ms."""

HEADROOM = 1.25
"""Sessions that fit into a worker over those that it serves well: 10 for 8 slots."""

SPREAD = 0.28
"""Sigma of ln(TTFB) within one worker; it makes the P50 63 % and the P99 121 % of the P95."""

P50_SHARE = math.exp(-1.645 * SPREAD)
P99_SHARE = math.exp((2.326 - 1.645) * SPREAD)

NETWORK_MILLISECONDS = 20.0
"""The part that no load changes."""

STAGE_SHARES = {"endpointing": 40 / 220, "stt": 35 / 220, "llm": 95 / 220, "tts": 50 / 220}
"""How the rest divides among the stages of a turn; it grows alike in all of them."""


def ttfb_p95(load: float) -> float:
    """Return milliseconds at a load of 0..1 of the physical limit; more counts as 0.99."""
    free = 1 - min(max(load, 0.0), LOAD_MAX)
    return IDLE_MILLISECONDS / math.pow(free, EXPONENT)


def sessions_limit(slots: int) -> int:
    """Return how many sessions a worker can physically hold that serves `slots` well."""
    return math.ceil(slots * HEADROOM)


@cache
def slow_from(limit: int, target_milliseconds: float) -> int:
    """Return the least number of sessions that puts a worker's P95 above the target."""
    return next(
        (count for count in range(1, limit + 1) if ttfb_p95(count / limit) > target_milliseconds),
        limit + 1,
    )


def fleet_p95(counts: Iterable[int], limit: int) -> float:
    """Return the P95 over all sessions, given how many each worker holds.

    Each session makes turns at the same pace, so a worker's P95 counts as often as it has
    sessions. The mean of the workers' P95 stands for the P95 of the mixture: exact when all
    are loaded alike, too low by less than 6 % for any mix of 1 to 8 sessions of 10.
    """
    weights: dict[int, int] = {}
    for count in counts:
        if count:
            weights[count] = weights.get(count, 0) + count
    total = sum(weights.values())
    if not total:
        return 0.0
    return sum(_p95_of(count, limit) * weight for count, weight in weights.items()) / total


@cache
def _p95_of(count: int, limit: int) -> float:
    return ttfb_p95(count / limit)


def divide_into_stages(p95: float) -> dict[str, float]:
    """Return the P95 by stage of a turn."""
    if p95 <= 0:
        return {}
    rest = max(0.0, p95 - NETWORK_MILLISECONDS)
    return {
        **{stage: rest * share for stage, share in STAGE_SHARES.items()},
        "network": min(p95, NETWORK_MILLISECONDS),
    }


def describe_curve() -> str:
    """Return the formula with its numbers."""
    return f"P95(u) = {IDLE_MILLISECONDS:g} / (1 - u)^{EXPONENT:g} ms, limit = {HEADROOM:g} x slots"


def curve_hash() -> str:
    """Return 12 hex digits that change with any number of the curve."""
    text = repr((describe_curve(), LOAD_MAX, SPREAD, NETWORK_MILLISECONDS, STAGE_SHARES))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
