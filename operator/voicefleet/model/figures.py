"""What a graph needs to explain a fleet's decisions: signals beside their limits, and replicas.

Made by `shell/figures` after each cycle, shown by the operator's own metrics.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SignalFigure:
    """One signal as the last cycle had it."""

    tier: str
    signal: str
    value: float
    observed_at: datetime
    threshold: float | None = None
    """Above it the tier acts or its condition warns; None where no single number decides."""


@dataclass(frozen=True, slots=True)
class ReplicaFigure:
    """How many replicas a tier should have and how many are ready."""

    desired: int
    ready: int


@dataclass(frozen=True, slots=True)
class FleetFigures:
    """The figures of one fleet."""

    signals: tuple[SignalFigure, ...] = ()
    replicas: Mapping[str, ReplicaFigure] = field(default_factory=dict)
    """By tier; all speech pools together."""
