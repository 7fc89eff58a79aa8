"""What is known and expected about a fleet's sessions: the numbers behind its size.

Demand, its arrivals, the lead time, what is forecast, what is announced, and what a worker
counts for. Nothing is decided here. Called by `core/agents_size`, and by the conditions
about signals.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from voicefleet.api.scaling import ScalingSpec
from voicefleet.api.voicefleet import VoiceFleetSpec
from voicefleet.core.agents_memory import AgentsMemory, read_agents_memory
from voicefleet.core.arrivals import RECENT_BINS
from voicefleet.core.demand import Demand, count_rooms, view_demand
from voicefleet.core.forecast import BURST_BINS, Forecast, make_forecast
from voicefleet.core.latency import Latency, view_latency
from voicefleet.core.stock import safety_stock
from voicefleet.core.surge import SurgeFloor, surge_floor
from voicefleet.model.observed import Observed
from voicefleet.recall import remembered

CALL_SECONDS = 180
"""Mean length of 57,578 recorded calls, rounded; used where workers do not tell beginnings."""

LINGER_SECONDS = 30
"""A room outlives its session by 20 s, and exists before a worker tells of it."""

ROOMS_AGE_MAX = timedelta(seconds=20)
"""Servers are read every 15 s while anything happens; what they said may be so much older."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """One fleet's sessions: now, soon, and announced."""

    demand: Demand
    latency: Latency
    forecast: Forecast
    surge: SurgeFloor
    slots: int
    """Sessions that a worker may hold."""
    derate: float
    """Share of its slots that a worker counts for."""
    rate_per_second: float
    lead_seconds: int
    stock: float
    """Sessions to keep room for beside those that run and those forecast."""
    usual: float | None
    """Sessions at this time of the week, from the last weeks."""
    rooms: int | None
    """Rooms on the media servers; None where one does not tell."""
    rooms_explained: int
    """Rooms that the workers' sessions account for."""
    memory: AgentsMemory
    """With what is seen now."""

    @property
    def per_worker(self) -> float:
        """Sessions that a worker counts for."""
        return self.slots * self.derate


def look_ahead(spec: VoiceFleetSpec, observed: Observed, now: datetime) -> Outlook:
    """Put together what is known about a fleet's sessions and what is to be expected."""
    scaling, slots = spec.scaling, spec.agents.sessions_per_worker
    at = int(now.timestamp())
    demand = count_demand(spec, observed, now)
    latency = judge_latency(scaling, observed, demand, now)
    known = read_agents_memory(observed.memory.get("agents"))
    guard = known.guard.judge(latency, load=_load(demand, slots * known.guard.derate), now=now)
    memory = known.note(demand, observed.pods, now, guard=guard)
    lead = memory.starts.lead_seconds
    rate = demand.sessions / CALL_SECONDS
    if demand.tells_beginnings or not demand.sessions:
        rate = memory.arrivals.rate_per_second(now)
    measured = memory.arrivals.variance(now, lead)
    lately = now - timedelta(seconds=LINGER_SECONDS)
    recent = sum([start >= lately for start in demand.began])
    peak = memory.concurrency.peak(at - LINGER_SECONDS) or 0
    return Outlook(
        demand=demand,
        latency=latency,
        forecast=make_forecast(
            memory.concurrency,
            memory.season,
            demand.sessions,
            now=at,
            lead_seconds=lead,
            arrivals=memory.arrivals.recent(now, RECENT_BINS + BURST_BINS),
        ),
        surge=surge_floor(observed.surges, now, timedelta(seconds=memory.starts.announced_seconds)),
        slots=slots,
        # A worker that has just been found to hold more again frees nobody in this very cycle.
        derate=min(guard.derate, known.guard.derate),
        rate_per_second=rate,
        lead_seconds=lead,
        stock=safety_stock(demand.sessions, rate, lead, measured=measured),
        usual=memory.season.usual(at),
        rooms=count_rooms(observed, now, age_max=ROOMS_AGE_MAX),
        rooms_explained=int(max(peak, demand.sessions)) + recent,
        memory=memory,
    )


@remembered(4)
def count_demand(spec: VoiceFleetSpec, observed: Observed, now: datetime) -> Demand:
    """Count a fleet's sessions, by its own word for slots and for what is stale."""
    stale_after = timedelta(seconds=spec.scaling.stale_after_seconds)
    return view_demand(
        observed, now, slots=spec.agents.sessions_per_worker, stale_after=stale_after
    )


@remembered(4)
def judge_latency(
    scaling: ScalingSpec, observed: Observed, demand: Demand, now: datetime
) -> Latency:
    """Judge latency; without a provider, or without anybody to answer, its absence is no fault."""
    latency = view_latency(
        observed.signals,
        now,
        target_milliseconds=scaling.target_ttfb_milliseconds,
        stale_after=timedelta(seconds=scaling.stale_after_seconds),
    )
    if scaling.metrics_provider is None:
        return Latency(scaling.target_ttfb_milliseconds)
    if demand.is_known and demand.at_most == 0 and latency.is_absent:
        return replace(latency, fault="")
    return latency


def _load(demand: Demand, per_worker: float) -> float:
    """Return sessions per worker as a share of what it counts for."""
    if demand.serving == 0:
        return 1.0 if demand.sessions else 0.0
    return demand.sessions / (demand.serving * per_worker)
