"""Whether a fleet's new signals could lead to another decision than the old ones.

Each round brings slightly other numbers. To run a cycle for each would be a hundred cycles a
second for a thousand fleets, all of which end in nothing. Pure; called by `adapters/prometheus`.
"""

from collections.abc import Mapping

from voicefleet.model.signal import Sample, Signals

SHARE = 0.10
"""A tenth less or more: the dead band of every size is 8 % or wider."""

FLOORS = {
    "ttfb": 20.0,
    "stages": 20.0,
    "error_ratio": 0.005,
    "drop_off_ratio": 0.03,
    "rate_limit_hits": 0.5,
    "utilization": 5.0,
    "coverage": 0.1,
    "waiting": 2.0,
    "evaluation": 60.0,
}
"""Changes that are smaller are noise however small the value is, in the signal's own unit."""


def is_news(before: Signals, after: Signals) -> bool:
    """Say whether a signal came, went, or moved by more than noise."""
    old, new = flatten(before), flatten(after)
    return old.keys() != new.keys() or any(
        _has_moved(old[name], value, FLOORS[name.partition("/")[0]]) for name, value in new.items()
    )


def flatten(signals: Signals) -> Mapping[str, float]:
    """Return every value by its signal's name; of a row, the newest one."""
    found: dict[str, Sample | None] = {
        "ttfb": signals.ttfb_milliseconds,
        "error_ratio": signals.error_ratio,
        "drop_off_ratio": signals.drop_off_ratio,
        "rate_limit_hits": signals.rate_limit_hits,
    }
    for stage, sample in signals.stages.items():
        found[f"stages/{stage}"] = sample
    for name, pool in signals.pools.items():
        found[f"utilization/{name}"] = pool.utilization[-1] if pool.utilization else None
        found[f"coverage/{name}"] = pool.coverage
        found[f"waiting/{name}"] = pool.waiting
    values = {name: sample.value for name, sample in found.items() if sample is not None}
    if signals.evaluation is not None:
        values["evaluation"] = sum(one.work_seconds for one in signals.evaluation.work)
    return values


def _has_moved(before: float, after: float, floor: float) -> bool:
    return abs(after - before) > max(floor, SHARE * abs(before))
