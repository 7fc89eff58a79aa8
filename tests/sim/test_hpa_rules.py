"""The model of the HPA against the cases that Kubernetes publishes for the real one.

Numbers are those of pkg/controller/podautoscaler/replica_calculator_test.go and
horizontal_test.go; a model that failed one of them would be a straw man to win against.
"""

import math
from collections.abc import Iterable

import pytest

from voicefleet.sim.hpa import (
    Normalizer,
    PodReading,
    Rate,
    size_by_pods,
    size_by_share,
    size_by_total,
)

WHOLE_REQUEST = 100
"""Per cent that the HPA assumes for a pod without a CPU metric when it would shrink."""


def pods_with(values: Iterable[int], *, missing: int = 0, unready: int = 0) -> list[PodReading]:
    """Return pods with these metrics, and others that have none or do not count."""
    silent = [PodReading() for _ in range(missing)]
    starting = [PodReading(value=100, is_unready=True) for _ in range(unready)]
    return [*[PodReading(value=value) for value in values], *silent, *starting]


@pytest.mark.parametrize(
    ("current", "percent", "missing", "unready", "target", "expected"),
    [
        pytest.param(3, [30, 50, 70], 0, 0, 30, 5, id="grows"),
        pytest.param(3, [50, 70], 0, 1, 30, 4, id="an-unready-pod-holds-it-back"),
        pytest.param(3, [40], 0, 2, 30, 3, id="two-unready-pods-stop-it"),
        pytest.param(5, [10, 30, 50, 25, 25], 0, 0, 50, 3, id="shrinks"),
        pytest.param(5, [10, 30, 50], 0, 2, 50, 2, id="unready-pods-do-not-stop-shrinking"),
        pytest.param(3, [102, 102, 102], 0, 0, 100, 3, id="tolerance"),
        pytest.param(4, [400, 950, 300, 700], 0, 0, 100, 24, id="far-above"),
        pytest.param(4, [40, 9], 2, 0, 100, 3, id="missing-ones-count-as-full-when-shrinking"),
        pytest.param(2, [190], 1, 0, 100, 2, id="a-missing-one-stops-growth"),
        pytest.param(2, [60], 1, 0, 100, 2, id="a-missing-one-stops-shrinking"),
        pytest.param(3, [200], 1, 1, 50, 4, id="missing-and-unready-still-grow"),
        pytest.param(4, [10, 10], 1, 1, 50, 3, id="missing-and-unready-shrink-less"),
    ],
)
def test_the_average_per_pod_gives_the_published_counts(
    current, percent, missing, unready, target, expected
):
    """Pods that say nothing are counted for the cautious direction, exactly as upstream."""
    pods = pods_with(percent, missing=missing, unready=unready)

    assert size_by_pods(current, pods, target, assumed=WHOLE_REQUEST) == expected


@pytest.mark.parametrize(
    ("current", "milli", "target", "expected"),
    [
        pytest.param(3, [20000, 10000, 30000], 15000, 4, id="grows"),
        pytest.param(3, [50000, 10000, 30000], 15000, 6, id="doubles"),
        pytest.param(3, [50000, 15000, 30000], 15000, 7, id="seven"),
        pytest.param(5, [12000] * 5, 20000, 3, id="shrinks"),
        pytest.param(3, [20000, 21000, 21000], 20000, 3, id="tolerance"),
        pytest.param(1, [8600], 4400, 2, id="one-pod"),
    ],
)
def test_a_custom_metric_gives_the_published_counts(current, milli, target, expected):
    """Sessions per worker are such a metric; it is the HPA that users would build."""
    assert size_by_pods(current, pods_with(milli), target) == expected


def test_a_fleet_without_any_metric_is_left_alone():
    """The real HPA reports an error then, and changes nothing."""
    assert size_by_pods(4, pods_with([], missing=4), 100) is None


def test_pods_on_their_way_out_are_no_pods():
    """Failed and deleted pods are in no average (case `ignores deletion pods`)."""
    leaving = [PodReading(value=10, is_counted=False)] * 2

    assert size_by_pods(2, [*pods_with([50, 70]), *leaving], 30, assumed=WHOLE_REQUEST) == 4


@pytest.mark.parametrize(
    ("current", "ready", "total", "target", "expected"),
    [
        pytest.param(3, 1, 8600, 4400, 2, id="only-ready-pods-are-multiplied"),
        pytest.param(5, 5, 8600, 14334, 3, id="shrinks"),
        pytest.param(3, 3, 8600, 8888, 3, id="tolerance"),
        pytest.param(3, 3, 20000, 15000, 4, id="object"),
        pytest.param(3, 1, 50000, 10000, 5, id="object-with-unready-pods"),
    ],
)
def test_a_total_gives_the_published_counts(current, ready, total, target, expected):
    """External and object metrics with a target Value."""
    assert size_by_total(current, ready, total, target) == expected


