"""How many replicas a speech pool should have: more when it is felt, fewer when it is certain.

A busy GPU is a well used one: batching wants 70 to 80 %. So utilisation alone never adds
anything; requests have to wait as well, or the pool's stage has to be slow. A GPU is dear and
its model takes minutes to load, so changes come one at a time, and the next one only when all
replicas are ready. Called by `planning`.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from voicefleet.api.reasons import Reason
from voicefleet.api.voicefleet import SpeechSpec
from voicefleet.core.combine import combine
from voicefleet.core.demand import Demand
from voicefleet.core.explaining import make_sizing
from voicefleet.core.gpu import Busyness, view_busyness
from voicefleet.core.pool_memory import (
    PoolMemory,
    note_settled,
    note_slow,
    note_waiting,
    read_pool_memory,
)
from voicefleet.core.readings import STALE_AFTER, read_sample
from voicefleet.core.speech import bound_speech
from voicefleet.core.stabilise import Stable, Trace
from voicefleet.core.wording import count_of
from voicefleet.model.signal import PoolSignals, Sample
from voicefleet.model.size import Desire, Sizing

STEP_MAX = 1.5
"""Utilisation stops at 100 %, so it cannot say how much more than 4/3 is needed; beyond half
as much again, the next look decides."""

DOWN_SHARE = 0.8
"""One replica less has to leave the others below this share of the busy mark: 60 of 75 %."""

DOWN_MINUTES = 15
"""So long it has to be so: a pool that was let go takes minutes to come back."""

IN_USE = 0.6
"""A pool of which less than this share is used is not what makes its stage slow."""

WAITING_FOR = 60
"""Seconds after which waiting requests are no burst any more."""

TURNS_MIN = 20
"""The P95 of fewer turns is little more than the slowest of them."""

WINDOW_SECONDS = 120
"""The time over which a stage's P95 is measured; one window is judged once."""

WINDOWS_SLOW = 2
"""One slow window may be one slow caller."""

STEP_PERCENT = 10
"""What moves by less than this while nothing changes is not worth a write."""

LOOK_AGAIN = timedelta(seconds=30)
"""While something is being waited for, it is looked at so often."""

UNMEASURED = PoolSignals()
"""What is known of a pool of which nobody tells anything."""

NO_TRACE = Trace()
"""A pool changes one by one, so its size needs no past counts."""

Memory = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PoolSeen:
    """What the size of one pool rests on, beside the spec."""

    current: int
    """Replicas that the pool was last meant to have."""
    ready: int
    """Replicas that are ready."""
    is_settled: bool
    """Whether all replicas are there, ready, and of the newest template."""
    signals: PoolSignals
    stage_milliseconds: Sample | None
    """P95 of the stage that the pool serves."""
    budget_milliseconds: float
    """Above this the stage is slow."""
    demand: Demand
    """The workers' sessions: a pool never serves more requests at once than there are."""
    rooms: int | None
    """Rooms on all media servers; None where one does not tell."""
    stale_after: timedelta = STALE_AFTER


@dataclass(frozen=True, slots=True)
class _View:
    """The signals, judged."""

    spec: SpeechSpec
    seen: PoolSeen
    busy: Busyness
    waiting: float | None
    stage: float | None
    past: PoolMemory

    @property
    def streams(self) -> int:
        """Requests that all ready replicas serve at once."""
        return self.spec.streams_per_replica * self.seen.ready

    @property
    def is_over(self) -> bool:
        """Whether requests wait."""
        return self.waiting is not None and self.waiting > self.streams

    @property
    def is_slow(self) -> bool:
        """Whether the stage is over its budget."""
        return self.stage is not None and self.stage > self.seen.budget_milliseconds


def decide_speech_size(
    pool: SpeechSpec, seen: PoolSeen, memory: Memory, now: datetime
) -> tuple[Sizing, Memory]:
    """Choose the number of replicas of one pool.

    Args:
        pool: The author's bounds, streams per replica and busy mark.
        seen: Replicas and signals as observed.
        memory: What the last call returned about this pool; an empty one changes nothing
            before everything has been seen for its whole time again.
        now: The cycle's single clock reading.

    Returns:
        The size, and what the next call has to know. Without signals it is what it was.
    """
    view = _judge(pool, seen, read_pool_memory(memory, int(now.timestamp())), now)
    desires = tuple(_find_rises(view)) or tuple(_find_falls(view, now)) or (_keep(view),)
    combined = combine(desires, current=seen.current)
    bounds = bound_speech(pool)
    sizing = make_sizing(
        f"speech {pool.name}",
        seen.current,
        combined,
        Stable(bounds.clamp(combined.target), NO_TRACE),
        bounds=bounds,
        faults=_find_faults(view),
        wake_after=LOOK_AGAIN if seen.signals != UNMEASURED else None,
    )
    return sizing, view.past.to_json()


