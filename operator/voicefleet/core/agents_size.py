"""How many workers a fleet should have, and why.

Sessions ÷ sessions per worker, at the time when a worker decided on now takes its first call.
Every part of that asks for a number of its own; the largest counts; going down has to be
certain and is slow. Nothing here ends a call: which worker leaves, and when, is decided in
`core/agents`. docs/scaling.md goes through one example by hand. Called by `planning`.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from voicefleet.api.reasons import Reason
from voicefleet.api.scaling import ScalingMode, ScalingSpec
from voicefleet.api.voicefleet import VoiceFleetSpec
from voicefleet.core.agents_outlook import Outlook, look_ahead
from voicefleet.core.combine import combine
from voicefleet.core.explaining import make_sizing
from voicefleet.core.sizes import Bounds, bound_agents
from voicefleet.core.stabilise import Pace, stabilise
from voicefleet.core.wording import count_of
from voicefleet.model.observed import Observed
from voicefleet.model.size import Desire, Sizing
from voicefleet.recall import remembered

SPARE_WORKERS = 1
"""Workers' worth of free slots while anybody calls: one worker may die without a rejected call."""

FAILSAFE_SECONDS = 600
"""After so long without any word of the workers, what is usual at this hour is made room for."""

FULL_SHARE = 0.02
"""Of the slots taken; with so few free ones some caller has just found none."""

FULL_FACTOR = 2.0
"""A full fleet hides how many it turns away. Of 1.5 and 2, in simulated rushes of 40 to 500 calls
in 12 minutes, 2 turned a tenth fewer away for 4 % more worker-hours."""

RISE_PER_MINUTE = 250
"""No real demand needs more; a wrong number must not order a thousand pods in one breath."""

LOOK_SECONDS = 15
"""How often a fleet with sessions is looked at although nothing is said to have changed."""

IDLE_LOOK_SECONDS = 60
"""The same without sessions, while time alone may bring some: the usual, or a silence."""

ROUNDING = 1e-9
"""24 / (8 * 0.9) * 7.2 is 24, whatever binary fractions say."""


@remembered(4)
def decide_agents_size(
    spec: VoiceFleetSpec, observed: Observed, current: int, now: datetime
) -> tuple[Sizing, dict[str, Any]]:
    """Choose the number of workers that take new sessions.

    Args:
        spec: What the author wants: bounds, slots, target, and how fast to go down.
        observed: The snapshot, with what the last decision wanted remembered.
        current: Workers that were last meant to take sessions; asked for already, so those
            that are still starting are never asked for twice.
        now: The cycle's single clock reading. The same input gives the same answer.

    Returns:
        The size, and the JSON to remember. What is not known never lowers it. In mode
        Recommend the count stays, and `recommended` says what it would be.
    """
    bounds = bound_agents(spec.agents)
    outlook = look_ahead(spec, observed, now)
    trace = outlook.memory.trace
    is_advice = spec.scaling.mode is ScalingMode.RECOMMEND
    last = current
    if is_advice and trace.counts.latest is not None:
        # What was recommended last: the count that stays would be raised anew in every cycle.
        last = int(trace.counts.latest)
    combined = combine(
        _name_desires(outlook, last, bounds, now), current=last, holds=_find_holds(outlook)
    )
    stable = stabilise(
        combined.target, last, trace, now, bounds=bounds, pace=_pace_of(spec.scaling)
    )
    sizing = make_sizing(
        "agents",
        last,
        combined,
        stable,
        bounds=bounds,
        faults=_find_faults(outlook),
        wake_after=_next_look(outlook, now),
    )
    unknown = next(_find_unknown(outlook), "") if sizing.wanted < bounds.high else ""
    sizing = replace(
        sizing,
        figures=_collect_figures(outlook),
        # Beyond the author's maximum no signal, known or not, could ask for anybody.
        unknown=unknown,
        doubt=_find_doubt(outlook),
    )
    if is_advice:
        sizing = as_advice(sizing, bounds.clamp(current), because="scaling.mode is Recommend")
    elif sizing.wanted < current and sizing.reason is not Reason.ABOVE_MAXIMUM:
        sizing = replace(sizing, reason=Reason.DEMAND_FELL)
    return sizing, replace(outlook.memory, trace=stable.trace).to_json()


