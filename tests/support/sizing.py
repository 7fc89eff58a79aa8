"""Fleets whose size is decided: workers with sessions, servers that agree, and time passing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from support.builders import NOW
from support.fleets import a_minimal_fleet
from voicefleet.api.scaling import ScalingSpec
from voicefleet.api.voicefleet import VoiceFleetSpec
from voicefleet.core.agents_size import decide_agents_size
from voicefleet.model.observed import Observed, Pod, ServerReport, Tier, WorkerReport
from voicefleet.model.signal import Sample, Signals
from voicefleet.model.size import Sizing
from voicefleet.model.surge import Surge

HOUR = timedelta(hours=1)


def a_spec(
    low: int = 2,
    high: int = 100,
    *,
    slots: int = 8,
    **scaling: Any,
) -> VoiceFleetSpec:
    """Return what an author wants: bounds, slots, and fields of `spec.scaling`."""
    spec = a_minimal_fleet().spec
    agents = spec.agents.model_copy(
        update={"min_replicas": low, "max_replicas": high, "sessions_per_worker": slots}
    )
    return spec.model_copy(update={"agents": agents, "scaling": ScalingSpec(**scaling)})


def a_sight(
    sessions: Sequence[int | None],
    now: datetime = NOW,
    *,
    cordoned: int = 0,
    rooms: int | None = -1,
    starts: Sequence[datetime] = (),
    ages: Mapping[int, timedelta] | None = None,
    **more: Any,
) -> Observed:
    """Return workers with these sessions, None for a silent one, and one media server.

    Args:
        sessions: By worker.
        now: The moment of every report.
        cordoned: So many of the first workers take no new sessions.
        rooms: On the server; -1 for as many as there are sessions, None for unknown.
        starts: When sessions began, all told by the first worker that tells anything.
        ages: How old the report of a worker is, by its place.
        more: Further fields of `Observed`.
    """
    pods = [_a_pod(f"w{place}", Tier.AGENTS, now) for place in range(len(sessions))]
    workers: dict[str, WorkerReport] = {}
    for place, (pod, count) in enumerate(zip(pods, sessions, strict=True)):
        if count is None:
            continue
        workers[pod.uid] = WorkerReport(
            observed_at=now - (ages or {}).get(place, timedelta(0)),
            revision="new",
            slots=8,
            active=count,
            reserved=0,
            is_cordoned=place < cordoned,
            session_starts=() if workers else tuple(starts),
        )
    server = _a_pod("m1", Tier.MEDIA, now)
    known = sum(count or 0 for count in sessions) if rooms == -1 else rooms
    servers = {} if known is None else {server.uid: ServerReport(now, known)}
    return Observed(pods=(*pods, server), workers=workers, servers=servers, **more)


def _a_pod(name: str, tier: Tier, now: datetime) -> Pod:
    return Pod(
        name=name,
        namespace="voice",
        uid=f"uid-{name}",
        tier=tier,
        revision="new",
        owner_name="new",
        created_at=now - HOUR,
        is_ready=True,
        is_running=True,
        ip="10.0.0.1",
    )


def spread(sessions: int, workers: int) -> list[int]:
    """Return so many sessions on so many workers, as evenly as can be."""
    each, rest = divmod(sessions, workers)
    return [each + (place < rest) for place in range(workers)]


def slow_answers(milliseconds: float, now: datetime, *, count: int = 100, **more: Any) -> Signals:
    """Return what a provider says of answers that take so long (P95)."""
    return Signals(ttfb_milliseconds=Sample(milliseconds, now, count), **more)


@dataclass
class Pilot:
    """Decides again and again, as cycles do: what was wanted is the next current count."""

    spec: VoiceFleetSpec
    count: int
    now: datetime = NOW
    memory: dict[str, Any] = field(default_factory=dict)
    surges: tuple[Surge, ...] = ()
    sizing: Sizing | None = None

    def decide(self, observed: Observed) -> Sizing:
        """Decide on an observation of now."""
        seen = replace(observed, memory={"agents": self.memory}, surges=self.surges)
        self.sizing, self.memory = decide_agents_size(self.spec, seen, self.count, self.now)
        self.count = self.sizing.wanted
        return self.sizing

    def see(self, sessions: int, **more: Any) -> Sizing:
        """Decide while so many sessions are spread over the workers there are."""
        workers = max(1, self.count)
        return self.decide(a_sight(spread(sessions, workers), self.now, **more))

    def run(self, sessions: int, *, minutes: float, every: float = 15, **more: Any) -> list[int]:
        """Decide every few seconds while sessions stay; return the counts."""
        counts = []
        for _ in range(round(minutes * 60 / every)):
            self.now += timedelta(seconds=every)
            counts.append(self.see(sessions, **more).wanted)
        return counts
