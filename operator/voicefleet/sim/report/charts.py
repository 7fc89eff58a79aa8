"""Charts as SVG text: lines, areas and stacks over one time axis. Pure.

Colours are classes, so that the page's light and dark style decide about them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Final

from voicefleet.sim.report.axes import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Frame

FLAG_HEIGHT: Final = 14
FLAG_EDGE: Final = 8
DIGIT_WIDTH: Final = 5
"""A flag is as wide as its number; flags stand above the chart, where no line runs."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line, with the colour it has everywhere in the report."""

    name: str
    values: Sequence[float]
    colour: int
    """Number of the colour, 1 to 6."""
    is_area: bool = False
    is_dashed: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """A horizontal line to compare with."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Flag:
    """A numbered mark in time; it links to the row that explains it."""

    number: int
    at_seconds: float
    text: str
    is_linked: bool = True
    """Whether the table has that row."""

    @property
    def width(self) -> int:
        """Pixels that it takes."""
        return FLAG_EDGE + DIGIT_WIDTH * len(str(self.number))


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart with its legend."""

    title: str
    unit: str
    frame: Frame
    times: Sequence[float]
    series: Sequence[Series]
    limits: Sequence[Limit] = ()
    flags: Sequence[Flag] = ()
    shades: Sequence[tuple[float, float, str]] = field(default=())
    """Stretches of time with what was done to the world in them."""


def render_chart(chart: Chart) -> str:
    """Return a figure: legend, axes, shades, lines, limits and flags."""
    body = "".join(
        [
            *(_shade(chart.frame, shade) for shade in chart.shades),
            _axes(chart.frame),
            *(_series(chart, series) for series in chart.series if series.is_area),
            *(_series(chart, series) for series in chart.series if not series.is_area),
            *(_limit(chart.frame, limit) for limit in chart.limits),
            *(_flag(chart.frame, flag) for flag in thin_flags(chart.frame, chart.flags)),
        ]
    )
    return _figure(chart, body)


def render_stack(chart: Chart) -> str:
    """Return a figure in which each series stands on the sum of those before it."""
    low = [0.0] * len(chart.times)
    parts = [_axes(chart.frame)]
    for series in chart.series:
        high = [below + value for below, value in zip(low, series.values, strict=True)]
        points = chart.frame.area(chart.times, low, high)
        parts.append(f'<polygon class="fill c{series.colour}" points="{points}"/>')
        low = high
    parts += [_limit(chart.frame, limit) for limit in chart.limits]
    return _figure(chart, "".join(parts))


def thin_flags(frame: Frame, flags: Sequence[Flag]) -> list[Flag]:
    """Return the flags that have room; the first of a crowd says how many it stands for."""
    kept: list[Flag] = []
    hidden: dict[int, int] = {}
    for flag in flags:
        if kept and _flag_left(frame, flag) <= _flag_left(frame, kept[-1]) + kept[-1].width:
            hidden[kept[-1].number] = hidden.get(kept[-1].number, 0) + 1
        else:
            kept.append(flag)
    return [
        replace(flag, text=f"{flag.text} (and {hidden[flag.number]} more)")
        if flag.number in hidden
        else flag
        for flag in kept
    ]


def _figure(chart: Chart, body: str) -> str:
    label = escape(f"{chart.title}, in {chart.unit}")
    return (
        f"<figure><figcaption>{escape(chart.title)}"
        f'<span class="unit">{escape(chart.unit)}</span><span class="keys">{_legend(chart)}</span>'
        f'</figcaption><svg viewBox="0 0 {WIDTH} {chart.frame.height}" role="img" '
        f'aria-label="{label}">{body}</svg></figure>'
    )


def _axes(frame: Frame) -> str:
    bottom = frame.height - BOTTOM
    lines = [
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
        f'<text class="tick" x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{text}</text>'
        for y, text in frame.value_ticks()
    ]
    lines += [
        f'<text class="tick" x="{x}" y="{bottom + 16}" text-anchor="middle">{text}</text>'
        for x, text in frame.time_ticks()
    ]
    return "".join(lines)


def _series(chart: Chart, series: Series) -> str:
    if series.is_area:
        zeros = [0.0] * len(chart.times)
        points = chart.frame.area(chart.times, zeros, series.values)
        return f'<polygon class="fill c{series.colour}" points="{points}"/>'
    dashed = " dashed" if series.is_dashed else ""
    points = chart.frame.line(chart.times, series.values)
    return f'<polyline class="line c{series.colour}{dashed}" points="{points}"/>'


def _limit(frame: Frame, limit: Limit) -> str:
    y = frame.y(limit.value)
    return (
        f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
        f'<text class="limit-name" x="{WIDTH - RIGHT}" y="{y - 4}" text-anchor="end">'
        f"{escape(limit.name)}</text>"
    )


def _flag(frame: Frame, flag: Flag) -> str:
    x, left = frame.x(flag.at_seconds), _flag_left(frame, flag)
    drawn = (
        f'<g class="flag"><title>{escape(flag.text)}</title>'
        f'<line x1="{x}" x2="{x}" y1="{TOP}" y2="{frame.height - BOTTOM}"/>'
        f'<rect x="{left}" y="{TOP - FLAG_HEIGHT}" width="{flag.width}" height="{FLAG_HEIGHT}" '
        f'rx="{FLAG_HEIGHT // 2}"/><text x="{left + flag.width / 2}" y="{TOP - 4}" '
        f'text-anchor="middle">{flag.number}</text></g>'
    )
    return f'<a href="#decision-{flag.number}">{drawn}</a>' if flag.is_linked else drawn


def _flag_left(frame: Frame, flag: Flag) -> float:
    """Return a flag's left edge: it stands in the middle of its moment, and within the chart."""
    return max(float(LEFT), frame.x(flag.at_seconds) - flag.width / 2)


def _shade(frame: Frame, shade: tuple[float, float, str]) -> str:
    begins, ends, text = shade
    left, right = frame.x(begins), frame.x(ends)
    return (
        f'<rect class="shade" x="{left}" y="{TOP}" width="{max(1.0, right - left)}" '
        f'height="{frame.height - TOP - BOTTOM}"><title>{escape(text)}</title></rect>'
    )


def _legend(chart: Chart) -> str:
    return "".join(
        f'<span class="key"><i class="c{series.colour}{" dashed" if series.is_dashed else ""}"></i>'
        f"{escape(series.name)}</span>"
        for series in chart.series
    )
