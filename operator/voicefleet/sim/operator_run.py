"""Lets the operator's own planner run one fleet in the simulated world.

The same `plan_fleet`, `check_plan` and `report_fleet` as in the real cycle, on simulated
objects. Cycles come every sync, after steps, when a plan asks for it, when somebody waits for
a worker, and when a cordoned worker's last call ends. Called by `sim/simulate`.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from voicefleet.api.status import AgentsStatus, VoiceFleetStatus
from voicefleet.core.safety import check_plan
from voicefleet.errors import UnsafePlanError
from voicefleet.manifests import key_of
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Observed, Tier
from voicefleet.model.outcome import Outcome
from voicefleet.model.plan import CreateChild, Plan
from voicefleet.model.signal import Signals
from voicefleet.model.surge import Surge
from voicefleet.planning import plan_fleet, report_fleet
from voicefleet.sim.cluster import SimulatedCluster
from voicefleet.sim.pods import Worker
from voicefleet.sim.result import Decided
from voicefleet.sim.sight import Sight
from voicefleet.sim.world import World

SECOND_LOOK_SECONDS = 0.5
"""How soon a cycle follows one that wrote something (as in `shell/reconcile`)."""

REPORT_SECONDS = 60.0
"""How often status is written although nothing was decided."""

QUIET_SECONDS = 60.0
"""How long cycles that would see the very same are left out; time alone is slower than that
in the planner, unless it asks for an earlier look (the resync interval of the operator)."""

IMPATIENT_SECONDS = 1.0
"""Least time between two cycles that callers without a worker ask for."""

CYCLES_TO_BEGIN = 20
"""A fleet from nothing settles in a handful of cycles."""

AGE_AT_START_SECONDS = 3600.0
"""A simulation begins with a fleet that has been there for an hour."""


class OperatorRun:
    """The operator at work on one fleet.

    Args:
        world: Where it acts.
        fleet: What its author wrote.
        replicas: Workers at the beginning.
        surges: Announced demand.
        memory: What an earlier operator of the fleet left behind, as JSON; empty for a new one.
        hearing_seconds: How soon a cycle follows news of a worker, as the real operator hears
            it; None where that waits for the next look, as in everything that is compared.
    """

    def __init__(
        self,
        world: World,
        fleet: Fleet,
        *,
        replicas: int,
        surges: tuple[Surge, ...] = (),
        memory: Mapping[str, Any] | None = None,
        hearing_seconds: float | None = None,
    ) -> None:
        agents = AgentsStatus(desired_replicas=replicas)
        status = VoiceFleetStatus(observed_generation=fleet.generation, agents=agents)
        self.fleet = replace(fleet, status=status, has_finalizer=True)
        self.decisions: list[Decided] = []
        self.unsafe: list[str] = []
        """Plans that the last look refused; there must be none."""
        self.cycles = 0
        self._world = world
        self._cluster = SimulatedCluster(world)
        self._sight = Sight.of(world, self._cluster, self.fleet, surges)
        self._memory: Mapping[str, Any] = memory or {}
        self._reported_at = -REPORT_SECONDS
        self._wakes_at = float("inf")
        self._cycled_at = -QUIET_SECONDS
        self._moves_seen = -1
        self._is_rested = False
        self._begin()
        world.on_unserved = self._wake_for_caller
        world.on_idle = self._wake_for_idle
        if hearing_seconds is not None:
            world.on_news = lambda: self._wake(hearing_seconds)
        self._wake(world.conditions.sync_seconds)
        world.agenda.after(1.0, self._scrape)

    @property
    def wanted(self) -> int:
        """Workers that should take calls."""
        return self.fleet.status.agents.desired_replicas

    @property
    def memory(self) -> Mapping[str, Any]:
        """What it would leave behind for the next operator."""
        return self._memory

    @property
    def cluster(self) -> SimulatedCluster:
        """The objects of the fleet."""
        return self._cluster

    @property
    def sight(self) -> Sight:
        """What it last saw."""
        return self._sight

    def _begin(self) -> None:
        """Carry out plans until the fleet stands, then let it be an hour old."""
        for _ in range(CYCLES_TO_BEGIN):
            steps = self._cycle()
            self._world.ripen(AGE_AT_START_SECONDS)
            self._world.servers.ripen(AGE_AT_START_SECONDS)
            self._cluster.ripen()
            if not steps:
                break
        ledger = self._world.ledger
        ledger.changes = ledger.worker_starts = ledger.node_starts = 0
        self.decisions.clear()

    def _look(self) -> None:
        if self._world.now < self._wakes_at:
            return
        self._wakes_at = float("inf")
        if self._is_rested and self._is_as_before():
            self._wake(self._world.conditions.sync_seconds)
            return
        self._cycle()

    def _is_as_before(self) -> bool:
        """Say whether a cycle would see what the last one saw, a moment later."""
        return (
            self._world.moves == self._moves_seen
            and self._world.now - self._cycled_at < QUIET_SECONDS
        )

    def _cycle(self) -> int:
        """Observe, plan, check, apply, report; return the number of steps."""
        self.cycles += 1
        world = self._world
        self._cycled_at, self._moves_seen = world.now, world.moves
        observed = self._sight.observe(self._memory)
        now = world.instant()
        plan = plan_fleet(self.fleet, observed, now)
        if plan.memory is not None:
            self._memory = {**self._memory, **plan.memory}
        try:
            check_plan(plan, self.fleet, observed, now)
        except UnsafePlanError as error:
            self.unsafe.append(f"{world.now:.0f} s: {error}")
            self._wake(world.conditions.sync_seconds)
            return 0
        for step in plan.steps:
            self.fleet = self._cluster.carry_out(step, self.fleet)
        self._note(plan)
        if plan.steps or plan.decisions or world.now - self._reported_at >= REPORT_SECONDS:
            self._report(plan, observed, now)
        waits = [world.conditions.sync_seconds]
        waits += [SECOND_LOOK_SECONDS] if plan.steps else []
        waits += [plan.wake_after.total_seconds()] if plan.wake_after is not None else []
        self._is_rested = min(waits) >= world.conditions.sync_seconds
        self._wake(max(SECOND_LOOK_SECONDS, min(waits)))
        return len(plan.steps)

    def _report(self, plan: Plan, observed: Observed, now: datetime) -> None:
        """Write the status that the next cycle begins with."""
        created = tuple(
            key_of(step.manifest) for step in plan.steps if isinstance(step, CreateChild)
        )
        outcome = Outcome(decisions=plan.decisions, notes=plan.notes, created=created)
        before = self.wanted
        status = report_fleet(self.fleet, observed, outcome, now)
        self.fleet = replace(self.fleet, status=status)
        self._world.ledger.changes += self.wanted != before
        self._reported_at = self._world.now
        self._sight.forget_gone()

    def _note(self, plan: Plan) -> None:
        self.decisions += [
            Decided(
                self._world.now,
                str(decision.tier),
                decision.replicas_from,
                decision.replicas_to,
                str(decision.reason),
                decision.because,
            )
            for decision in plan.decisions
        ]

    def _wake(self, seconds: float) -> None:
        """Look again by then; an earlier look that is planned already stands."""
        instant = self._world.now + seconds
        if instant < self._wakes_at:
            self._wakes_at = instant
            self._world.agenda.at(instant, self._look)

    def _wake_for_caller(self) -> None:
        self._wake(IMPATIENT_SECONDS)

    def _wake_for_idle(self, worker: Worker) -> None:
        if worker.cordoned_since is not None:
            self._wake(SECOND_LOOK_SECONDS)

    def _scrape(self) -> None:
        conditions = self._world.conditions
        taken = self._sight.scrape()
        self._world.agenda.after(conditions.metric_lag_seconds, self._deliver, taken)
        self._world.agenda.after(conditions.sync_seconds, self._scrape)

    def _deliver(self, signals: Signals) -> None:
        self._sight.deliver(signals)

    def close(self) -> None:
        """Book what is still in use at the end."""
        self._cluster.close()

    def servers_wanted(self) -> int:
        """Media servers that should exist."""
        return self.fleet.status.media.desired_replicas

    def evaluators(self) -> int:
        """Ready evaluators."""
        ready = self._cluster.ready_by_name(Tier.EVALUATION, str)
        return sum(ready.values())