def _name_desires(
    outlook: Outlook, current: int, bounds: Bounds, now: datetime
) -> Iterator[Desire]:
    """Yield what each part of the formula asks for, as far as its signals can be used."""
    if outlook.demand.is_known:
        yield from _desires_of_demand(outlook, current)
    yield from _desires_of_plans(outlook)
    yield from _desires_of_outage(outlook, now)
    low = f"{bounds.low_field} is {bounds.low}"
    yield Desire("minimum", bounds.low, Reason.BELOW_MINIMUM, low, may_lower=False)


def _desires_of_demand(outlook: Outlook, current: int) -> Iterator[Desire]:
    """Yield what present sessions ask for: now, a lead time ahead, and at the worst."""
    sessions, stock, each = outlook.demand.sessions, outlook.stock, outlook.per_worker
    told = f"{count_of(sessions, 'session')} + {stock:.1f} safety"
    needed = _divide(sessions + stock, outlook.slots)
    because = f"({told}) / {outlook.slots} per worker"
    yield Desire("demand", needed, Reason.DEMAND_ROSE, because)
    if outlook.derate < 1:
        because = f"({told}) / {each:.1f} per worker, {outlook.derate:.0%} of its slots"
        yield Desire("latency", _divide(sessions + stock, each), Reason.LATENCY_GUARD, because)
    ahead = outlook.forecast.sessions
    if ahead > 0:
        because = (
            f"({count_of(sessions, 'session')} + {ahead:.1f} by {outlook.forecast.name} within "
            f"{outlook.lead_seconds} s + {stock:.1f} safety) / {each:.1f} per worker"
        )
        needed = _divide(sessions + ahead + stock, each)
        yield Desire("forecast", needed, Reason.DEMAND_FORECAST, because, may_lower=False)
    if sessions:
        needed = _divide(sessions, each) + SPARE_WORKERS
        because = f"{count_of(sessions, 'session')} / {each:.1f} per worker + {SPARE_WORKERS} spare"
        yield Desire("spare", needed, Reason.SPARE_WORKERS, because)
    yield from _desires_of_fullness(outlook)
    if outlook.demand.silent:
        needed = min(current, _divide(outlook.demand.at_most + stock, each))
        because = (
            f"at most {outlook.demand.at_most} sessions while "
            f"{count_of(len(outlook.demand.silent), 'worker')} may hold any number"
        )
        yield Desire("silent", needed, Reason.HELD, because)


def _desires_of_fullness(outlook: Outlook) -> Iterator[Desire]:
    """Yield twice as many while no slot is free: who is turned away then is in no count.

    It is measured on the workers that serve, so those that still start are not asked for twice.
    """
    demand = outlook.demand
    taken = demand.serving * outlook.slots - (demand.free or 0)
    if demand.free is None or not taken or demand.free > taken * FULL_SHARE:
        return
    needed = math.ceil(demand.serving * FULL_FACTOR)
    because = (
        f"{count_of(taken, 'slot')} of {count_of(demand.serving, 'worker')} taken and "
        f"{demand.free} free, so callers may be turned away uncounted: {FULL_FACTOR:g} x as many"
    )
    yield Desire("full", needed, Reason.DEMAND_FORECAST, because, may_lower=False)


def _desires_of_plans(outlook: Outlook) -> Iterator[Desire]:
    """Yield what announced demand asks for."""
    floor = outlook.surge
    needed = max(_divide(floor.sessions, outlook.per_worker), floor.replicas)
    if needed:
        yield Desire("surge", needed, Reason.SURGE_AHEAD, floor.because, may_lower=False)


