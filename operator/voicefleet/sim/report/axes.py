"""Where a number lies on paper: round ticks, times of day, and the path of a line. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

WIDTH: Final = 960
HEIGHT: Final = 200
LEFT: Final = 52
RIGHT: Final = 22
TOP: Final = 16
BOTTOM: Final = 24
TIME_STEPS: Final = (60, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 604800)
"""Distances of labels on the time axis in seconds: what a clock or a calendar shows."""
TIME_LABELS: Final = 9
DAY_SECONDS: Final = 86400


@dataclass(frozen=True, slots=True)
class Frame:
    """The area of a chart, from data to pixels."""

    seconds: float
    """Length of the time axis."""
    top: float
    """Value at its upper edge; the lower edge is 0."""
    starts_at: datetime
    height: int = HEIGHT

    def x(self, at_seconds: float) -> float:
        """Return the pixel of a time."""
        share = at_seconds / self.seconds if self.seconds else 0.0
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        """Return the pixel of a value; what lies above the chart is drawn at its edge."""
        share = min(max(value / self.top, 0.0), 1.0) if self.top else 0.0
        return round(self.height - BOTTOM - share * (self.height - TOP - BOTTOM), 1)

    def line(self, times: Sequence[float], values: Sequence[float]) -> str:
        """Return the points of a line."""
        return " ".join(f"{self.x(t)},{self.y(v)}" for t, v in zip(times, values, strict=True))

    def area(self, times: Sequence[float], low: Sequence[float], high: Sequence[float]) -> str:
        """Return the points of the area between two lines."""
        there = self.line(times, high)
        back = self.line(list(reversed(times)), list(reversed(low)))
        return f"{there} {back}"

    def time_ticks(self) -> list[tuple[float, str]]:
        """Return the pixel and the text of each label of the time axis."""
        step = next(
            (each for each in TIME_STEPS if self.seconds / each <= TIME_LABELS), DAY_SECONDS
        )
        ticks = range(0, math.floor(self.seconds) + 1, step)
        return [(self.x(tick), self._clock(tick, step)) for tick in ticks]

    def _clock(self, at_seconds: float, step: int) -> str:
        instant = self.starts_at + timedelta(seconds=at_seconds)
        return f"{instant:%a %d %b}" if step >= DAY_SECONDS else f"{instant:%H:%M}"

    def value_ticks(self) -> list[tuple[float, str]]:
        """Return the pixel and the text of each label of the value axis."""
        step = self.top / 4
        return [(self.y(step * number), format_number(step * number)) for number in range(5)]


def round_up(value: float) -> float:
    """Return the next round number: 1, 2, 4, 8 times a power of ten, so that a quarter is one."""
    if value <= 0:
        return 4.0
    power = 10.0 ** math.floor(math.log10(value))
    return float(next(step * power for step in (1, 2, 4, 8, 10) if step * power >= value))


def format_number(value: float) -> str:
    """Return a number as a person writes it: 1,200 or 0.5."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"  # noqa: PLR2004 - two digits
