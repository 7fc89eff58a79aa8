"""Samples a run at even intervals for whoever wants to look at it. Called by `sim/simulate`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from voicefleet.sim.latency import P50_SHARE, P99_SHARE, divide_into_stages, fleet_p95
from voicefleet.sim.result import TIMELINE_MAX, Moment
from voicefleet.sim.world import World

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What only the operator's fleet has beside workers; peers' runs leave it as it is."""

    servers_wanted: int = 0
    connections_per_server: int = 0
    speech_ready: Mapping[str, int] = field(default_factory=dict)
    gpu_percent: Mapping[str, float] = field(default_factory=dict)
    evaluators: int = 0


class Timeline:
    """Takes one moment per interval, and closes the ledger's minutes.

    Args:
        world: What is sampled.
        seconds: Length of the run; the interval follows from it.
        wanted: Returns the policy's count of workers.
        around: Returns what else the fleet has.
    """

    def __init__(
        self,
        world: World,
        seconds: float,
        *,
        wanted: Callable[[], int],
        around: Callable[[], Surroundings] = Surroundings,
    ) -> None:
        self.moments: list[Moment] = []
        self._world = world
        self._wanted = wanted
        self._around = around
        self._interval = max(1, -(-int(seconds) // (TIMELINE_MAX * 60))) * MINUTE
        self._rejected = 0
        self._cost = 0.0
        self._cloud_seconds = 0.0
        world.agenda.after(MINUTE, self._close_minute)
        world.agenda.after(self._interval, self._sample)

    def _close_minute(self) -> None:
        self._world.ledger.close_minute()
        self._world.agenda.after(MINUTE, self._close_minute)

    def _sample(self) -> None:
        self.moments.append(self._take())
        self._world.agenda.after(self._interval, self._sample)

    def _take(self) -> Moment:
        world, around = self._world, self._around()
        workers = list(world.workers.values())
        p95 = fleet_p95((len(worker.calls) for worker in workers), world.limit)
        rejected = world.ledger.rejected - self._rejected
        self._rejected = world.ledger.rejected
        servers = [one for one in world.servers.all.values() if one.ready_at is not None]
        self._cost += self._spent(around)
        starting = sum(one.ready_at is None and one.stopping_since is None for one in workers)
        return Moment(
            at_seconds=world.now,
            sessions=world.sessions,
            waiting=len(world.waiting),
            capacity=world.capacity,
            workers_wanted=self._wanted(),
            workers_ready=world.serving,
            workers_starting=starting,
            workers_draining=len(workers) - world.serving - starting,
            nodes=world.nodes.count,
            rejected=rejected,
            overflowed=world.in_cloud,
            ttfb_p50_milliseconds=p95 * P50_SHARE,
            ttfb_p95_milliseconds=p95,
            ttfb_p99_milliseconds=p95 * P99_SHARE,
            stages_milliseconds=divide_into_stages(p95),
            servers_wanted=around.servers_wanted,
            servers_ready=len(servers),
            connections=sum(server.connections for server in servers),
            connection_limit=len(servers) * around.connections_per_server,
            speech_ready=dict(around.speech_ready),
            gpu_percent=dict(around.gpu_percent),
            evaluators=around.evaluators,
            cost=self._cost,
            incident=world.conditions.incident(world.now),
        )

    def _spent(self, around: Surroundings) -> float:
        """Return what one interval costs by what exists at its end."""
        world, prices = self._world, self._world.conditions
        hourly = (
            len(world.workers) * prices.worker_price_per_hour
            + len(world.servers.all) * prices.server_price_per_hour
            + sum(around.speech_ready.values()) * prices.speech_price_per_hour
            + around.evaluators * prices.evaluator_price_per_hour
        )
        cloud = prices.cloud.price_per_minute * 60 * world.in_cloud if prices.cloud else 0.0
        return (hourly + cloud) * self._interval / 3600.0