def _desires_of_outage(outlook: Outlook, now: datetime) -> Iterator[Desire]:
    """Yield what is usual at this hour, once no worker has told anything for ten minutes."""
    since = outlook.memory.unknown_since
    if since is None or outlook.usual is None or now.timestamp() - since < FAILSAFE_SECONDS:
        return
    because = (
        f"no worker tells its sessions for {FAILSAFE_SECONDS // 60} min; "
        f"{outlook.usual:.0f} are usual at this hour / {outlook.per_worker:.1f} per worker"
    )
    needed = _divide(outlook.usual, outlook.per_worker)
    yield Desire("outage", needed, Reason.SIGNALS_LOST, because, may_lower=False)


def _find_holds(outlook: Outlook) -> Iterator[str]:
    """Yield what speaks against fewer workers: unknown signals, a plan, the second witness."""
    yield from _find_unknown(outlook)
    if outlook.surge.inhibits_scale_down:
        yield f"{outlook.surge.because or 'an announced window'} and lets no worker go"
    if doubt := _find_doubt(outlook):
        yield doubt


def _find_unknown(outlook: Outlook) -> Iterator[str]:
    """Yield the signals that are not known now; a smaller count rests on all of them."""
    if not outlook.demand.is_known:
        yield outlook.demand.fault or "no worker has told its sessions yet"
    if outlook.latency.fault:
        yield f"answers' latency is not known ({outlook.latency.fault})"
    if outlook.rooms is None:
        yield "not every media server tells its rooms, the second witness of a removal"


def _find_doubt(outlook: Outlook) -> str:
    """Return how the second witness contradicts the workers; nothing where it does not."""
    if outlook.rooms is None or outlook.rooms <= outlook.rooms_explained:
        return ""
    return (
        f"{outlook.rooms} rooms on the media servers, but workers account for "
        f"{outlook.rooms_explained}"
    )


def _find_faults(outlook: Outlook) -> dict[str, str]:
    """Return the signals that cannot be used, with the reason."""
    faults = {"sessions": outlook.demand.fault, "ttfb": outlook.latency.fault}
    return {name: fault for name, fault in faults.items() if fault}


def _collect_figures(outlook: Outlook) -> dict[str, int]:
    return {
        "sessions": outlook.demand.sessions,
        "forecast": math.ceil(outlook.forecast.sessions),
        "safety": math.ceil(outlook.stock),
        "arrivalsPerHour": round(outlook.rate_per_second * 3600),
        "leadSeconds": outlook.lead_seconds,
        "capacityPercent": round(outlook.derate * 100),
    }


def as_advice(sizing: Sizing, kept: int, *, because: str) -> Sizing:
    """Keep the count, and say what it would be.

    Args:
        sizing: What the signals ask for.
        kept: The count that stays.
        because: What keeps it.
    """
    if sizing.wanted == kept:
        return sizing
    return replace(
        sizing,
        wanted=kept,
        recommended=sizing.wanted,
        reason=Reason.RECOMMENDED,
        because=f"{sizing.because}; {because}, so {kept} stay",
    )


def _pace_of(scaling: ScalingSpec) -> Pace:
    return Pace(
        window_seconds=scaling.scale_down.stabilization_window_seconds,
        fall_percent_per_minute=scaling.scale_down.max_percent_per_minute,
        rise_per_minute=RISE_PER_MINUTE,
    )


def _next_look(outlook: Outlook, now: datetime) -> timedelta | None:
    """Return when time alone may change a desire; None for a fleet at rest."""
    waits = []
    if outlook.surge.changes_at is not None:
        waits.append(max(1.0, (outlook.surge.changes_at - now).total_seconds()))
    if outlook.demand.sessions or outlook.memory.arrivals.counts or outlook.demand.new:
        waits.append(LOOK_SECONDS)
    elif outlook.usual is not None or outlook.memory.unknown_since is not None:
        waits.append(IDLE_LOOK_SECONDS)
    return timedelta(seconds=min(waits)) if waits else None


def _divide(sessions: float, per_worker: float) -> int:
    """Return how many workers hold so many sessions."""
    return math.ceil(sessions / per_worker - ROUNDING)