def _judge(pool: SpeechSpec, seen: PoolSeen, past: PoolMemory, now: datetime) -> _View:
    """Read the signals, and note since when things are as they are."""
    at = int(now.timestamp())
    settled = note_settled(past, seen.current if seen.is_settled else None, at)
    since = None if settled is None else datetime.fromtimestamp(settled[0], UTC)
    waiting = read_sample(seen.signals.waiting, now, stale_after=seen.stale_after).value
    stage = read_sample(
        seen.stage_milliseconds, now, stale_after=seen.stale_after, count_min=TURNS_MIN
    ).value
    busy = view_busyness(seen.signals, since, now)
    view = _View(pool, seen, busy, waiting, stage, PoolMemory(settled))
    if settled is None:
        return view
    noted = PoolMemory(
        settled,
        note_waiting(past, _time_of(seen.signals.waiting, waiting), is_over=view.is_over),
        note_slow(past, None if stage is None else at // WINDOW_SECONDS, is_slow=view.is_slow),
        (past.unused_since or at) if _is_unused(view) else None,
    )
    return _View(pool, seen, busy, waiting, stage, noted)


def _find_rises(view: _View) -> Iterator[Desire]:
    """Yield every reason for more replicas; none while the last change is under way."""
    if view.seen.current == 0:
        if view.seen.demand.sessions > 0:
            told = f"{count_of(view.seen.demand.sessions, 'session')} and no replica"
            yield Desire("sessions", 1, Reason.POOL_IN_USE, told)
        return
    if view.past.settled is None:
        return
    yield from _ask_for_busy_gpus(view)
    yield from _ask_for_waiting(view)
    yield from _ask_for_slow_stage(view)


def _ask_for_busy_gpus(view: _View) -> Iterator[Desire]:
    """Ask for enough to bring GPUs back to their mark, if somebody else says the same.

    4 replicas at 90 % with a mark of 75 %: 4 * 90 / 75 = 4.8, so 5.
    """
    mark = view.spec.gpu_utilization_percent
    row = view.busy.last(math.ceil(view.spec.gpu_sustained_seconds / 60))
    if not row or min(row) <= mark or not (view.is_over or view.is_slow):
        return
    mean, ready = sum(row) / len(row), view.seen.ready
    wanted = min(math.ceil(ready * mean / mark), _step_from(ready))
    told = (
        f"GPU above {mark} % for {count_of(len(row), 'minute')} (mean {mean:.0f} %) and "
        f"{_tell_witness(view)}: {ready} * {mean:.0f} / {mark}"
    )
    yield Desire("gpu", wanted, Reason.GPU_BUSY, told)


def _ask_for_waiting(view: _View) -> Iterator[Desire]:
    """Ask for room for everything in flight, if it has been too much for a minute.

    100 requests, 20 per replica, 4 ready: 100 / 20 = 5.
    """
    row, waiting = view.past.waiting, view.waiting
    if row is None or waiting is None or not view.is_over or row[1] - row[0] < WAITING_FOR:
        return
    wanted = min(math.ceil(waiting / view.spec.streams_per_replica), _step_from(view.seen.ready))
    told = (
        f"{waiting:.0f} requests in flight for {row[1] - row[0]} s, "
        f"{view.spec.streams_per_replica} per replica"
    )
    yield Desire("queue", wanted, Reason.REQUESTS_WAITING, told)


def _ask_for_slow_stage(view: _View) -> Iterator[Desire]:
    """Ask for one more if the stage was slow twice and the pool is in use.

    Where it is hardly used, or nobody says how much, something else is slow: a model, a
    network, a provider. More GPUs would cost and not help.
    """
    row = view.past.slow
    if row is None or row[1] < WINDOWS_SLOW or not view.is_slow:
        return
    mark = view.spec.gpu_utilization_percent
    is_filled = view.waiting is not None and view.waiting >= IN_USE * view.streams
    is_busy = view.busy.minutes > 0 and view.busy.percents[-1] >= IN_USE * mark
    if is_filled or is_busy:
        told = f"{_tell_stage(view)} in {row[1]} windows of {WINDOW_SECONDS} s, and it works"
        yield Desire("stage", view.seen.ready + 1, Reason.STAGE_SLOW, told)


def _find_falls(view: _View, now: datetime) -> Iterator[Desire]:
    """Yield the one smaller count that is certain to do."""
    settled, current = view.past.settled, view.seen.current
    if settled is None:
        return
    if current > 1:
        yield from _spare_one(view)
    unused = view.past.unused_since
    is_over = unused is not None and now.timestamp() - unused >= DOWN_MINUTES * 60
    if current == 1 and view.spec.min_replicas == 0 and is_over:
        yield Desire("unused", 0, Reason.GPU_IDLE, f"no call for {DOWN_MINUTES} min")


def _spare_one(view: _View) -> Iterator[Desire]:
    """Let one go if the others would be far from busy with its load as well.

    3 replicas at 35 %: 35 * 3 / 2 = 52 %, below 60 %.
    """
    count, mark = view.seen.current, view.spec.gpu_utilization_percent
    row = view.busy.last(DOWN_MINUTES)
    load, room = _find_load(view), view.spec.streams_per_replica * (count - 1) * DOWN_SHARE
    if not row or view.is_slow or load is None or load > room:
        return
    projected = max(row) * count / (count - 1)
    if projected < DOWN_SHARE * mark:
        told = (
            f"GPU at most {max(row):.0f} % for {DOWN_MINUTES} min, {projected:.0f} % with one "
            f"less, and {load:.0f} requests for {room:.0f} streams"
        )
        yield Desire("consolidation", count - 1, Reason.GPU_IDLE, told)


def _find_load(view: _View) -> float | None:
    """Return the requests there can be at once: those in flight, else one per session."""
    if view.waiting is not None:
        return view.waiting
    demand = view.seen.demand
    return float(demand.sessions) if demand.is_known and not demand.silent else None


def _is_unused(view: _View) -> bool:
    """Say whether workers and servers agree that there is no call."""
    demand = view.seen.demand
    is_known = demand.is_known and not demand.silent
    return is_known and demand.sessions == 0 and view.seen.rooms == 0 and not view.waiting


def _keep(view: _View) -> Desire:
    """Stay, with what is seen in steps so coarse that status does not move with every minute."""
    seen = view.seen
    if view.past.settled is None:
        told = f"{seen.ready} of {seen.current} replicas are ready; one change at a time"
        return Desire("present", seen.current, Reason.HELD, told)
    parts = [
        f"GPU about {_round(view.busy.percents[-1])} %" if view.busy.minutes else view.busy.fault
    ]
    if view.waiting is not None:
        share = _round(100 * view.waiting / max(1, view.streams))
        parts.append(f"about {share} % of {view.streams} streams in use")
    if view.stage is not None:
        word = "over" if view.is_slow else "within"
        parts.append(f"stage {view.spec.stage.value} {word} {seen.budget_milliseconds:.0f} ms")
    return Desire("present", seen.current, Reason.STEADY, "; ".join(parts))


def _round(percent: float) -> int:
    return STEP_PERCENT * round(percent / STEP_PERCENT)


def _find_faults(view: _View) -> dict[str, str]:
    """Return what a provider that speaks about this pool does not say as it should."""
    is_told = bool(view.seen.signals.utilization)
    is_fault = view.past.settled is not None and view.busy.minutes == 0
    return {f"gpu of {view.spec.name}": view.busy.fault} if is_told and is_fault else {}


def _step_from(ready: int) -> int:
    return max(ready + 1, math.floor(ready * STEP_MAX))


def _time_of(sample: Sample | None, value: float | None) -> int | None:
    return None if sample is None or value is None else int(sample.observed_at.timestamp())


def _tell_stage(view: _View) -> str:
    return (
        f"stage {view.spec.stage.value} takes {view.stage:.0f} ms instead of "
        f"{view.seen.budget_milliseconds:.0f} ms"
    )


def _tell_witness(view: _View) -> str:
    if view.is_over:
        return f"{view.waiting:.0f} of {view.streams} streams in use"
    return _tell_stage(view)
