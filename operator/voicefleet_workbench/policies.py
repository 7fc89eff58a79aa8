"""`make bench-policies`: ours beside every peer at every setting, one table per trace.

Each seed draws one set of callers that all policies serve, so differences are paired. A peer's
setting is shown with the better of its two ways of admission: the slots that a worker serves
well, and what it physically holds. Ours has one default configuration for all traces. With
`--quick` few seeds on short traces, for a first impression; `--trace FILE` adds a CSV.
"""

import argparse
import math
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich import box
from rich.console import Console, JustifyMethod
from rich.table import Table

from voicefleet.sim.generators import campus_day, office_hours, steady, viral
from voicefleet.sim.latency import describe_curve
from voicefleet.sim.result import PolicyRun
from voicefleet.sim.simulate import OURS
from voicefleet.sim.traffic import Trace, parse_trace
from voicefleet.sim.verdict import CLAIRVOYANT, SAME_HOURS, SAME_PERCENT
from voicefleet_workbench.draws import (
    PROCESSES,
    SHIPPED,
    WORKERS_MAX,
    Draw,
    Kept,
    configuration_hash,
    draw_all,
    name_draw,
)

SEEDS = 20
QUICK_SEEDS = 2
QUICK_HOURS = 3
DAY_BEGINS_AT = 7
"""Hour at which a part of a day begins: before the ramps of all generated traces."""
WIDTH = 156
"""Columns where there is no terminal that says how wide it is."""
HOURS_PER_DAY = 24

CONFIDENCE = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
)  # fmt: skip
"""Student's t for 95 %, from one degree of freedom on; beyond the last one 2."""

HEADINGS = (
    "policy", "slots", "bad %", "- ours", "± 95 %", "away", "slow", "cut", "hours",
    "x ideal", "starts", "changes", "unserved", "beside ours",
)  # fmt: skip
WORDS = frozenset({"policy", "beside ours"})
"""Columns that are no numbers."""


@dataclass(frozen=True, slots=True)
class Row:
    """One policy at one setting over all seeds of a trace."""

    policy: str
    slots: int
    bad: tuple[float, ...]
    hours: tuple[float, ...]
    ratio: float
    rejected: float
    slow: float
    cut: int
    starts: float
    changes: float
    unserved: float

    @property
    def bad_mean(self) -> float:
        """Bad per cent, over the seeds."""
        return statistics.fmean(self.bad)

    @property
    def hours_mean(self) -> float:
        """Worker-hours, over the seeds."""
        return statistics.fmean(self.hours)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison and print it; returns 1 where scaling of ours has cut a call."""
    options = read_options(arguments)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    seeds, traces = count_seeds(options), choose_traces(options)
    kept = Kept.at(options.results)
    draw_all(traces, seeds, kept, processes=options.processes, seconds=options.minutes * 60)
    frozen = configuration_hash()
    console.print(f"{describe_curve()}; at most {WORKERS_MAX} workers; frozen {frozen}")
    cuts = [show_trace(trace, kept, console, options) for trace in traces]
    return 1 if sum(cuts) else 0


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="policies", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two seeds, three hours of each trace")
    parser.add_argument("--seeds", type=int, default=None)
    parser.add_argument("--hours", type=int, default=24, help="of each generated trace")
    parser.add_argument("--trace", type=Path, action="append", default=[], metavar="CSV")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="of a trace")
    parser.add_argument("--results", type=Path, metavar="FILE", help="keep draws in it, and go on")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="begin no draw after so long"
    )
    return parser.parse_args(arguments)


def count_seeds(options: argparse.Namespace) -> int:
    """Return how many draws of each trace were asked for."""
    seeds: int | None = options.seeds
    return seeds or (QUICK_SEEDS if options.quick else SEEDS)


def choose_traces(options: argparse.Namespace) -> list[Trace]:
    """Return the traces that were asked for."""
    hours = QUICK_HOURS if options.quick else options.hours
    traces = read_traces(options.trace, hours)
    return [trace for trace in traces if not options.only or trace.name in options.only]


def show_trace(trace: Trace, kept: Kept, console: Console, options: argparse.Namespace) -> int:
    """Print a trace's table once all its draws are there; return the calls that ours has cut."""
    frozen, seeds = configuration_hash(), count_seeds(options)
    names = [name_draw(trace, seed, frozen) for seed in range(1, seeds + 1)]
    draws = [kept.draws[name] for name in names if name in kept.draws]
    if len(draws) < seeds:
        console.print(f"{trace.name}: {len(draws)} of {seeds} seeds so far; run again to go on")
        return 0
    rows = compare(draws)
    title = f"{seeds} paired seeds, frozen {frozen}"
    if options.markdown:
        print(write_trace(trace, rows, title=title))
    else:
        print_trace(trace, rows, console, title=title)
    return sum(row.cut for row in rows if row.policy == OURS)


