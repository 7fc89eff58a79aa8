"""What a Prometheus answered, read into values: each with its own time, or with what is wrong.

An answer comes from a system that stores whatever it is sent. So each series is read by itself:
one fleet's NaN, or one that exists twice, says nothing about the others. Pure; called in the
threads of `adapters/prometheus`.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from voicefleet.adapters.prometheus_client import FaultCause

VALUE_MAX = 1e10
"""No signal is larger: times in seconds since 1970 are 2e9."""

ROW_MAX = 1000
"""Values of one series that are read at most."""

Labels = tuple[str, ...]
"""The values of the labels that series are told apart by, in the order asked for."""


@dataclass(frozen=True, slots=True)
class Point:
    """One value, finite and not negative, at the provider's own time."""

    value: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Fault:
    """Why there is no value."""

    cause: FaultCause
    detail: str

    def __str__(self) -> str:
        """Read as `cause: what exactly`."""
        return f"{self.cause}: {self.detail}"


Found = Point | Fault
Row = tuple[Point, ...]
Group = tuple[tuple[str, Found], ...]
"""The values of one fleet by their last label."""
T = TypeVar("T")


def read_vector(result: Iterable[Any], names: Labels) -> Mapping[Labels, Found]:
    """Return the value of each series that has all the labels.

    Args:
        result: `data.result` of an instant query, unchecked.
        names: Labels that tell series apart. A series without one of them is nobody's.
    """
    return _by_labels(result, names, lambda series: _read_point(series["value"]))


def read_matrix(result: Iterable[Any], names: Labels) -> Mapping[Labels, Row | Fault]:
    """Return the row of each series that has all the labels, the oldest value first.

    A value that is none is left out of its row; what is left says by its times what is missing.
    """
    return _by_labels(result, names, lambda series: _read_row(series["values"]))


def read_groups(result: Iterable[Any], names: Labels) -> Mapping[Labels, Group]:
    """Return the values that share all labels but the last, with that one beside each."""
    groups: dict[Labels, list[tuple[str, Found]]] = {}
    for (*shared, last), found in read_vector(result, names).items():
        groups.setdefault(tuple(shared), []).append((last, found))
    return {labels: tuple(group) for labels, group in groups.items()}


def _by_labels(
    result: Iterable[Any], names: Labels, read: Callable[[Any], T | Fault]
) -> Mapping[Labels, T | Fault]:
    found: dict[Labels, T | Fault] = {}
    for series in result:
        labels = _labels_of(series, names)
        if labels is None:
            continue
        if labels in found:
            found[labels] = Fault(FaultCause.PARSE, "more than one series where one was asked for")
            continue
        try:
            found[labels] = read(series)
        except (ValueError, TypeError, KeyError, IndexError, OverflowError, OSError):
            found[labels] = Fault(FaultCause.PARSE, "a series is not in Prometheus' form")
    return found


def _labels_of(series: Any, names: Labels) -> Labels | None:
    metric = series.get("metric") if isinstance(series, dict) else None
    if not isinstance(metric, dict):
        return None
    values = tuple(metric.get(name) for name in names)
    if not all(isinstance(value, str) and value for value in values):
        return None
    return tuple(str(value) for value in values)


def _read_point(pair: Any) -> Found:
    stamp, text = pair
    at = datetime.fromtimestamp(float(stamp), UTC)
    value = float(text)
    if math.isnan(value):
        # A share of nothing, a percentile of no turns: there is no data behind it.
        return Fault(FaultCause.EMPTY, "not a number")
    if not 0 <= value <= VALUE_MAX:
        return Fault(FaultCause.PARSE, f"{value:g} is out of range")
    return Point(value, at)


def _read_row(pairs: Any) -> Row | Fault:
    found = [_read_point(pair) for pair in pairs[-ROW_MAX:]]
    row = tuple(point for point in found if isinstance(point, Point))
    return row or Fault(FaultCause.EMPTY, "no value in the whole row")
