"""The bucket bounds: how wrong a P95 is that Prometheus interpolates between them."""

import math
from bisect import bisect_left
from collections.abc import Iterable
from itertools import pairwise, product
from statistics import NormalDist

import pytest

from voicefleet.api.metrics import LATENCY_BOUNDS_SECONDS

QUANTILE = 0.95
Z = NormalDist().inv_cdf(QUANTILE)
SIGMAS = (0.25, 0.4, 0.6)
TRUE_P95S = (
    0.28, 0.3, 0.32, 0.34, 0.36, 0.38, 0.39, 0.41, 0.42, 0.44, 0.46, 0.5, 0.55, 0.6, 0.65, 0.7,
    0.75, 0.79, 0.82, 0.9, 1.0, 1.2,
)  # fmt: skip
"""Seconds; dense where the operator acts and where it alarms. With three spreads 66 cases."""
CASES = tuple(product(TRUE_P95S, SIGMAS))
PYTHON_CLIENT_DEFAULT = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0
)  # fmt: skip


def shares(bounds: tuple[float, ...], true_p95: float, sigma: float) -> list[float]:
    """Return the share of turns at or below each bound, for log-normal latencies."""
    normal = NormalDist(math.log(true_p95) - Z * sigma, sigma)
    return [normal.cdf(math.log(bound)) for bound in bounds]


def estimate(bounds: tuple[float, ...], true_p95: float, sigma: float) -> float:
    """Return the P95 as `histogram_quantile` interpolates it within the bucket it falls into."""
    below = [0.0, *shares(bounds, true_p95, sigma)]
    edges = (0.0, *bounds)
    number = bisect_left(below, QUANTILE)
    if number == len(below):
        return bounds[-1]
    part = (QUANTILE - below[number - 1]) / (below[number] - below[number - 1])
    return edges[number - 1] + part * (edges[number] - edges[number - 1])


def errors(bounds: tuple[float, ...], cases: Iterable[tuple[float, float]] = CASES) -> list[float]:
    """Return the relative error of each case."""
    return [abs(estimate(bounds, p95, sigma) / p95 - 1) for p95, sigma in cases]


def test_a_p95_is_wrong_by_less_than_four_hundredths():
    """The trigger is a number of milliseconds; a coarse bucket would move it by hundreds."""
    found = errors(LATENCY_BOUNDS_SECONDS)

    assert len(found) == 66
    assert max(found) <= 0.035


@pytest.mark.parametrize(
    ("first", "last", "worst"),
    [pytest.param(280, 1000, 0.035, id="to-1-s"), pytest.param(1000, 1250, 0.05, id="above-1-s")],
)
def test_the_error_between_the_cases_is_bounded_too(first: int, last: int, worst: float):
    """Above 1 s, where an alarm has long been raised, buckets are wider, and one more per cent."""
    cases = product((milliseconds / 1000 for milliseconds in range(first, last, 5)), SIGMAS)

    assert max(errors(LATENCY_BOUNDS_SECONDS, cases)) <= worst


@pytest.mark.parametrize("limit", [0.4, 0.8])
def test_no_p95_lands_on_the_wrong_side_of_a_limit(limit: float):
    """At 400 ms the operator acts, at 800 ms it alarms: both are bounds themselves."""
    wrong = [
        case
        for case in CASES
        if (case[0] > limit) != (estimate(LATENCY_BOUNDS_SECONDS, *case) > limit)
    ]

    assert wrong == []


def test_a_clients_default_bounds_would_not_do():
    """The measure must be able to fail: with these, a P95 is off by up to three quarters."""
    assert max(errors(PYTHON_CLIENT_DEFAULT)) > 0.5


def test_bounds_grow():
    """A histogram with a bound out of order is refused by every client."""
    assert all(lower < upper for lower, upper in pairwise(LATENCY_BOUNDS_SECONDS))
