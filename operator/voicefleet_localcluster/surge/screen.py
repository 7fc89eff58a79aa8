"""The live screen of the surge: one table that stays in place, or a line now and then in a log."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from voicefleet_localcluster.surge.story import LENGTH_SECONDS, Moment, clock_at
from voicefleet_localcluster.surge.watching import Look, Side

BARS: Final = "▁▂▃▄▅▆▇█"
HISTORY: Final = 40
LOG_SECONDS: Final = 10.0
"""Between two lines where there is no terminal."""
SENTENCES: Final = 6
TARGET_MILLISECONDS: Final = 400


def sparkline(values: deque[float]) -> str:
    """Return the last values as bars, the highest one full."""
    top = max(values, default=0) or 1
    return "".join(BARS[round(value / top * (len(BARS) - 1))] for value in values)


@dataclass(slots=True)
class Screen:
    """Shows one look after the other."""

    console: Console
    sessions: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY))
    workers: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY))
    _live: Live | None = None
    _logged_at: float = -LOG_SECONDS

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(console=self.console, refresh_per_second=4, transient=False)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, seconds: float, moment: Moment, seen: Look) -> None:
        """Show both sides at a moment."""
        self.sessions.append(seen.ours.sessions)
        self.workers.append(seen.ours.ready)
        if self._live is not None:
            self._live.update(self._render(seconds, moment, seen))
        elif seconds - self._logged_at >= LOG_SECONDS:
            self._logged_at = seconds
            self.console.print(render_line(seconds, moment, seen), highlight=False, soft_wrap=True)

    def _render(self, seconds: float, moment: Moment, seen: Look) -> Panel:
        title = f" {clock_at(seconds)}  {moment.chapter.title} "
        parts = Group(self._table(seen), Text(), *_sentences(seen))
        rest = max(0, round(LENGTH_SECONDS - seconds))
        return Panel(
            parts, title=title, subtitle=f" clock x 12, {rest} s left ", title_align="left"
        )

    def _table(self, seen: Look) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("")
        table.add_column("VoiceFleet", justify="right")
        table.add_column("")
        table.add_column("HPA at 70 %", justify="right")
        for name, ours, trend, theirs in self._rows(seen):
            table.add_row(name, ours, trend, theirs)
        return table

    def _rows(self, seen: Look) -> list[tuple[Any, ...]]:
        ours, theirs = seen.ours, seen.theirs
        return [
            ("sessions", str(ours.sessions), sparkline(self.sessions), str(theirs.sessions)),
            (
                "workers ready / wanted",
                f"{ours.ready}/{ours.wanted}",
                sparkline(self.workers),
                f"{theirs.ready}/{theirs.wanted}",
            ),
            ("TTFB P95", _milliseconds(ours), "target 400 ms", _milliseconds(theirs)),
            ("turned away", _count(ours.turned_away), "", _count(theirs.turned_away)),
            ("calls cut", _count(ours.cut), "", _count(theirs.cut)),
        ]


def render_line(seconds: float, moment: Moment, seen: Look) -> str:
    """Return one line for a log."""
    ours, theirs = seen.ours, seen.theirs
    return (
        f"{clock_at(seconds)} {moment.chapter.title:<30} "
        f"VoiceFleet {ours.sessions:>3} sessions {ours.ready:>2}/{ours.wanted:<2} workers "
        f"away {ours.turned_away:<3} cut {ours.cut:<3} │ "
        f"HPA {theirs.sessions:>3} sessions {theirs.ready:>2}/{theirs.wanted:<2} workers "
        f"away {theirs.turned_away:<3} cut {theirs.cut}"
    )


def _sentences(seen: Look) -> list[Text]:
    """Return the newest decisions, and the conditions that are not as one wants them."""
    lines = [
        Text(
            f"{entry['time'][11:19]}  {entry['reason']:<16} {entry['message']}",
            overflow="ellipsis",
            no_wrap=True,
        )
        for entry in seen.decisions[:SENTENCES]
    ]
    for kind in ("SignalsFresh", "LatencyWithinTarget", "CapacityAvailable"):
        condition = seen.conditions.get(kind)
        if condition is not None and condition["status"] == "False":
            lines.append(Text(f"{kind}: {condition['message']}", style="yellow"))
    return lines


def _milliseconds(side: Side) -> Text:
    if side.p95_milliseconds is None:
        return Text("unknown", style="dim")
    style = "red" if side.p95_milliseconds > TARGET_MILLISECONDS else "green"
    return Text(f"{side.p95_milliseconds:.0f} ms", style=style)


def _count(number: int) -> Text:
    return Text(str(number), style="red" if number else "green")
