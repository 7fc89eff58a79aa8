"""The rules of KEDA around the HPA that it makes, exactly, as pure functions.

From kedacore/keda: pkg/scalers/prometheus_scaler.go (what an answer counts for),
pkg/fallback/fallback.go (what stands in for a metric that fails), and
pkg/scaling/executor/scale_scaledobjects.go (from and to zero, where no HPA scales). The tests
pass its own published cases. Between one replica and the maximum the HPA's rules hold
(`sim/hpa`). Called by `sim/peers`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

COOLDOWN_SECONDS = 300.0
"""spec.cooldownPeriod: how long nothing may be active before the last replicas go."""

FIELDS_OF_A_VALUE = 2
"""A value of a Prometheus answer is its time and its number."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """What counts while a trigger's metric cannot be read."""

    failures: int
    """failureThreshold: so many failures in a row are borne without it."""
    replicas: int

    @property
    def is_valid(self) -> bool:
        """Whether KEDA uses it; with a negative number it reports the error as without any."""
        return self.failures >= 0 and self.replicas >= 0


@dataclass(frozen=True, slots=True)
class Floor:
    """The smallest counts that a ScaledObject names."""

    low: int = 0
    """minReplicaCount."""
    idle: int | None = None
    """idleReplicaCount: what stays while nothing is active, below the minimum."""

    @property
    def low_of_hpa(self) -> int:
        """MinReplicas of the HPA, which cannot be 0."""
        return max(1, self.low)


def read_answer(rows: Sequence[Sequence[str]], *, nulls_are_zero: bool) -> float | None:
    """Return what the answer to a query counts for; None where KEDA reports an error.

    Args:
        rows: The value of each series in the answer: its time and its number, as text.
        nulls_are_zero: ignoreNullValues, true by default: no series, no value and an infinite
            one count as 0 then.
    """
    null = 0.0 if nulls_are_zero else None
    if not rows:
        return null
    if len(rows) > 1:
        return None
    row = rows[0]
    if not row:
        return null
    if len(row) < FIELDS_OF_A_VALUE:
        return None
    value = float(row[1])
    return value if math.isfinite(value) else null


def stand_in(
    value: float | None, failures: int, fallback: Fallback | None, *, target: float
) -> tuple[float | None, int]:
    """Return the metric that the HPA is given, and how often in a row it could not be read.

    Args:
        value: What was read; None for an error.
        failures: Errors in a row before this one.
        fallback: What the author wrote, if anything.
        target: The AverageValue; times replicas it is a metric that asks for just those.
    """
    if value is not None:
        return value, 0
    failures += 1
    if fallback is None or not fallback.is_valid or failures <= fallback.failures:
        return None, failures
    return target * fallback.replicas, failures


def is_active(value: float, threshold: float = 0.0) -> bool:
    """Say whether a trigger asks for anything at all: above its activationThreshold."""
    return value > threshold


def activate(
    current: int,
    floor: Floor,
    *,
    active: bool,
    idle_seconds: float | None,
    failed: bool = False,
) -> int:
    """Return the count that KEDA itself sets; the present one where it leaves that to the HPA.

    Args:
        current: Replicas now.
        floor: The author's.
        active: Whether any trigger asks for anything.
        idle_seconds: How long none has; None where none ever did, and then nobody waits.
        failed: Whether a trigger could not be read and none of the others is active.
    """
    if active:
        is_asleep = current == 0 or (floor.idle is not None and current < floor.low)
        return floor.low_of_hpa if is_asleep else current
    if failed:
        return current
    is_cool = idle_seconds is None or idle_seconds > COOLDOWN_SECONDS
    return _let_rest(current, floor, is_cool=is_cool)


def _let_rest(current: int, floor: Floor, *, is_cool: bool) -> int:
    """Return the count while no trigger asks for anything."""
    rest = 0 if floor.idle is None else floor.idle
    if current > rest and (floor.idle is not None or floor.low == 0):
        return rest if is_cool else current
    return max(current, floor.low) if floor.idle is None else current