@pytest.mark.parametrize(
    ("current", "total", "target", "expected"),
    [
        pytest.param(3, 8600, 2150, 4, id="grows"),
        pytest.param(5, 8600, 2867, 3, id="shrinks"),
        pytest.param(3, 8600, 2900, 3, id="tolerance"),
        pytest.param(3, 20000, 5000, 4, id="object"),
        pytest.param(5, 6000, 2000, 3, id="object-shrinks"),
        pytest.param(4, 20166, 5000, 4, id="object-tolerance"),
    ],
)
def test_a_share_per_pod_gives_the_published_counts(current, total, target, expected):
    """AverageValue: what KEDA writes into the HPA that it makes."""
    assert size_by_share(current, total, target) == expected


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        pytest.param([], 5, id="nothing-remembered"),
        pytest.param([(-120, 4), (-60, 5)], 5, id="stabilised"),
        pytest.param([(-120, 1), (-60, 2)], 5, id="lower-wishes-do-not-count"),
        pytest.param([(-600, 10), (-540, 9)], 5, id="too-old"),
        pytest.param([(-600, 10), (-60, 4), (-120, 8), (-540, 9)], 8, id="old-and-new"),
    ],
)
def test_the_highest_wish_of_five_minutes_decides_the_way_down(earlier, expected):
    """One dip must not shrink a fleet; the window is upstream's default of 300 s."""
    memory = Normalizer(1, 1000, wanted=list(earlier))

    assert memory.stabilize(100, 5, 0.0) == expected


@pytest.mark.parametrize(
    ("current", "desired", "low", "high", "expected"),
    [
        pytest.param(5, 7, 3, 8, 7, id="within-bounds"),
        pytest.param(3, 1, 2, 8, 2, id="minimum"),
        pytest.param(1, 0, 0, 10, 1, id="never-zero"),
        pytest.param(20, 1000, 1, 10, 10, id="maximum"),
        pytest.param(3, 1000, 1, 2000, 7, id="at-most-four-more-from-three"),
        pytest.param(10, 50, 1, 1000, 20, id="at-most-double"),
        pytest.param(10, 5, 1, 1000, 5, id="down-at-once"),
    ],
)
def test_the_default_rates_and_bounds_hold(current, desired, low, high, expected):
    """4 pods or 100 % per 15 s up, 100 % down, then minimum and maximum."""
    assert Normalizer(low, high).limit(current, desired, 0.0) == expected


@pytest.mark.parametrize(
    ("rate", "steps", "current", "desired", "expected"),
    [
        pytest.param(Rate(4, 100, 60), [1, 2, 3, 4, 5], 100, 500, 170, id="default"),
        pytest.param(Rate(5, 0, 120), [1, 5, 9], 100, 500, 100, id="spent-already"),
        pytest.param(Rate(150, None, 120), [1, 5, 9], 100, 500, 235, id="pods"),
        pytest.param(Rate(None, 200, 120), [1, 5, 9], 100, 500, 255, id="percent"),
        pytest.param(Rate(None, 50, 120), [-2, -4, -6], 100, 0, 56, id="down-percent"),
        pytest.param(Rate(5, None, 120), [-1, -5, -9], 100, 2, 100, id="down-spent-already"),
        pytest.param(Rate(None, 10, 120), [-10] * 3, 100, 0, 100, id="down-percent-spent"),
        pytest.param(Rate(None, 1000, 120), [-10] * 3, 10, 5, 5, id="more-than-everything"),
    ],
)
def test_what_moved_within_the_period_counts_against_the_rate(
    rate, steps, current, desired, expected
):
    """A rate is per period, not per look; changes older than the period are forgotten."""
    changes = [(-59.0, step) for step in steps] + [(-rate.period_seconds - 1, 42)]
    memory = Normalizer(1, 1000, up=rate, down=rate, changes=changes)

    assert memory.limit(current, desired, 0.0) == expected


def test_tolerance_is_computed_on_the_ratio():
    """Ten pods at 50 % of their request: 56 % as target moves them, 55.6 % does not."""
    pods = pods_with([50] * 10)

    wanted = [size_by_pods(10, pods, target, assumed=WHOLE_REQUEST) for target in (56, 55)]

    assert wanted == [math.ceil(50 / 56 * 10), 10]
