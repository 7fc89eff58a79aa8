"""The rules of the Kubernetes HorizontalPodAutoscaler v2, exactly, as pure functions.

From kubernetes/kubernetes pkg/controller/podautoscaler (replica_calculator.go, horizontal.go);
the tests pass its own published cases. Counts come in the metric's smallest unit (milli, or
per cent of a request), and averages are cut to whole units as there. Called by `sim/peers`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

TOLERANCE = 0.1
"""--horizontal-pod-autoscaler-tolerance."""

REMEMBERED_SECONDS = 1800.0
"""The longest period that a rate may have (autoscaling/v2 validation)."""

STABILIZATION_SECONDS = 300.0
"""behavior.scaleDown.stabilizationWindowSeconds; scaleUp's is 0."""


@dataclass(frozen=True, slots=True)
class PodReading:
    """One pod as the HPA sees it."""

    value: int | None = None
    """Its metric; None where the metrics API has none for it."""
    is_counted: bool = True
    """False for a pod that failed or is being deleted: it is no pod to the HPA."""
    is_unready: bool = False
    """Pending, or, for CPU only, still initialising: its value does not count."""


def size_by_pods(
    current: int, pods: Sequence[PodReading], target: int, *, assumed: int | None = None
) -> int | None:
    """Return the count for an average per pod, or None while no pod has a metric.

    Args:
        current: `spec.replicas`.
        pods: Everything that the selector finds.
        target: Wanted average.
        assumed: What a pod without a metric is taken to use when the count would shrink: 100
            for a resource (its whole request), the target for every other metric.
    """
    ready, missing, unready = _sort_out(pods)
    if not ready:
        return None
    ratio = _ratio(ready, target)
    if not missing and (ratio <= 1 or not unready):
        return current if _is_tolerated(ratio) else math.ceil(ratio * len(ready))
    fill = target if assumed is None else assumed
    values = ready + _assume(ratio, missing, unready, fill=fill)
    return _keep_direction(current, ratio, _ratio(values, target), len(values))


def _sort_out(pods: Sequence[PodReading]) -> tuple[list[int], int, int]:
    """Return the values, how many pods have none, and how many have just begun."""
    counted = [pod for pod in pods if pod.is_counted]
    judged = [pod.value for pod in counted if not pod.is_unready]
    ready = [value for value in judged if value is not None]
    return ready, len(judged) - len(ready), len(counted) - len(judged)


def _assume(ratio: float, missing: int, unready: int, *, fill: int) -> list[int]:
    """Return what pods of which nothing is known are taken to use.

    Args:
        ratio: Of the others' average and the target. Where it would shrink the count, a pod
            without a metric counts as `fill`; where it would grow it, it counts as idle.
        missing: Pods without a metric.
        unready: Pods that have just begun; idle where the count would grow.
        fill: A pod's assumed value.
    """
    if ratio > 1:
        return [0] * (missing + unready)
    return [fill] * missing if ratio < 1 else []


def _keep_direction(current: int, before: float, after: float, count: int) -> int:
    """Change nothing where assumptions about silent pods turn the answer round."""
    if _is_tolerated(after) or (before < 1 < after) or (after < 1 < before):
        return current
    wanted = math.ceil(after * count)
    if (after < 1 and wanted > current) or (after > 1 and wanted < current):
        return current
    return wanted


def size_by_total(current: int, ready: int, total: float, target: float) -> int:
    """Return the count for an external or object metric with a target Value."""
    ratio = total / target
    return current if _is_tolerated(ratio) else math.ceil(ratio * ready)


def size_by_share(current: int, total: float, target: float) -> int:
    """Return the count for an external metric with a target AverageValue, as KEDA sets it."""
    if current and _is_tolerated(total / (target * current)):
        return current
    return math.ceil(total / target)


def _ratio(values: Sequence[int], target: int) -> float:
    return (sum(values) // len(values)) / target


def _is_tolerated(ratio: float) -> bool:
    return abs(1.0 - ratio) <= TOLERANCE


@dataclass(frozen=True, slots=True)
class Rate:
    """How far one `behavior` lets the count move within a period: the larger of both."""

    pods: int | None = None
    percent: int | None = None
    period_seconds: float = 15.0


UP = Rate(pods=4, percent=100)
DOWN = Rate(percent=100)
"""The defaults of autoscaling/v2: 4 pods or double, and everything at once."""


@dataclass(slots=True)
class Normalizer:
    """What an HPA remembers between two looks, and the order of its limits.

    Stabilise first, then the rate, then minimum and maximum.
    """

    low: int
    high: int
    up: Rate = UP
    down: Rate = DOWN
    window_seconds: float = STABILIZATION_SECONDS
    wanted: list[tuple[float, int]] = field(default_factory=list)
    changes: list[tuple[float, int]] = field(default_factory=list)
    """Each change of the count with its time; what came down is negative."""

    def normalize(self, current: int, desired: int, now: float) -> int:
        """Return what the HPA sets now."""
        limited = self.limit(current, self.stabilize(current, desired, now), now)
        if limited != current:
            self.changes.append((now, limited - current))
        return limited

    def stabilize(self, current: int, desired: int, now: float) -> int:
        """Go down only as far as the highest wish of the window."""
        self.wanted = [one for one in self.wanted if now - one[0] <= self.window_seconds]
        highest = max([desired, *(count for _, count in self.wanted)])
        self.wanted.append((now, desired))
        # The way up has a window of 0 s: the count itself, unless it lies above all wishes.
        return min(max(current, desired), highest)

    def limit(self, current: int, desired: int, now: float) -> int:
        """Bound the step by its rate, then by minimum and maximum."""
        low = max(1, self.low)
        if desired > current:
            return min(desired, max(current, self._highest(current, now)), self.high)
        if desired < current:
            return max(desired, min(current, self._lowest(current, now)), low)
        return min(max(desired, low), self.high)

    def _highest(self, current: int, now: float) -> int:
        start = current - self._moved(self.up, now)
        by_pods = start + self.up.pods if self.up.pods is not None else start
        by_percent = start
        if self.up.percent is not None:
            by_percent = math.ceil(start * (1 + self.up.percent / 100))
        return max(by_pods, by_percent)

    def _lowest(self, current: int, now: float) -> int:
        start = current - self._moved(self.down, now)
        limits = []
        if self.down.pods is not None:
            limits.append(start - self.down.pods)
        if self.down.percent is not None:
            limits.append(int(start * (1 - self.down.percent / 100)))
        return min(limits, default=0)

    def _moved(self, rate: Rate, now: float) -> int:
        """Return by how much the count has moved within the rate's period."""
        self.changes = [one for one in self.changes if now - one[0] <= REMEMBERED_SECONDS]
        return sum(step for instant, step in self.changes if now - instant < rate.period_seconds)
