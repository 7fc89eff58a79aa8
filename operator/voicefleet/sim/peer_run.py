"""Lets one peer run one fleet in the simulated world. Called by `sim/simulate`."""

from collections.abc import Mapping, Sequence

from voicefleet.model.observed import Tier
from voicefleet.sim.conditions import Witness
from voicefleet.sim.hpa import PodReading
from voicefleet.sim.peers import MILLI, Policy, Seen
from voicefleet.sim.pods import ReplicaSet, Worker
from voicefleet.sim.result import Decided
from voicefleet.sim.world import World

SET = "workers"
"""Name of the one ReplicaSet behind a peer's Deployment."""


class PeerRun:
    """A peer at work: it reads metrics, decides, and writes `replicas`.

    Args:
        world: Where it acts.
        policy: The peer.
        grace_seconds: terminationGracePeriodSeconds of its workers.
        replicas: Workers at the beginning.
    """

    def __init__(
        self, world: World, policy: Policy, *, grace_seconds: float, replicas: int
    ) -> None:
        self._world = world
        self._policy = policy
        self._interval = policy.interval_seconds or world.conditions.sync_seconds
        self._scraped: dict[str, int] | None = None
        self._demand: int | None = None
        self.decisions: list[Decided] = []
        world.add_set(
            ReplicaSet(SET, replicas, grace_seconds=grace_seconds, idle_only=policy.idle_only)
        )
        lag = world.conditions.metric_lag_seconds
        world.agenda.at(self._interval - lag % self._interval, self._scrape)

    @property
    def wanted(self) -> int:
        """The count as it stands."""
        return self._world.sets[SET].replicas

    def _scrape(self) -> None:
        """Take the numbers that the look after the metrics' lag will work with."""
        world = self._world
        taken: dict[str, int] | None = None
        demand: int | None = None
        if not world.conditions.silent(Witness.PROMETHEUS, world.now):
            taken = {
                worker.uid: len(worker.calls)
                for worker in world.workers.values()
                if worker.ready_at is not None
            }
            demand = world.sessions + len(world.waiting)
        lag = world.conditions.metric_lag_seconds
        world.agenda.after(lag, self._look, taken, demand)
        world.agenda.after(self._interval, self._scrape)

    def _look(self, taken: dict[str, int] | None, demand: int | None) -> None:
        world = self._world
        members = world.members(SET)
        pods = self._read_pods(members, taken) if self._policy.reads_pods else ()
        seen = Seen(
            now=world.now,
            replicas=self.wanted,
            pods=pods,
            demand=demand,
            held=tuple(len(worker.calls) for worker in members),
        )
        self._write(self._policy.decide(seen))

    @staticmethod
    def _read_pods(
        members: Sequence[Worker], taken: Mapping[str, int] | None
    ) -> tuple[PodReading, ...]:
        scraped = taken or {}
        return tuple(
            PodReading(_milli(scraped.get(worker.uid)), is_unready=worker.started_at is None)
            for worker in members
        )

    def _write(self, wanted: int) -> None:
        before = self.wanted
        if wanted == before:
            # Agones asks again for servers that were busy the last time.
            self._world.control(self._world.sets[SET])
            return
        self._world.ledger.changes += 1
        told = f"{self._policy.name}: {before}→{wanted} at {self._world.sessions} sessions"
        self.decisions.append(Decided(self._world.now, Tier.AGENTS, before, wanted, "Scaled", told))
        self._world.scale(SET, wanted)


def _milli(count: int | None) -> int | None:
    return None if count is None else count * MILLI
