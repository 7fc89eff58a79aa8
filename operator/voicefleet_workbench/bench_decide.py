"""How long it takes to decide how many workers a fleet of 1,000 should have. Called by `bench`.

A fleet in the middle of a busy day: every worker tells of eight sessions and their beginnings,
the provider answers, 90 minutes of arrivals and five weeks of history are remembered.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from voicefleet.api.scaling import ScalingSpec
from voicefleet.core.agents_size import decide_agents_size
from voicefleet.model.observed import Observed, Tier
from voicefleet.model.signal import Sample, Signals
from voicefleet_workbench.bench_planner import best_milliseconds, see_anew
from voicefleet_workbench.figures import Figure
from voicefleet_workbench.settled import example_fleet, settle

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
WORKERS = 1000
SESSIONS_EACH = 8
WEEK_SECONDS = 604_800
BIN_SECONDS = 15


def measure_decision() -> Iterator[Figure]:
    """Yield what one decision about the largest fleet costs."""
    fleet = example_fleet(WORKERS)
    spec = fleet.spec.model_copy(update={"scaling": ScalingSpec(metrics_provider="default")})
    seen = _on_a_busy_day(settle(fleet, NOW))
    _, memory = decide_agents_size(spec, seen, WORKERS, NOW)
    seen = replace(seen, memory={"agents": _with_history(memory)})
    took = best_milliseconds(
        lambda it: decide_agents_size(spec, it, WORKERS, NOW), lambda: see_anew(seen)
    )
    name = f"size a fleet of {WORKERS:,} workers"
    yield Figure(name, took, "ms", 5, "a tenth of the largest plan")


def _on_a_busy_day(seen: Observed) -> Observed:
    """Let every worker hold eight sessions that began within the last 40 minutes."""
    workers = {}
    for place, pod in enumerate(pod for pod in seen.pods if pod.tier is Tier.AGENTS):
        starts = (NOW - timedelta(seconds=0.3 * (8 * place + n)) for n in range(SESSIONS_EACH))
        report = replace(seen.workers[pod.uid], active=SESSIONS_EACH, session_starts=tuple(starts))
        workers[pod.uid] = report
    signals = Signals(ttfb_milliseconds=Sample(312.0, NOW, 5000))
    return replace(seen, workers=workers, signals=signals)


def _with_history(memory: dict[str, object]) -> dict[str, object]:
    """Remember 90 minutes of arrivals and five whole weeks."""
    at = int(NOW.timestamp())
    week, first = at // WEEK_SECONDS, at // BIN_SECONDS - 360
    weeks = {str(week - back): [6000] * 672 for back in range(5)}
    return {
        **memory,
        "arrivals": {"since": first, "first": first, "counts": [50] * 360},
        "season": {"until": at, "area": 0.0, "watched": 0, "weeks": weeks},
    }
