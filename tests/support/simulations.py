"""Small simulations for tests: a fleet of a dozen workers over a few virtual hours.

`run_watched` keeps a count of what happened to workers in a stretch of time, which no score
tells.
"""

from dataclasses import dataclass, replace
from typing import Any

from support.builders import with_agents
from support.fleets import a_minimal_fleet
from voicefleet.model.observed import Tier
from voicefleet.sim.conditions import Conditions, Outage
from voicefleet.sim.operator_run import OperatorRun
from voicefleet.sim.result import PolicyRun
from voicefleet.sim.simulate import Scenario, run_operator
from voicefleet.sim.traffic import Trace, follow_sessions, keep_constant

HOUR = 3600.0
QUICK_START = Conditions(node_start_seconds=30.0, pod_start_seconds=20.0)


def a_scenario(trace: Trace, *, seed: int = 1, high: int = 30, **scenario: Any) -> Scenario:
    """Return a fleet of 2 to `high` workers of 8 slots on a trace."""
    fleet = with_agents(a_minimal_fleet(), min_replicas=2, max_replicas=high)
    return Scenario(fleet, trace, seed=seed, **scenario)


def an_ebbing_trace(*, minutes: int = 80, high: float = 60.0, low: float = 15.0) -> Trace:
    """Return demand that stays high for half the time and then leaves, in short calls."""
    half = minutes // 2
    return follow_sessions("ebb", [high] * half + [low] * (minutes - half), "call")


def a_constant_scenario(sessions: int, hours: float) -> Scenario:
    """Return a scenario in which exactly so many sessions run at any time."""
    callers = tuple(keep_constant(sessions, seconds=hours * HOUR))
    trace = Trace("constant", (0.0,) * int(hours * 60))
    return a_scenario(trace, high=max(30, sessions // 4), chosen_callers=callers)


def with_outage(scenario: Scenario, outage: Outage) -> Scenario:
    """Return the same with a time in which somebody is silent."""
    return replace(scenario, conditions=replace(scenario.conditions, outages=(outage,)))


@dataclass(frozen=True, slots=True)
class Watched:
    """One run, with what its operator did."""

    run: PolicyRun
    operator: OperatorRun

    def removals(self, start: float, end: float) -> list[str]:
        """Return what was decided in that time that leads to fewer workers: cordons, removals."""
        return [
            decision.because
            for decision in self.run.decisions
            if start <= decision.at_seconds < end
            and decision.tier == Tier.AGENTS
            and decision.replicas_to < decision.replicas_from
        ]

    def wants(self, start: float, end: float) -> list[int]:
        """Return the wanted counts of a time, once a minute."""
        return [
            moment.workers_wanted
            for moment in self.run.timeline
            if start <= moment.at_seconds <= end
        ]


def run_watched(scenario: Scenario) -> Watched:
    """Run the operator's own planner on a scenario."""
    run, operator = run_operator(scenario)
    return Watched(run, operator)
