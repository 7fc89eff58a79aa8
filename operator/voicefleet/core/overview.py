"""One fleet as its status is going to describe it: what is wanted beside what was seen.

`planning.report_fleet` puts it together; `core/status`, `core/conditions` and
`core/capacity` read it.
"""

from dataclasses import dataclass
from datetime import datetime

from voicefleet.core.agents import Rollout
from voicefleet.core.demand import Demand
from voicefleet.core.latency import Latency
from voicefleet.core.media import Servers, find_surplus
from voicefleet.core.servers import Server
from voicefleet.core.workers import Worker
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Child, Observed, Tier
from voicefleet.model.outcome import Outcome
from voicefleet.model.size import Sizing


@dataclass(frozen=True, slots=True)
class Pool:
    """An ordinary Deployment of the fleet: a speech pool, the evaluators, Redis."""

    tier: Tier
    name: str
    """How sentences call it, for example `speech tts`."""
    wanted: int
    live: Child | None
    sizing: Sizing | None = None
    """How the wanted number came about; None where it never changes."""

    @property
    def replicas(self) -> int:
        """Pods that exist, of whatever template."""
        return self._count("replicas")

    @property
    def ready(self) -> int:
        """Pods that are Ready."""
        return self._count("readyReplicas")

    @property
    def is_rolling(self) -> bool:
        """Whether pods of an earlier template are still being replaced."""
        if self.live is None:
            return False
        generation = int(self.live.manifest["metadata"].get("generation", 0))
        if self._count("observedGeneration") < generation:
            return True
        return self._count("updatedReplicas", self.replicas) < self.replicas

    def _count(self, field: str, otherwise: int = 0) -> int:
        if self.live is None:
            return otherwise
        return int((self.live.manifest.get("status") or {}).get(field, otherwise))


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything a status is made of."""

    fleet: Fleet
    observed: Observed
    outcome: Outcome
    now: datetime
    rollout: Rollout
    agents: Sizing
    """How many workers there should be, and why."""
    demand: Demand
    latency: Latency | None
    """How fast answers are; None where the fleet has no metrics provider."""
    agents_revision: str
    agents_selector: str
    servers: Servers
    media: Sizing
    """How many media servers there should be, and why."""
    media_revision: str
    last_server: int
    pools: tuple[Pool, ...]
    """Redis, if it is the fleet's own, then speech in the order of the manifest, then
    evaluation, if there is any."""

    @property
    def agents_wanted(self) -> int:
        """Workers that should take new sessions."""
        return self.agents.wanted

    @property
    def media_wanted(self) -> int:
        """Media servers that there should be."""
        return self.media.wanted

    @property
    def workers(self) -> tuple[Worker, ...]:
        """Every worker that counts."""
        return tuple(worker for workers in self.rollout.sets for worker in workers.workers)

    @property
    def cordoned(self) -> tuple[Worker, ...]:
        """Workers that take no new sessions."""
        return tuple(worker for worker in self.workers if worker.is_cordoned)

    @property
    def surplus_servers(self) -> tuple[Server, ...]:
        """Media servers that leave once they are empty."""
        return find_surplus(self.servers, self.media_wanted)

    @property
    def media_ready(self) -> int:
        """Media servers that take calls."""
        return sum(server.is_ready for server in self.servers.all)
