"""How many evaluators a fleet should have: enough for every deadline, more when it is cheap.

Evaluators carry no live call, so they may be as few as deadlines allow, and none at all while
nothing waits. They may also vanish at any time; what the queue holds is then simply done
later. Called by `planning`.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from voicefleet.api.reasons import Reason
from voicefleet.api.voicefleet import EvaluationSpec, EvaluationWindow, SpotUse
from voicefleet.core.backlog import (
    SPOT_LOSS,
    Backlog,
    Outlook,
    need_for_deadlines,
    need_for_window,
    read_backlog,
)
from voicefleet.core.combine import combine
from voicefleet.core.evaluation import bound_evaluation
from voicefleet.core.explaining import make_sizing, want_minimum
from voicefleet.core.stabilise import Pace, read_trace, stabilise
from voicefleet.core.week_windows import (
    Span,
    WeekWindow,
    find_next_change,
    find_spans,
    merge_spans,
)
from voicefleet.core.wording import count_of
from voicefleet.model.signal import EvaluationQueue
from voicefleet.model.size import Desire, Sizing
from voicefleet.recall import remembered
from voicefleet.units import format_duration

IDLE_AFTER = timedelta(minutes=5)
"""Evaluators stay for so long after the queue has become empty: the next call's recording often
follows within minutes, and a node takes as long to come."""

LOOK_AGAIN = timedelta(minutes=1)
"""How often the answer is looked at again while anything waits."""

PACE = Pace(dead_band_percent=0, fall_percent_per_minute=100)
"""Nobody hears an evaluator leave, so it may go at once when nothing asked for it for 120 s."""

WINDOWS_KEPT = 64
"""Windows whose words are not read again in each cycle."""

Memory = Mapping[str, Any]


def decide_evaluation_size(
    spec: EvaluationSpec,
    queue: EvaluationQueue | None,
    memory: Memory,
    now: datetime,
    *,
    current: int,
) -> tuple[Sizing, Memory]:
    """Choose the number of evaluators from what waits and until when.

    Args:
        spec: The author's bounds, deadline and off-peak windows.
        queue: What waits to be evaluated; None where nobody knows, and then nothing changes.
        memory: What the last call returned; an empty one sends nobody away at first.
        now: The cycle's single clock reading.
        current: Evaluators that the fleet was last meant to have.

    Returns:
        The size, and what the next call has to know.
    """
    bounds = bound_evaluation(spec)
    outlook = look_ahead(spec, now)
    backlog = read_backlog(queue, now, deadline=timedelta(seconds=spec.deadline_seconds))
    empty_since = _note_empty(backlog, memory, now)
    desires = [
        *_find_needs(backlog, outlook, current, now),
        *_find_keepers(backlog, empty_since, current, now),
        want_minimum(bounds),
    ]
    holds = [f"{name} is {fault}" for name, fault in backlog.faults.items()]
    combined = combine(desires, current=current, holds=holds)
    trace = read_trace(memory.get("trace"))
    stable = stabilise(combined.target, current, trace, now, bounds=bounds, pace=PACE)
    sizing = make_sizing(
        "evaluation",
        current,
        combined,
        stable,
        bounds=bounds,
        faults=backlog.faults,
        wake_after=_find_wake(backlog, outlook.spans, empty_since, now),
    )
    part: dict[str, Any] = {"trace": stable.trace.to_json()}
    return sizing, part if empty_since is None else {**part, "emptySince": empty_since}


def look_ahead(spec: EvaluationSpec, now: datetime) -> Outlook:
    """Return what evaluators there may be, until the last time anything may be due."""
    until = now + timedelta(seconds=spec.deadline_seconds)
    spans = merge_spans(
        span for window in spec.windows for span in find_spans(_read_window(window), now, until)
    )
    return Outlook(spec.max_replicas, 0.0 if spec.spot is SpotUse.NEVER else SPOT_LOSS, spans)


@remembered(WINDOWS_KEPT)
def _read_window(window: EvaluationWindow) -> WeekWindow:
    return WeekWindow(
        frozenset(day.number for day in window.days),
        time.fromisoformat(window.from_time),
        time.fromisoformat(window.to_time),
        ZoneInfo(window.time_zone),
    )


def _find_needs(
    backlog: Backlog, outlook: Outlook, current: int, now: datetime
) -> Iterator[Desire]:
    """Yield what the waiting work asks for; nothing while nobody knows how much it is."""
    if not backlog.is_known:
        return
    need = need_for_deadlines(backlog, outlook, now, current=current)
    yield Desire("deadlines", need.evaluators, Reason.DEADLINES, need.because)
    cheap = need_for_window(backlog, outlook, now, current=current)
    if cheap is not None:
        yield Desire("off-peak", cheap.evaluators, Reason.OFF_PEAK, cheap.because)


def _find_keepers(
    backlog: Backlog, empty_since: int | None, current: int, now: datetime
) -> Iterator[Desire]:
    """Yield why evaluators stay although the waiting work does not ask for them."""
    if backlog.in_flight > 0:
        told = f"{count_of(backlog.in_flight, 'evaluation')} in flight"
        kept = min(backlog.in_flight, current)
        yield Desire("in flight", kept, Reason.EVALUATIONS_IN_FLIGHT, told)
    if empty_since is not None and _idle_rest(empty_since, now) > timedelta(0):
        told = f"the queue is empty, but not yet for {format_duration(IDLE_AFTER)}"
        yield Desire("idle", current, Reason.EVALUATIONS_IN_FLIGHT, told)


def _note_empty(backlog: Backlog, memory: Memory, now: datetime) -> int | None:
    """Return since when the queue has certainly been empty; a clock that went back begins anew."""
    if not backlog.is_empty:
        return None
    at = int(now.timestamp())
    before = memory.get("emptySince")
    is_past = isinstance(before, int) and not isinstance(before, bool) and 0 <= before <= at
    return before if is_past else at


def _idle_rest(empty_since: int, now: datetime) -> timedelta:
    return timedelta(seconds=empty_since - now.timestamp()) + IDLE_AFTER


def _find_wake(
    backlog: Backlog, spans: tuple[Span, ...], empty_since: int | None, now: datetime
) -> timedelta | None:
    """Return when to look again: deadlines come nearer although the queue stays as it is."""
    waits = [LOOK_AGAIN] if backlog.work_seconds > 0 else []
    if empty_since is not None:
        waits.append(_idle_rest(empty_since, now))
    change = find_next_change(spans, now)
    if change is not None:
        waits.append(change - now)
    return min((wait for wait in waits if wait > timedelta(0)), default=None)
