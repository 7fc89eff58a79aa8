"""How many media servers a fleet should have: none of them fuller than its share, and a spare.

A call stays on the server on which it began, so a server that is missing is felt by the calls
that come next, and one too many only costs money. Called by `planning`.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from voicefleet.api.media import MediaSpec
from voicefleet.api.reasons import Reason
from voicefleet.core.combine import combine
from voicefleet.core.connections import PER_SESSION, Connections, count_connections
from voicefleet.core.demand import Demand
from voicefleet.core.explaining import make_sizing, want_minimum
from voicefleet.core.forecast import TREND_SECONDS, follow_trend
from voicefleet.core.lead_time import read_starts
from voicefleet.core.media import Servers
from voicefleet.core.readings import STALE_AFTER
from voicefleet.core.sizes import bound_media
from voicefleet.core.stabilise import Pace, read_trace, stabilise
from voicefleet.core.steps import read_steps
from voicefleet.core.surge import SurgeFloor, surge_floor
from voicefleet.core.wording import count_of
from voicefleet.model.observed import Observed, Tier
from voicefleet.model.size import Desire, Sizing

ROUNDING = 1e-9
"""160 connections of 80 per server are two servers, whatever binary fractions say."""

PACE = Pace()
"""How fast servers leave unless the fleet says otherwise."""

Memory = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MediaSeen:
    """What the size of the media tier rests on, beside the spec."""

    servers: Servers
    demand: Demand
    observed: Observed
    current: int
    """Servers that the fleet was last meant to have."""
    stale_after: timedelta = STALE_AFTER
    pace: Pace = PACE


@dataclass(frozen=True, slots=True)
class _View:
    """The load of now and of one lead time from now."""

    connections: Connections
    growth: float
    lead_seconds: int
    floor: SurgeFloor


def decide_media_size(
    spec: MediaSpec, seen: MediaSeen, memory: Memory, now: datetime
) -> tuple[Sizing, Memory]:
    """Choose the number of media servers from their connections.

    Args:
        spec: The author's bounds, connections per server, share and spare servers.
        seen: Servers, sessions and announced demand as observed.
        memory: What the last call returned; an empty one takes nobody away at first.
        now: The cycle's single clock reading.

    Returns:
        The size, and what the next call has to know. While it is not known how much the
        servers carry, the count may grow and never shrinks.
    """
    connections = count_connections(
        seen.servers.all,
        seen.demand,
        seen.observed.signals.connections,
        now,
        stale_after=seen.stale_after,
    )
    at = int(now.timestamp())
    steps = read_steps(memory.get("connections"))
    load = steps.note(at, connections.count, keep_seconds=TREND_SECONDS)
    starts = read_starts(memory.get("starts")).note(seen.observed.pods, Tier.MEDIA)
    lead = starts.lead_seconds
    view = _View(
        connections,
        follow_trend(load, at, lead),
        lead,
        surge_floor(seen.observed.surges, now, timedelta(seconds=starts.announced_seconds)),
    )
    bounds = bound_media(spec)
    desires = tuple(_find_desires(spec, view)) if connections.is_known else ()
    holds = _find_holds(view, desires, seen)
    combined = combine((*desires, want_minimum(bounds)), current=seen.current, holds=holds)
    trace = read_trace(memory.get("trace"))
    stable = stabilise(combined.target, seen.current, trace, now, bounds=bounds, pace=seen.pace)
    changes_at = view.floor.changes_at
    sizing = make_sizing(
        "media",
        seen.current,
        combined,
        stable,
        bounds=bounds,
        faults=connections.faults,
        wake_after=None if changes_at is None else changes_at - now,
    )
    part = {
        "connections": load.to_json(),
        "starts": starts.to_json(),
        "trace": stable.trace.to_json(),
    }
    return sizing, part


def _find_desires(spec: MediaSpec, view: _View) -> Iterator[Desire]:
    count, growth = view.connections.count, math.ceil(view.growth - ROUNDING)
    told = count_of(count, "connection")
    if growth:
        told = f"({told} + {growth} expected within {view.lead_seconds} s)"
    yield _desire(spec, "connections", count + growth, told)
    announced = PER_SESSION * view.floor.sessions
    if announced:
        told = f"{view.floor.because}: {count_of(announced, 'connection')}"
        yield _desire(spec, "surge", announced, told)


def _desire(spec: MediaSpec, name: str, connections: int, told: str) -> Desire:
    """Return the servers for so many connections.

    170 connections, 100 per server of which 80 % are to be used: 3, and with one spare 4.
    """
    share = spec.connections_per_server * spec.scale_out_percent / 100
    needed = math.ceil(connections / share - ROUNDING)
    spare = spec.spare_servers if _has_spares(spec, needed) else 0
    because = (
        f"{told} / ({spec.connections_per_server} per server * {spec.scale_out_percent} %) "
        f"= {count_of(needed, 'server')}"
    )
    if spare:
        because += f" + {spare} spare"
    reason = Reason.SURGE_AHEAD if name == "surge" else Reason.CONNECTIONS
    return Desire(name, needed + spare, reason, because, may_lower=name != "surge")


def _has_spares(spec: MediaSpec, needed: int) -> bool:
    """Say whether a spare counts: not while nobody calls, and not in a fleet of one server.

    Whoever sets `minReplicas` to 1 has chosen that nobody can call while its node is down.
    """
    return needed > 1 or (needed > 0 and spec.min_replicas > 1)


def _find_holds(view: _View, desires: tuple[Desire, ...], seen: MediaSeen) -> Iterator[str]:
    """Yield what speaks against fewer servers."""
    yield from view.connections.doubts
    if view.floor.inhibits_scale_down:
        yield f"{view.floor.because} and forbids scaling down"
    asked = max((desire.replicas for desire in desires), default=0)
    running = sum(server.is_running for server in seen.servers.all)
    if running < min(max(asked, 1), seen.current):
        yield f"{running} of {seen.current} servers run: calls were lost, not callers"
