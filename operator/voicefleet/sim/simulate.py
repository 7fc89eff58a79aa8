"""Runs a fleet's own planner, and its peers, over one trace: the simulator's front door.

Called by `cli/simulate`, by the benches and by the tests. Everything follows from the
scenario: the same one gives the same result.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from voicefleet import __version__
from voicefleet.core.sizes import bound_agents
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Tier
from voicefleet.model.surge import Surge
from voicefleet.sim.conditions import Conditions, frozen_hash
from voicefleet.sim.latency import describe_curve, sessions_limit
from voicefleet.sim.operator_run import OperatorRun
from voicefleet.sim.peer_run import PeerRun
from voicefleet.sim.peers import (
    HOUR_GRACE_SECONDS,
    Fixed,
    Policy,
    foresee,
    ideal_workers,
    sweep_peers,
)
from voicefleet.sim.result import PolicyRun, Simulation
from voicefleet.sim.score import score_run
from voicefleet.sim.settings import planner_settings
from voicefleet.sim.timeline import Surroundings, Timeline
from voicefleet.sim.traffic import Caller, Trace, draw_callers
from voicefleet.sim.verdict import judge
from voicefleet.sim.world import World

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
"""Second 0, unless a surge plan says otherwise: a Monday at midnight in a week without changes
of the clock."""

OURS = "VoiceFleet"
CURRENCY = "USD"

STEP_SECONDS = 1800.0
"""Between two reports of progress."""

Progress = Callable[[float], None]


def ignore_progress(share: float) -> None:
    """Tell nobody how far a run is (0..1)."""
    del share


@dataclass(frozen=True)
class Scenario:
    """Everything that a simulation depends on."""

    fleet: Fleet
    trace: Trace
    seed: int = 1
    conditions: Conditions = field(default_factory=Conditions)
    surges: tuple[Surge, ...] = ()
    starts_at: datetime = MONDAY
    fleet_manifest: str = ""
    memory: Mapping[str, Any] = field(default_factory=dict)
    """What our operator remembers of the weeks before, as JSON; peers remember nothing."""
    chosen_callers: tuple[Caller, ...] | None = None
    """Callers instead of drawn ones; the trace then only gives its name and length."""

    @property
    def slots(self) -> int:
        """Calls that a worker serves well, by its author's word."""
        return self.fleet.spec.agents.sessions_per_worker

    @cached_property
    def callers(self) -> tuple[Caller, ...]:
        """Who calls; the same for every policy."""
        if self.chosen_callers is not None:
            return self.chosen_callers
        return draw_callers(self.trace, self.seed)

    @cached_property
    def ideal(self) -> tuple[int, ...]:
        """Workers of the ideal fleet in each minute."""
        return ideal_workers(
            self.callers, seconds=self.trace.seconds, slots=self.slots, low=self.bounds[0]
        )

    @property
    def bounds(self) -> tuple[int, int]:
        """Lowest and highest count of workers."""
        bounds = bound_agents(self.fleet.spec.agents)
        return bounds.low, bounds.high

    @property
    def replicas_at_start(self) -> int:
        """Workers that every policy begins with: enough for the first quarter of an hour."""
        low, high = self.bounds
        return min(max(low, *self.ideal[:15]), high)

    def world(self, slots: int) -> World:
        """Return the world at its beginning, with so many slots per worker."""
        return World(
            self.callers,
            self.conditions,
            starts_at=self.starts_at,
            slots=slots,
            safe_slots=self.slots,
            seed=self.seed,
        )


def run_ours(scenario: Scenario, progress: Progress = ignore_progress) -> PolicyRun:
    """Run the operator's own planner."""
    run, _ = run_operator(scenario, progress)
    return run


