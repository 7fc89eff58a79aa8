"""What the operator sees of the simulated world: pods, reports and signals as frozen values.

A pod's facts are built again only when they changed; a week has forty thousand cycles. Called
by `sim/operator_run`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from voicefleet.api.labels import REVISION, TIER
from voicefleet.api.voicefleet import SpeechSpec
from voicefleet.manifests import ObjectKey
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Observed, Pod, PodTrouble, ServerReport, Tier, WorkerReport
from voicefleet.model.signal import PoolSignals, Sample, Signals, Stage
from voicefleet.model.surge import Surge
from voicefleet.render.names import speech_name
from voicefleet.sim.cluster import SimulatedCluster
from voicefleet.sim.conditions import Witness
from voicefleet.sim.latency import divide_into_stages, fleet_p95
from voicefleet.sim.pods import Worker
from voicefleet.sim.servers import Server
from voicefleet.sim.world import World

STREAMS_PER_SESSION = 0.35
"""Share of a session's time in which one speech stage works for it: callers talk and pauses
fall for the rest. Our estimate."""

UTILIZATION_SAMPLES = 15
"""Minutes of GPU history that signals carry."""

SURGE_HORIZON = timedelta(hours=24)
"""How far ahead announced demand is near."""

UNPLACED = PodTrouble("Unschedulable", "no node has room; one is being provisioned")


@dataclass(slots=True)
class Sight:
    """One operator's eyes: its caches and what they last held."""

    world: World
    cluster: SimulatedCluster
    fleet: Fleet
    surges: tuple[Surge, ...]
    _pods: dict[str, tuple[int, Pod]]
    _reports: dict[str, WorkerReport]
    _server_reports: dict[str, ServerReport]
    _utilization: dict[str, tuple[Sample, ...]]
    signals: Signals
    _pods_seen: tuple[Pod, ...] = ()

    @classmethod
    def of(
        cls, world: World, cluster: SimulatedCluster, fleet: Fleet, surges: tuple[Surge, ...]
    ) -> "Sight":
        """Return eyes that have seen nothing yet."""
        return cls(world, cluster, fleet, surges, {}, {}, {}, {}, Signals())

    def observe(self, memory: Mapping[str, object]) -> Observed:
        """Return one snapshot."""
        world = self.world
        self.cluster.refresh_status()
        silent = world.conditions.silent(Witness.WORKERS, world.now)
        if not silent:
            self._listen()
        now = world.instant()
        return Observed(
            children=self.cluster.snapshot(),
            pods=self._see_pods(),
            workers=dict(self._reports),
            servers=dict(self._server_reports),
            signals=self.signals,
            surges=tuple(
                surge
                for surge in self.surges
                if surge.starts_at <= now + SURGE_HORIZON
                and now <= surge.ends_at + timedelta(seconds=surge.glide_seconds)
            ),
            memory=memory,
        )

    # Reports.

    def _listen(self) -> None:
        world, now = self.world, self.world.instant()
        revisions = {name: each.labels.get(REVISION, "") for name, each in world.sets.items()}
        self._reports = {
            worker.uid: self._report(worker, now, revisions[worker.owner])
            for worker in world.workers.values()
            if worker.started_at is not None
        }
        self._server_reports = {
            server.name: ServerReport(
                now,
                len(server.rooms),
                server.connections,
                None if server.empty_since is None else world.instant(server.empty_since),
            )
            for server in world.servers.all.values()
            if server.ready_at is not None
        }

    def _report(self, worker: Worker, now: datetime, revision: str) -> WorkerReport:
        world, starts, since = self.world, worker.starts, worker.cordoned_since
        # In the order of its fields: a million and a half of them in a week, and names take half
        # as long again.
        return WorkerReport(
            now,
            revision,
            world.slots,
            len(starts),  # active
            0,  # reserved
            since is not None,
            None if since is None else world.instant(since),
            starts[0] if starts else None,
            starts,
        )

    # Pods.

    def _see_pods(self) -> tuple[Pod, ...]:
        """Return all pods; the very same tuple for as long as none of them changes."""
        pods = [self._see_worker(worker) for worker in self.world.workers.values()]
        pods += [self._see_server(server) for server in self.world.servers.all.values()]
        seen = tuple(pods)
        if seen != self._pods_seen:
            self._pods_seen = seen
        return self._pods_seen

    def _see_worker(self, worker: Worker) -> Pod:
        known = self._pods.get(worker.uid)
        if known is not None and known[0] == worker.facts:
            return known[1]
        owner = self.world.sets[worker.owner]
        runs = worker.started_at is not None
        is_placed = worker.node.ready_at <= self.world.now
        pod = Pod(
            name=worker.name,
            namespace=self.fleet.namespace,
            uid=worker.uid,
            tier=Tier.AGENTS,
            revision=owner.labels[REVISION],
            owner_name=worker.owner,
            owner_uid=f"uid-{worker.owner}",
            created_at=self.world.instant(float(int(worker.created_at))),
            is_ready=worker.ready_at is not None,
            is_running=runs,
            started_at=self._whole_second(worker.started_at),
            ready_at=self._whole_second(worker.ready_at),
            is_deleting=worker.stopping_since is not None,
            ip="192.0.2.1" if runs else "",
            node=f"node-{worker.node.number}" if is_placed else "",
            grace_seconds=int(owner.grace_seconds),
            labels={**owner.labels, **worker.labels},
            annotations=worker.annotations,
            trouble=None if runs or is_placed else UNPLACED,
        )
        self._pods[worker.uid] = (worker.facts, pod)
        return pod

    def _see_server(self, server: Server) -> Pod:
        known = self._pods.get(server.name)
        if known is not None and known[0] == server.facts:
            return known[1]
        key = ObjectKey("ReplicaSet", self.fleet.namespace, server.name)
        labels = self.cluster.children[key].manifest["spec"]["template"]["metadata"]["labels"]
        is_ready = server.ready_at is not None
        created = self.world.instant(float(int(server.created_at)))
        pod = Pod(
            name=f"{server.name}-0",
            namespace=self.fleet.namespace,
            uid=server.name,
            tier=Tier(labels[TIER]),
            revision=labels.get(REVISION, ""),
            owner_name=server.name,
            owner_uid=f"uid-{server.name}",
            created_at=created,
            is_ready=is_ready,
            is_running=is_ready,
            started_at=created if is_ready else None,
            ready_at=self._whole_second(server.ready_at),
            ip="192.0.2.2" if is_ready else "",
            labels=labels,
        )
        self._pods[server.name] = (server.facts, pod)
        return pod

    def _whole_second(self, seconds: float | None) -> datetime | None:
        """Return an instant as a pod's status has it: without fractions."""
        return None if seconds is None else self.world.instant(float(int(seconds)))

    def forget_gone(self) -> None:
        """Drop pods that no longer exist from the cache."""
        alive = self.world.workers.keys() | self.world.servers.all.keys()
        self._pods = {uid: known for uid, known in self._pods.items() if uid in alive}

    # Signals.

    def scrape(self) -> Signals:
        """Return what a metrics provider would find now; it is delivered after the lag."""
        world, now = self.world, self.world.instant()
        if world.conditions.silent(Witness.PROMETHEUS, world.now):
            return Signals(faults={"ttfb": "timeout after 5 s"})
        p95 = fleet_p95((len(worker.calls) for worker in world.workers.values()), world.limit)
        turns = round(world.sessions * world.conditions.turns_per_minute * 2)
        stages = divide_into_stages(p95)
        return Signals(
            ttfb_milliseconds=Sample(p95, now, turns) if turns else None,
            stages={Stage(name): Sample(value, now, turns) for name, value in stages.items()},
            error_ratio=Sample(0.0, now, turns),
            drop_off_ratio=Sample(0.0, now, world.sessions),
            rate_limit_hits=Sample(0.0, now),
            pools={pool.name: self._see_pool(pool) for pool in self.fleet.spec.speech},
            connections={
                server.name: Sample(float(server.connections), now)
                for server in world.servers.all.values()
                if server.ready_at is not None
            },
        )

    def _see_pool(self, pool: SpeechSpec) -> PoolSignals:
        key = ObjectKey("Deployment", self.fleet.namespace, speech_name(self.fleet, pool.name))
        deployment = self.cluster.deployments.get(key)
        ready = deployment.ready if deployment is not None else 0
        now = self.world.instant()
        streams = self.world.sessions * STREAMS_PER_SESSION
        load = 100.0 * streams / (ready * pool.streams_per_replica) if ready else 100.0
        history = self._utilization.get(pool.name, ())
        if not history or now - history[-1].observed_at >= timedelta(seconds=60):
            history = (*history, Sample(min(100.0, load), now))[-UTILIZATION_SAMPLES:]
            self._utilization[pool.name] = history
        return PoolSignals(history, Sample(1.0, now), Sample(streams, now))

    def gpu_percent(self) -> dict[str, float]:
        """Return the newest utilisation by pool, for the timeline."""
        return {name: history[-1].value for name, history in self._utilization.items() if history}

    def deliver(self, signals: Signals) -> None:
        """Take a scrape; in an outage the newest values stay, and grow old."""
        self.signals = replace(self.signals, faults=signals.faults) if signals.faults else signals