def read_traces(files: Sequence[Path], hours: int) -> Iterator[Trace]:
    """Yield so many hours of the generated traces, and the files' traces as they are."""
    start = DAY_BEGINS_AT * 60 if hours < HOURS_PER_DAY else 0
    for trace in (office_hours(1), campus_day(), viral(1), steady()):
        yield replace(trace, rates=trace.rates[start : start + hours * 60])
    for path in files:
        yield parse_trace(path.read_text(), name=path.name)


def compare(draws: Sequence[Draw]) -> list[Row]:
    """Return one row per policy; ours first, then the peers with their best admission."""
    rows = [summarise([draw[place] for draw in draws]) for place in range(len(draws[0]))]
    return keep_best_admission(rows)


def summarise(runs: Sequence[PolicyRun]) -> Row:
    """Return one row for the same policy on all seeds."""
    scores = [run.score for run in runs]

    def each(name: str) -> tuple[float, ...]:
        return tuple(getattr(score, name) for score in scores)

    return Row(
        policy=runs[0].policy,
        slots=runs[0].slots,
        bad=each("bad_percent"),
        hours=each("worker_hours"),
        ratio=statistics.fmean(each("ratio")),
        rejected=statistics.fmean(each("rejected")),
        slow=statistics.fmean(each("slow")),
        cut=sum(score.cut for score in scores),
        starts=statistics.fmean(each("worker_starts")),
        changes=statistics.fmean(each("changes")),
        unserved=max(each("longest_unserved_seconds")),
    )


def keep_best_admission(rows: Sequence[Row]) -> list[Row]:
    """Keep of each setting the way of admission that served better.

    A fixed count is named by its workers, which depend on the seed's peak; the position in the
    sweep, not the name, tells the settings apart.
    """
    best: list[Row] = [row for row in rows if row.policy in {OURS, CLAIRVOYANT}]
    shipped = [row for row in rows if row.policy.startswith(SHIPPED)]
    sweep = [row for row in rows if row not in best and row not in shipped]
    half = len(sweep) // 2
    best += [
        min(pair, key=lambda row: (round(row.bad_mean, 3), row.hours_mean))
        for pair in zip(sweep[:half], sweep[half:], strict=True)
    ]
    return [*best, *shipped]


def difference(peer: Row, ours: Row) -> tuple[float, float]:
    """Return the paired difference of bad per cent and half its 95 % confidence interval."""
    gaps = [theirs - own for theirs, own in zip(peer.bad, ours.bad, strict=True)]
    if len(gaps) < 2:
        return gaps[0], math.inf
    error = statistics.stdev(gaps) / math.sqrt(len(gaps))
    student = CONFIDENCE[len(gaps) - 2] if len(gaps) - 2 < len(CONFIDENCE) else 2.0
    return statistics.fmean(gaps), student * error


