"""What the size of the agents tier has to know of the past, as JSON of bounded size.

It survives a restart in a ConfigMap. What is lost, broken or from another version is
forgotten part by part, and forgetting never takes a worker away: without a trace nothing is
lowered for a whole window, without history nothing is forecast. Nothing in here moves while a
fleet is idle, so an idle fleet is never written. Called by `core/agents_size`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from voicefleet.core.arrivals import Arrivals, read_arrivals
from voicefleet.core.demand import Demand
from voicefleet.core.forecast import TREND_SECONDS
from voicefleet.core.latency import Guard, read_guard
from voicefleet.core.lead_time import Starts, read_starts
from voicefleet.core.season import Season, read_season
from voicefleet.core.stabilise import Trace, read_trace
from voicefleet.core.steps import Steps, read_steps
from voicefleet.core.stored import read_whole
from voicefleet.model.observed import Pod

VERSION = 1
"""Raised when the meaning of a part changes; what another version wrote is forgotten."""


@dataclass(frozen=True, slots=True)
class AgentsMemory:
    """Everything remembered, each part by the module that knows what it means."""

    concurrency: Steps = field(default_factory=Steps)
    """Sessions of the last five minutes."""
    arrivals: Arrivals = field(default_factory=Arrivals)
    starts: Starts = field(default_factory=Starts)
    season: Season = field(default_factory=Season)
    guard: Guard = field(default_factory=Guard)
    trace: Trace = field(default_factory=Trace)
    unknown_since: int | None = None
    """Since when no worker tells its sessions; None while one does."""

    def note(
        self, demand: Demand, pods: tuple[Pod, ...], now: datetime, *, guard: Guard
    ) -> "AgentsMemory":
        """Return the same with what is seen now; twice the same instant changes nothing.

        Args:
            demand: Sessions now, and when they began.
            pods: Pods of the fleet, for how long they took to start.
            now: The cycle's single clock reading.
            guard: What is learnt about workers by now.
        """
        at = int(now.timestamp())
        concurrency, season, since = Steps(), self.season, self.unknown_since
        if demand.is_known:
            season = season.note(at, before=self.concurrency.latest, after=demand.sessions)
            concurrency = self.concurrency.note(at, demand.sessions, keep_seconds=TREND_SECONDS)
            since = None
        else:
            since = at if since is None else min(since, at)
        return AgentsMemory(
            concurrency,
            self.arrivals.note(demand.began, now),
            self.starts.note(pods),
            season,
            guard,
            self.trace,
            since,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the form that memory keeps."""
        return {
            "version": VERSION,
            "concurrency": self.concurrency.to_json(),
            "arrivals": self.arrivals.to_json(),
            "starts": self.starts.to_json(),
            "season": self.season.to_json(),
            "guard": self.guard.to_json(),
            "trace": self.trace.to_json(),
            "unknownSince": self.unknown_since,
        }


def read_agents_memory(stored: object) -> AgentsMemory:
    """Return what is remembered; parts that cannot be read are as if there had never been any."""
    if not isinstance(stored, Mapping) or stored.get("version") != VERSION:
        return AgentsMemory()
    return AgentsMemory(
        read_steps(stored.get("concurrency")),
        read_arrivals(stored.get("arrivals")),
        read_starts(stored.get("starts")),
        read_season(stored.get("season")),
        read_guard(stored.get("guard")),
        read_trace(stored.get("trace")),
        read_whole(stored.get("unknownSince")),
    )
