"""Every policy on one draw of a trace, many draws long: `bench-policies` in two processes.

A draw is one seed of one trace; all policies serve its callers. Draws take a minute, so what
came out of each can be kept in a file: a comparison that was interrupted, or that was given a
time, goes on where it was. Called by `policies`.
"""

import json
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import yaml

from voicefleet.adapters.garbage import relax_garbage_collector
from voicefleet.settings import Platform
from voicefleet.shell.fleets import make_fleet
from voicefleet.sim.conditions import frozen_hash
from voicefleet.sim.generators import steady
from voicefleet.sim.latency import sessions_limit
from voicefleet.sim.peers import SHIPPED_GRACE_SECONDS, Agones, Hpa, Keda
from voicefleet.sim.result import PolicyRun, Score
from voicefleet.sim.settings import planner_settings
from voicefleet.sim.simulate import Scenario, clairvoyant_of, peers_of, run_ours, run_peer
from voicefleet.sim.traffic import Trace
from voicefleet_workbench.sources import ROOT

PROCESSES = 2
NICENESS = 10

FLEET = ROOT / "docs" / "examples" / "interviews.yaml"
WORKERS_MAX = 90
"""Room for every trace; nobody's bound shall decide."""

SHIPPED = "as shipped: "

Draw = tuple[PolicyRun, ...]
"""One seed: every policy's run, always in the same order, without timelines and decisions."""


@dataclass(slots=True)
class Kept:
    """Draws that are there, by what they were drawn from; in a file, if one is named."""

    path: Path | None = None
    draws: dict[str, Draw] = field(default_factory=dict)

    @classmethod
    def at(cls, path: Path | None) -> "Kept":
        """Return what a file holds; one that does not exist yet holds nothing."""
        kept = cls(path)
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                record = json.loads(line)
                kept.draws[record["name"]] = tuple(_read_run(run) for run in record["runs"])
        return kept

    def note(self, name: str, draw: Draw) -> None:
        """Keep one more, and write it down."""
        self.draws[name] = draw
        if self.path is not None:
            line = json.dumps({"name": name, "runs": [_write_run(run) for run in draw]})
            with self.path.open("a") as file:
                file.write(line + "\n")


def configuration_hash() -> str:
    """Return the hash that stands for the curve, the world and our one configuration."""
    scenario = make_scenario(steady(1), 1)
    return frozen_hash(scenario.conditions, planner_settings(scenario.fleet.spec))


def make_scenario(trace: Trace, seed: int) -> Scenario:
    """Return the example fleet on one draw of a trace."""
    body = yaml.safe_load(FLEET.read_text())
    body["metadata"] |= {"namespace": "voice", "uid": "bench", "generation": 1}
    body["spec"]["agents"]["maxReplicas"] = WORKERS_MAX
    fleet = make_fleet(body, Platform(), secret_suffix="0" * 8)
    return Scenario(fleet, trace, seed=seed)


def name_draw(trace: Trace, seed: int, frozen: str) -> str:
    """Return what tells one draw from every other."""
    return f"{frozen}/{trace.name}/{len(trace.rates)} min/{seed}"


def draw_all(
    traces: Sequence[Trace],
    seeds: int,
    kept: Kept,
    *,
    processes: int = PROCESSES,
    seconds: float = math.inf,
) -> None:
    """Make the draws that are missing, as many at a time as there are processes.

    Args:
        traces: What is drawn from.
        seeds: 1 to this number of each trace.
        kept: What is there already, and where the new ones go.
        processes: How many work beside each other.
        seconds: After so long no further draw is begun.
    """
    frozen = configuration_hash()
    tasks = {
        name_draw(trace, seed, frozen): (trace, seed)
        for trace in traces
        for seed in range(1, seeds + 1)
    }
    missing = [name for name in tasks if name not in kept.draws]
    ends_at = time.monotonic() + seconds
    under_way: dict[Future[Draw], str] = {}
    with ProcessPoolExecutor(processes, initializer=_make_way) as pool:
        while missing and time.monotonic() < ends_at:
            name = missing.pop(0)
            under_way[pool.submit(run_draw, *tasks[name])] = name
            if len(under_way) == processes:
                _note_finished(under_way, kept)
        while under_way:
            _note_finished(under_way, kept)


def _note_finished(under_way: dict[Future[Draw], str], kept: Kept) -> None:
    """Wait for a draw, and keep all that are done."""
    done, _ = wait(under_way, return_when=FIRST_COMPLETED)
    for future in done:
        kept.note(under_way.pop(future), future.result())


def _make_way() -> None:
    os.nice(NICENESS)
    relax_garbage_collector()


def run_draw(trace: Trace, seed: int) -> Draw:
    """Run every policy on one draw: ours, the clairvoyant, the sweeps, peers as shipped."""
    scenario = make_scenario(trace, seed)
    runs = [run_ours(scenario), run_peer(scenario, clairvoyant_of(scenario))]
    runs += [run_peer(scenario, policy, slots=slots) for policy, slots in peers_of(scenario)]
    runs += _run_shipped(scenario)
    return tuple(replace(run, timeline=(), decisions=()) for run in runs)


def _run_shipped(scenario: Scenario) -> Iterator[PolicyRun]:
    """Yield peers with the admission and the grace that they come with."""
    low, high = scenario.bounds
    slots = scenario.slots
    for policy in (Hpa(70, slots, low, high), Keda(70, slots, low, high)):
        run = run_peer(
            scenario,
            policy,
            slots=sessions_limit(slots),
            grace_seconds=SHIPPED_GRACE_SECONDS,
        )
        yield replace(run, policy=f"{SHIPPED}{run.policy}")
    run = run_peer(scenario, Agones(40, slots, low, high), slots=sessions_limit(slots))
    yield replace(run, policy=f"{SHIPPED}{run.policy}")


def _write_run(run: PolicyRun) -> dict[str, object]:
    return {"policy": run.policy, "slots": run.slots, "score": asdict(run.score)}


def _read_run(record: Mapping[str, object]) -> PolicyRun:
    score = record["score"]
    if not isinstance(score, dict):
        raise TypeError(f"{record['policy']}: its score is no map; remove the file and run anew")
    return PolicyRun(str(record["policy"]), int(str(record["slots"])), Score(**score), (), ())
