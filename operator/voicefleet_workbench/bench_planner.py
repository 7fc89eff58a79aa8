"""How long the pure part of a cycle takes. Called by `bench`.

The best of several runs counts: everything slower is the machine's other work.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

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

Given = TypeVar("Given")


def best_milliseconds(work: Callable[[Given], object], prepare: Callable[[], Given]) -> float:
    """Return how long the work takes when nothing disturbs it.

    Args:
        work: What is measured.
        prepare: Returns what it is given, anew for each run: a planner answers a second question
            about the very same objects from memory, and no cycle but the first asks one.
    """
    durations = []
    for _ in range(RUNS):
        given = prepare()
        began = time.perf_counter()
        work(given)
        durations.append(time.perf_counter() - began)
    return min(durations) * 1000


def see_anew(seen: Observed) -> Observed:
    """Return the same as the next cycle would see it: the cache's objects in new hands.

    Each cycle collects its pods and reports anew, so nothing that is remembered of all of them
    together answers here.
    """
    children = {key: replace(child) for key, child in seen.children.items()}
    pods = tuple(replace(pod) for pod in seen.pods)
    return replace(seen, children=children, pods=pods, workers=dict(seen.workers))


def measure_planner() -> Iterator[Figure]:
    """Yield what a cycle costs without its input and output."""
    body = yaml.safe_load((ROOT / "docs" / "examples" / "interviews.yaml").read_text())
    yield Figure(
        "read a manifest", best_milliseconds(parse_fleet, lambda: body), "ms", 2, "every cycle"
    )
    new = example_fleet(workers=50)
    yield Figure(
        "plan a new fleet",
        best_milliseconds(lambda fleet: plan_fleet(fleet, Observed(), NOW), lambda: replace(new)),
        "ms",
        20,
        "1 % of the 2 s from apply to all children",
    )
    yield from _measure_rest(50, bar=10, because="1,000 fleets a minute: 1/6 of a core")
    yield from _measure_rest(1000, bar=50, because="the largest fleet, woken by every report")


def _measure_rest(workers: int, *, bar: float, because: str) -> Iterator[Figure]:
    fleet = example_fleet(workers)
    seen = settle(fleet, NOW)

    def plan_anew() -> Observed:
        observed = see_anew(seen)
        plan_fleet(fleet, observed, NOW)
        return observed

    plan = best_milliseconds(lambda it: plan_fleet(fleet, it, NOW), lambda: see_anew(seen))
    status = best_milliseconds(lambda it: report_fleet(fleet, it, Outcome(), NOW), plan_anew)
    yield Figure(f"plan {workers:,} workers at rest", plan, "ms", bar, because)
    yield Figure(f"status of {workers:,} workers", status, "ms", bar, "follows each plan")