def run_operator(
    scenario: Scenario, progress: Progress = ignore_progress
) -> tuple[PolicyRun, OperatorRun]:
    """Run the operator's own planner; return also the operator, for whoever looks inside."""
    world = scenario.world(scenario.slots)
    operator = OperatorRun(
        world,
        scenario.fleet,
        replicas=scenario.replicas_at_start,
        surges=scenario.surges,
        memory=scenario.memory,
    )
    spec = scenario.fleet.spec

    def around() -> Surroundings:
        return Surroundings(
            servers_wanted=operator.servers_wanted(),
            connections_per_server=spec.media.connections_per_server,
            speech_ready=operator.cluster.ready_by_name(Tier.SPEECH, str),
            gpu_percent=operator.sight.gpu_percent(),
            evaluators=operator.evaluators(),
        )

    timeline = Timeline(
        world, scenario.trace.seconds, wanted=lambda: operator.wanted, around=around
    )
    _play(world, scenario.trace.seconds, progress)
    operator.close()
    score = score_run(world, callers=len(scenario.callers), ideal=scenario.ideal)
    return (
        PolicyRun(OURS, scenario.slots, score, tuple(timeline.moments), tuple(operator.decisions)),
        operator,
    )


def run_peer(
    scenario: Scenario,
    policy: Policy,
    *,
    slots: int | None = None,
    grace_seconds: float = HOUR_GRACE_SECONDS,
    progress: Progress = ignore_progress,
) -> PolicyRun:
    """Run a peer with so many slots per worker, by default those that a worker serves well."""
    admitted = scenario.slots if slots is None else slots
    world = scenario.world(admitted)
    begins = policy.count if isinstance(policy, Fixed) else scenario.replicas_at_start
    peer = PeerRun(world, policy, grace_seconds=grace_seconds, replicas=begins)
    _ripen(world)
    timeline = Timeline(world, scenario.trace.seconds, wanted=lambda: peer.wanted)
    _play(world, scenario.trace.seconds, progress)
    score = score_run(world, callers=len(scenario.callers), ideal=scenario.ideal)
    return PolicyRun(policy.name, admitted, score, tuple(timeline.moments), tuple(peer.decisions))


def _ripen(world: World) -> None:
    world.ripen(3600.0)
    world.ledger.worker_starts = world.ledger.node_starts = 0


def _play(world: World, seconds: float, progress: Progress) -> None:
    while world.now < seconds:
        world.run_until(min(seconds, world.now + STEP_SECONDS))
        progress(world.now / seconds)
    world.close()


def peers_of(scenario: Scenario) -> tuple[tuple[Policy, int], ...]:
    """Return every peer at every setting, each with both ways of admission.

    At the slots a worker serves well, and at what it physically holds.
    """
    low, high = scenario.bounds
    slots = scenario.slots
    peak = max(scenario.ideal)
    return tuple(
        (policy, admitted)
        for admitted in (slots, sessions_limit(slots))
        for policy in sweep_peers(slots=slots, low=low, high=high, peak_workers=peak)
    )


def clairvoyant_of(scenario: Scenario) -> Policy:
    """Return the policy that knows the scenario's callers."""
    conditions = scenario.conditions
    lead = conditions.node_start_seconds + conditions.pod_start_seconds * 2
    return foresee(scenario.ideal, lead)


def gather(scenario: Scenario, runs: Sequence[PolicyRun]) -> Simulation:
    """Join runs of one scenario, ours first, into a result with its verdict."""
    settings = planner_settings(scenario.fleet.spec)
    return Simulation(
        fleet=str(scenario.fleet),
        fleet_manifest=scenario.fleet_manifest,
        trace=scenario.trace.name,
        seed=scenario.seed,
        starts_at=scenario.starts_at,
        seconds=scenario.trace.seconds,
        target_milliseconds=scenario.conditions.target_milliseconds,
        curve=describe_curve(),
        frozen_hash=frozen_hash(scenario.conditions, settings),
        currency=CURRENCY,
        version=__version__,
        assumptions={**scenario.conditions.describe(), "calls": scenario.trace.durations},
        runs=tuple(runs),
        verdict=judge(runs),
    )
