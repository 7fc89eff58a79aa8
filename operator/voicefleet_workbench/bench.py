"""`make bench`: what must be fast, measured, each beside its bar.

A bench is a function that returns one figure. The best of several runs counts: everything
slower than the best is the machine's other work. `make bench` fails when a bar is missed.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import yaml
from rich.console import Console
from rich.table import Table

from voicefleet.api.parse import parse_fleet
from voicefleet.model.outcome import Outcome
from voicefleet.planning import plan_fleet, report_fleet
from voicefleet_workbench.settled import example_fleet, settle
from voicefleet_workbench.sources import ROOT

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
RUNS = 7


@dataclass(frozen=True, slots=True)
class Bench:
    """One thing that must be fast."""

    name: str
    milliseconds: Callable[[], float]
    bar: float
    """Milliseconds that it may take at most."""
    because: str
    """Where the bar comes from."""


def best_milliseconds(work: Callable[[], object]) -> float:
    """Return how long the work takes when nothing disturbs it."""
    durations = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        durations.append(time.perf_counter() - began)
    return min(durations) * 1000


def measure_parsing() -> float:
    """Read the example manifest as it comes from the API server."""
    body = yaml.safe_load((ROOT / "docs" / "examples" / "interviews.yaml").read_text())
    return best_milliseconds(lambda: parse_fleet(body))


def measure_idle_plan(workers: int) -> float:
    """Plan a fleet that is as it should be."""
    fleet = example_fleet(workers)
    observed = settle(fleet, NOW)
    return best_milliseconds(lambda: plan_fleet(fleet, observed, NOW))


def measure_first_plan() -> float:
    """Plan a fleet of which nothing exists."""
    fleet = example_fleet(workers=50)
    nothing = type(settle(fleet, NOW))()
    return best_milliseconds(lambda: plan_fleet(fleet, nothing, NOW))


def measure_status(workers: int) -> float:
    """Work out the status of a fleet that is as it should be."""
    fleet = example_fleet(workers)
    observed = settle(fleet, NOW)
    return best_milliseconds(lambda: report_fleet(fleet, observed, Outcome(), NOW))


BENCHES: Sequence[Bench] = (
    Bench("read a manifest", measure_parsing, 2, "once per cycle"),
    Bench("plan a new fleet", measure_first_plan, 20, "applied ≤ 2 s after kubectl apply"),
    Bench(
        "plan 50 workers at rest", lambda: measure_idle_plan(50), 10,
        "resync of 1,000 fleets once a minute: ≤ 1/6 of a core",
    ),
    Bench(
        "plan 1,000 workers at rest", lambda: measure_idle_plan(1000), 50,
        "the largest fleet, woken by every report",
    ),
    Bench("status of 1,000 workers", lambda: measure_status(1000), 50, "follows each plan"),
)  # fmt: skip
"""Every bench. A new one needs a bar and where it comes from."""


def main() -> int:
    """Run every bench and print its figure; return 1 when a bar is missed."""
    table = Table("bench", "best of 7", "bar", "", "the bar's reason")
    missed = []
    for bench in BENCHES:
        milliseconds = bench.milliseconds()
        is_met = milliseconds <= bench.bar
        table.add_row(
            bench.name,
            f"{milliseconds:.2f} ms",
            f"{bench.bar:g} ms",
            "✓" if is_met else "✗",
            bench.because,
        )
        if not is_met:
            missed.append(bench.name)
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    if missed:
        console.print(f"missed: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