def print_trace(trace: Trace, rows: Sequence[Row], console: Console, *, title: str) -> None:
    """Print one table and what it says."""
    ours = rows[0]
    table = Table(
        title=f"{trace.name}, {trace.seconds / 3600:g} h, {title}", title_justify="left",
        box=box.SIMPLE, padding=(0, 1, 0, 0),
    )  # fmt: skip
    for heading in HEADINGS:
        justify: JustifyMethod = "left" if heading in WORDS else "right"
        table.add_column(heading, justify=justify, no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row, ours))
    console.print(table)
    for sentence in conclude(rows):
        console.print(f"  {sentence}", highlight=False)


def write_trace(trace: Trace, rows: Sequence[Row], *, title: str) -> str:
    """Return the same as Markdown, for docs/policies.md."""
    rule = ["---" if heading in WORDS else "---:" for heading in HEADINGS]
    table = [HEADINGS, rule, *(_cells(row, rows[0]) for row in rows)]
    lines = [f"| {' | '.join(cells)} |" for cells in table]
    told = [f"- {sentence}" for sentence in conclude(rows)]
    heading = f"## {trace.name}, {trace.seconds / 3600:g} h, {title}"
    return "\n".join([heading, "", *lines, "", *told, ""])


def _cells(row: Row, ours: Row) -> tuple[str, ...]:
    gap, interval = difference(row, ours)
    return (
        row.policy, str(row.slots), f"{row.bad_mean:.3f}",
        "" if row is ours else f"{gap:+.3f}", "" if row is ours else f"{interval:.3f}",
        f"{row.rejected:.1f}", f"{row.slow:.1f}", str(row.cut), f"{row.hours_mean:.0f}",
        f"{row.ratio:.2f}", f"{row.starts:.0f}", f"{row.changes:.0f}",
        f"{row.unserved:.0f}", place_beside(row, ours),
    )  # fmt: skip


def place_beside(row: Row, ours: Row) -> str:
    """Say in a word how a peer stands to ours, at equal or fewer worker-hours or at more."""
    if row is ours or row.policy == CLAIRVOYANT:
        return ""
    gap, interval = difference(row, ours)
    if abs(gap) <= max(interval, SAME_PERCENT):
        service = "same"
    else:
        service = "worse" if gap > 0 else "better"
    is_cheaper = row.hours_mean <= ours.hours_mean * SAME_HOURS
    if is_cheaper:
        return {"worse": "ours wins", "same": "tie", "better": "ours loses"}[service]
    return f"{100 * (row.hours_mean / ours.hours_mean - 1):+.0f} % h, {service}"


def conclude(rows: Sequence[Row]) -> Iterator[str]:
    """Yield what a table says, also where ours ties or loses."""
    ours = rows[0]
    peers = [
        row for row in rows[1:] if row.policy != CLAIRVOYANT and not row.policy.startswith(SHIPPED)
    ]
    cheaper = [row for row in peers if row.hours_mean <= ours.hours_mean * SAME_HOURS]
    verdicts = [place_beside(row, ours) for row in cheaper]
    yield (
        f"at equal or fewer worker-hours: {len(cheaper)} of {len(peers)} settings; ours wins "
        f"{verdicts.count('ours wins')}, ties {verdicts.count('tie')}, loses "
        f"{verdicts.count('ours loses')}"
    )
    equals = [row for row in peers if row.bad_mean <= ours.bad_mean + SAME_PERCENT]
    if equals:
        cheapest = min(equals, key=lambda row: row.hours_mean)
        more = round(100 * (cheapest.hours_mean / ours.hours_mean - 1))
        yield (
            f"the cheapest setting that serves as well is {cheapest.policy} with "
            f"{cheapest.slots} slots: {more:+d} % worker-hours"
        )
    else:
        yield "no setting of any peer serves as well"
    yield f"calls cut by scaling of ours, all seeds: {ours.cut}"


if __name__ == "__main__":
    sys.exit(main())
