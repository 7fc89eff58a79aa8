"""The whole shell on fakes: cycles run when a test says so, and time passes when it says so."""

from dataclasses import dataclass, field
from datetime import timedelta

from support.fake_surges import FakeSurgePlans
from support.fakes import (
    FakeClock,
    FakeCluster,
    FakeMediaServers,
    FakeMetrics,
    FakeRecorder,
    FakeSecrets,
    FakeWorkers,
)
from voicefleet.api.base import GROUP_VERSION
from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.model.figures import FleetFigures
from voicefleet.model.observed import Tier
from voicefleet.settings import Platform
from voicefleet.shell.apply import Executor
from voicefleet.shell.observe import Observer
from voicefleet.shell.queue import WorkQueue
from voicefleet.shell.reconcile import Planner, Reconciler, Surroundings
from voicefleet.shell.report import Reporter
from voicefleet.shell.surge_plans import SurgeKeeper

NAMESPACE = "voice"
IMAGE = "registry.example.com/interviewer:1.0"


@dataclass
class FakeMeter:
    """Implements `shell.meter.Meter` by keeping what it is told."""

    cycles: list[str] = field(default_factory=list)
    decisions: list[str] = field(default_factory=list)
    scalings: list[str] = field(default_factory=list)
    fleets: dict[ObjectKey, FleetFigures] = field(default_factory=dict)
    repairs: list[str] = field(default_factory=list)
    busy_victims: int = 0
    applies_sent: int = 0
    applies_skipped: int = 0
    queue_depth: int = 0

    def set_queue_depth(self, fleets: int) -> None:
        """Do what the protocol says."""
        self.queue_depth = fleets

    def note_cycle(self, result: str, seconds: float) -> None:
        """Do what the protocol says."""
        assert seconds >= 0
        self.cycles.append(str(result))

    def note_decision(self, tier: str, reason: str) -> None:
        """Do what the protocol says."""
        self.decisions.append(f"{tier} {reason}")

    def note_scaling(self, tier: str, direction: str, reason: str) -> None:
        """Do what the protocol says."""
        self.scalings.append(f"{tier} {direction} {reason}")

    def note_fleet(self, key: ObjectKey, figures: FleetFigures) -> None:
        """Do what the protocol says."""
        self.fleets[key] = figures

    def forget_fleet(self, key: ObjectKey) -> None:
        """Do what the protocol says."""
        self.fleets.pop(key, None)

    def note_drift_repair(self, kind: str) -> None:
        """Do what the protocol says."""
        self.repairs.append(kind)

    def note_busy_victim(self) -> None:
        """Do what the protocol says."""
        self.busy_victims += 1

    def note_apply_sent(self) -> None:
        """Do what the protocol says."""
        self.applies_sent += 1

    def note_applies_skipped(self, children: int) -> None:
        """Do what the protocol says."""
        self.applies_skipped += children


def a_fleet_body(name: str = "interviews", **spec: object) -> Manifest:
    """Return a small VoiceFleet as its author applies it; keywords replace parts of the spec."""
    defaults = {
        "agents": {"image": IMAGE, "minReplicas": 2, "maxReplicas": 10},
        "media": {"minReplicas": 1, "network": {"mode": "PodNetwork"}},
    }
    return {
        "apiVersion": GROUP_VERSION,
        "kind": "VoiceFleet",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {**defaults, **spec},
    }


def fleet_key_of(name: str = "interviews") -> ObjectKey:
    """Return the address of a test's fleet."""
    return ObjectKey("VoiceFleet", NAMESPACE, name)


class Shell:
    """An operator without processes: `settle` runs every cycle that is due."""

    def __init__(
        self,
        planner: Planner | None = None,
        platform: Platform | None = None,
        *,
        cluster: FakeCluster | None = None,
        clock: FakeClock | None = None,
    ) -> None:
        self.clock = clock or FakeClock()
        self.cluster = cluster or FakeCluster()
        self.workers = FakeWorkers(self.clock)
        self.servers = FakeMediaServers(self.clock)
        self.recorder = FakeRecorder()
        self.metrics = FakeMetrics()
        self.plans = FakeSurgePlans()
        self.meter = FakeMeter()
        self.may_write = True
        self._known: set[str] = set()
        self._planner = planner
        self._platform = platform or Platform()
        self.start()

    def start(self) -> None:
        """Start the operator with an empty memory, as a new process has it."""
        self.queue = WorkQueue(self.clock, jitter=lambda: 1.0)
        self.cluster.restart(self.queue.add)
        self.workers.restart(self.queue.add)
        self.servers.restart()
        self.plans.restart(self.queue.add)
        secrets = FakeSecrets()
        self.reconciler = Reconciler(
            Surroundings(
                cluster=self.cluster,
                workers=self.workers,
                secrets=secrets,
                clock=self.clock,
                meter=self.meter,
                queue=self.queue,
                observer=Observer(
                    cluster=self.cluster,
                    workers=self.workers,
                    servers=self.servers,
                    metrics=self.metrics,
                    surges=self.plans,
                    clock=self.clock,
                ),
                executor=Executor(
                    cluster=self.cluster,
                    workers=self.workers,
                    secrets=secrets,
                    meter=self.meter,
                    may_write=lambda: self.may_write,
                ),
                reporter=Reporter(
                    cluster=self.cluster,
                    recorder=self.recorder,
                    meter=self.meter,
                    clock=self.clock,
                    may_write=lambda: self.may_write,
                    is_meeting=lambda: self.queue.is_meeting,
                ),
                surge_keeper=SurgeKeeper(
                    self.plans, self.cluster, self.clock, may_write=lambda: self.may_write
                ),
                platform=lambda: self._platform,
            ),
            self._planner,
        )

    async def apply(self, body: Manifest) -> ObjectKey:
        """Create a fleet as `kubectl` would and let it come about."""
        self.cluster.create(body)
        await self.settle()
        return fleet_key_of(body["metadata"]["name"])

    async def cycle(self, key: ObjectKey) -> str:
        """Run one cycle now; returns how it ended."""
        await self.reconciler.reconcile(key)
        return self.meter.cycles[-1]

    async def settle(self, seconds: float = 20.0, *, step: float = 0.25) -> None:
        """Let this much time pass in small steps, with controllers and new pods at work."""
        for _ in range(int(seconds / step)):
            self.clock.advance(timedelta(seconds=step))
            self.answer_new_pods()
            while (key := self.queue.take()) is not None:
                await self.reconciler.reconcile(key)
                self.queue.done(key)
                self.cluster.run_controllers()

    def answer_new_pods(self) -> None:
        """Let every worker and server that nobody has heard of say that it is empty."""
        for key in self.cluster.fleet_keys():
            for pod in self.cluster.pods(key):
                if pod.tier is Tier.AGENTS and pod.uid not in self._known:
                    self.workers.answer(pod)
                if pod.tier is Tier.MEDIA and pod.uid not in self._known:
                    self.servers.answer(pod, rooms=0)
                self._known.add(pod.uid)

    def status(self, name: str = "interviews") -> Manifest:
        """Return a fleet's status as the server has it."""
        return dict(self.cluster.get(fleet_key_of(name)).get("status") or {})

    def condition(self, kind: str, name: str = "interviews") -> Manifest:
        """Return one condition of a fleet, empty where it has none of that type."""
        found = (item for item in self.status(name)["conditions"] if item["type"] == kind)
        return next(found, {})
