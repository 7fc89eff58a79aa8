"""How long the pure part of a cycle takes. Called by `bench`.

The best of several runs counts: everything slower is the machine's other work.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import yaml

from voicefleet.api.parse import parse_fleet
from voicefleet.model.observed import Observed
from voicefleet.model.outcome import Outcome
from voicefleet.planning import plan_fleet, report_fleet
from voicefleet_workbench.figures import Figure
from voicefleet_workbench.settled import example_fleet, settle
from voicefleet_workbench.sources import ROOT

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
RUNS = 7


def best_milliseconds(work: Callable[[], object]) -> float:
    """Return how long the work takes when nothing disturbs it."""
    durations = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        durations.append(time.perf_counter() - began)
    return min(durations) * 1000


def measure_planner() -> Iterator[Figure]:
    """Yield what a cycle costs without its input and output."""
    body = yaml.safe_load((ROOT / "docs" / "examples" / "interviews.yaml").read_text())
    yield Figure(
        "read a manifest", best_milliseconds(lambda: parse_fleet(body)), "ms", 2, "every cycle"
    )
    new = example_fleet(workers=50)
    yield Figure(
        "plan a new fleet",
        best_milliseconds(lambda: plan_fleet(new, Observed(), NOW)),
        "ms",
        20,
        "1 % of the 2 s from apply to all children",
    )
    yield from _measure_rest(50, bar=10, because="1,000 fleets a minute: 1/6 of a core")
    yield from _measure_rest(1000, bar=50, because="the largest fleet, woken by every report")


def _measure_rest(workers: int, *, bar: float, because: str) -> Iterator[Figure]:
    fleet = example_fleet(workers)
    seen = settle(fleet, NOW)
    plan = best_milliseconds(lambda: plan_fleet(fleet, seen, NOW))
    status = best_milliseconds(lambda: report_fleet(fleet, seen, Outcome(), NOW))
    yield Figure(f"plan {workers:,} workers at rest", plan, "ms", bar, because)
    yield Figure(f"status of {workers:,} workers", status, "ms", bar, "follows each plan")
