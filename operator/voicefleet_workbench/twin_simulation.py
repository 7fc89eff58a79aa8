"""Lets the simulator live through a recorded day. Called by `twin`.

The fleet, the callers, the start times and the rhythm of cycles are those of the recording;
nothing is fitted to what the operator decided.
"""

from dataclasses import replace
from datetime import timedelta
from random import Random

from voicefleet.api.parse import parse_surge_plan
from voicefleet.cli.plan import SUFFIX_SHOWN
from voicefleet.core.surge_windows import resolve_surges
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Tier
from voicefleet.model.surge import Bookings, Surge
from voicefleet.settings import parse_platform
from voicefleet.shell.fleets import make_fleet
from voicefleet.sim.conditions import Conditions, Outage, Witness
from voicefleet.sim.operator_run import SECOND_LOOK_SECONDS, OperatorRun
from voicefleet.sim.traffic import Caller
from voicefleet.sim.world import World
from voicefleet_workbench.twin_recording import Recording, Tick

NODE_PLACES = 10_000
"""The local cluster's nodes are there before anybody needs them."""

SEED = 1
"""Of the dice that choose among workers; whom a call goes to hardly matters to the count."""


def simulate_day(recording: Recording) -> Recording:
    """Return the same day with the ticks and the decisions of the simulated fleet."""
    fleet = _read_fleet(recording)
    dice = Random(SEED)
    world = World(
        [Caller(at, seconds, dice.random()) for at, seconds in recording.callers],
        make_conditions(recording),
        starts_at=recording.starts_at,
        slots=fleet.spec.agents.sessions_per_worker,
        safe_slots=fleet.spec.agents.sessions_per_worker,
        seed=SEED,
    )
    operator = OperatorRun(
        world,
        fleet,
        replicas=fleet.spec.agents.min_replicas,
        surges=_read_surges(recording),
        hearing_seconds=recording.cycle_seconds,
    )
    ticks = []
    for tick in recording.ticks:
        world.run_until(tick.at)
        ticks.append(Tick(tick.at, operator.wanted, world.serving, world.sessions))
    decisions = tuple(
        (decided.at_seconds, decided.because)
        for decided in operator.decisions
        if decided.because.startswith(f"{Tier.AGENTS} ")
    )
    return replace(recording, ticks=tuple(ticks), decisions=decisions)


def make_conditions(recording: Recording) -> Conditions:
    """Return the world of the recording in the simulator's words."""
    return Conditions(
        pod_start_seconds=recording.pod_start_seconds,
        pod_start_sigma=0.0,
        node_start_seconds=0.0,
        workers_per_node=NODE_PLACES,
        patience_seconds=recording.patience_seconds,
        metric_lag_seconds=recording.metric_lag_seconds,
        sync_seconds=SECOND_LOOK_SECONDS,
        outages=tuple(
            Outage(at, seconds, (Witness.PROMETHEUS,)) for at, seconds in recording.outages
        ),
    )


def _read_fleet(recording: Recording) -> Fleet:
    body = recording.fleet
    identity = {"uid": "recorded", "generation": 1}
    return make_fleet(
        {**body, "metadata": {**body["metadata"], **identity}},
        parse_platform(recording.platform, source="the recording"),
        secret_suffix=SUFFIX_SHOWN,
    )


def _read_surges(recording: Recording) -> tuple[Surge, ...]:
    if recording.surge is None:
        return ()
    plan = parse_surge_plan(recording.surge)
    return resolve_surges(
        plan.metadata.name,
        plan.spec,
        Bookings(),
        after=recording.starts_at,
        before=recording.starts_at + timedelta(days=1),
    )
