"""How fast a count may follow its target: up at once, down late, by little, and seldom.

A replica that is missing is felt by callers within seconds, one too many costs cents. So a
smaller count has to be asked for during a whole window, by more than a dead band, and is then
reached in small parts. All of it goes by time and never by the number of cycles. Called by
every tier's size; the trace it returns is part of what the tier remembers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from voicefleet.core.sizes import Bounds
from voicefleet.core.steps import Steps, read_steps
from voicefleet.core.stored import read_whole

MINUTE_SECONDS = 60
"""Rates are per minute."""

GAP_SECONDS_MAX = 60
"""While a smaller count is being waited for, somebody has to look at least this often. Longer,
and the time between was not witnessed (an operator that stood still, a clock that jumped)."""

LOOK_SECONDS = 15
"""How often it is looked at while a smaller count is waited for."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one tier may change."""

    window_seconds: int = 120
    """A smaller count is taken only if nothing larger was asked for during this time. Cordons
    can be taken back at once, so the 300 s of the HPA would only cost money."""
    dead_band_percent: int = 8
    """A fall by less than this share, or by less than one, is not worth a change."""
    fall_percent_per_minute: int = 20
    """Share of the largest count of the last minute that may go, but always one."""
    rise_per_minute: int | None = None
    """Replicas that may come within a minute; None for any number."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What has to be known of the past: targets, counts chosen, and the last look."""

    targets: Steps = field(default_factory=Steps)
    counts: Steps = field(default_factory=Steps)
    looked_at: int | None = None
    """When somebody last looked while a smaller count was waited for; None while none is."""

    def to_json(self) -> dict[str, Any]:
        """Return the form that memory keeps; the same for as long as nothing changes."""
        stored: dict[str, Any] = {
            "targets": self.targets.to_json(),
            "counts": self.counts.to_json(),
        }
        return stored if self.looked_at is None else {**stored, "lookedAt": self.looked_at}


@dataclass(frozen=True, slots=True)
class Stable:
    """The count to have now."""

    wanted: int
    trace: Trace
    held: str = ""
    """What keeps it from being what the target asks for; empty where it is."""
    wake_after: timedelta | None = None
    """When time alone may change it."""


def read_trace(stored: object) -> Trace:
    """Return a remembered trace; what cannot be read is forgotten, which never lowers."""
    if not isinstance(stored, Mapping):
        return Trace()
    return Trace(
        read_steps(stored.get("targets")),
        read_steps(stored.get("counts")),
        read_whole(stored.get("lookedAt")),
    )


def stabilise(
    target: int, current: int, trace: Trace, now: datetime, *, bounds: Bounds, pace: Pace
) -> Stable:
    """Move the count towards its target as fast as is good for it.

    Args:
        target: What the signals ask for now.
        current: The count that the tier was last meant to have.
        trace: What the last call returned; an empty one lowers nothing for a whole window.
        now: The cycle's single clock reading. The same instant twice changes nothing.
        bounds: The user's limits. They win over everything else here, at once.
        pace: The tier's limits.

    A fleet of 20 whose target falls to 10: for 120 s it stays 20; then 20 - 20 % = 16, a
    minute later 13, then 11, then 10.
    """
    at = int(now.timestamp())
    targets = _witness(trace, target, current, at=at, pace=pace)
    counts = trace.counts.note(at, current, keep_seconds=MINUTE_SECONDS)
    if target >= current:
        wanted, held = _rise(target, counts, at=at, pace=pace)
    else:
        wanted, held = _fall(target, current, targets, counts, at=at, pace=pace)
    clamped = bounds.clamp(wanted)
    is_falling = bounds.clamp(target) < clamped and not is_in_dead_band(target, current, pace)
    is_waiting = is_falling or clamped < bounds.clamp(target)
    counts = counts.note(at, clamped, keep_seconds=MINUTE_SECONDS)
    return Stable(
        clamped,
        Trace(targets, counts, at if is_falling else None),
        held if clamped == wanted else "",
        timedelta(seconds=LOOK_SECONDS) if is_waiting else None,
    )


def is_in_dead_band(target: int, current: int, pace: Pace) -> bool:
    """Say whether a smaller target is too close to the count to be worth a change.

    Of 20 with 8 % a fall by 1 is not (the band is 1.6), one by 2 is.
    """
    return current - target < max(1.0, current * pace.dead_band_percent / 100)


def _witness(trace: Trace, target: int, current: int, *, at: int, pace: Pace) -> Steps:
    """Note the target; where the past is not known, it begins now with the present count."""
    looked = trace.looked_at
    is_broken = looked is not None and not 0 <= at - looked <= GAP_SECONDS_MAX
    if is_broken or trace.targets.latest is None:
        return Steps(((at, max(target, current)),))
    return trace.targets.note(at, target, keep_seconds=pace.window_seconds)


def _rise(target: int, counts: Steps, *, at: int, pace: Pace) -> tuple[int, str]:
    """Return the larger count, or as much of it as may come within a minute."""
    if pace.rise_per_minute is None:
        return target, ""
    lowest = int(counts.trough(at - MINUTE_SECONDS) or 0)
    limit = max(int(counts.latest or 0), lowest + pace.rise_per_minute)
    if target <= limit:
        return target, ""
    return limit, f"at most {pace.rise_per_minute} may come within a minute"


def _fall(
    target: int, current: int, targets: Steps, counts: Steps, *, at: int, pace: Pace
) -> tuple[int, str]:
    """Return the smaller count that window, dead band and rate allow."""
    if is_in_dead_band(target, current, pace):
        return current, f"less than {pace.dead_band_percent} % below {current} changes nothing"
    peak = int(targets.peak(at - pace.window_seconds) or 0)
    lowered = min(current, max(target, peak))
    if is_in_dead_band(lowered, current, pace):
        return current, f"{peak} were wanted within the last {pace.window_seconds} s"
    most = int(counts.peak(at - MINUTE_SECONDS) or 0)
    step = max(1, most * pace.fall_percent_per_minute // 100)
    if lowered < most - step:
        limit = min(current, most - step)
        return limit, f"at most {step} of {most} may go within a minute"
    return lowered, "" if lowered == target else f"{peak} were wanted a moment ago"
