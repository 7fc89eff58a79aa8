"""What a bench finds: one figure beside its bar, and how figures are shown."""

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table

CYCLE_METRIC: Final = "voicefleet_operator_reconciliation_duration_seconds"
"""The operator's histogram of cycle times; the baseline of the scale bench has one of that name."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; less is better."""

    name: str
    value: float
    unit: str
    bar: float
    because: str
    """Where the bar comes from."""
    baseline: float | None = None
    """The same measured on the baseline, in the same run."""

    @property
    def is_met(self) -> bool:
        """Whether the value keeps to the bar."""
        return self.value <= self.bar

    @property
    def ratio(self) -> float | None:
        """How many times more the baseline takes; None where one of them has no value."""
        if self.baseline is None or self.value <= 0:
            return None
        return self.baseline / self.value


def print_figures(figures: Iterable[Figure]) -> int:
    """Print figures as a table; return 1 when a bar is missed, as an exit code."""
    table = Table("measured", "ours", "bar", "", "baseline", "ratio", "the bar's reason")
    missed = []
    for figure in figures:
        table.add_row(
            figure.name,
            f"{figure.value:.2f} {figure.unit}",
            "-" if math.isinf(figure.bar) else f"{figure.bar:g} {figure.unit}",
            "✓" if figure.is_met else "✗",
            "" if figure.baseline is None else f"{figure.baseline:.2f}",
            "" if figure.ratio is None else f"{figure.ratio:.1f}",
            figure.because,
        )
        if not figure.is_met:
            missed.append(figure.name)
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    if missed:
        console.print(f"missed: {', '.join(missed)}")
    return 1 if missed else 0
