"""`voicefleet simulate FLEET.yaml`: a fleet in virtual time, before anybody applies it.

The operator's own planner runs on a simulated cluster; peers run on the same callers beside
it. Reads files, draws on the terminal with rich, and leaves everything else to `sim`.
"""

import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import yaml
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from voicefleet.adapters.garbage import relax_garbage_collector
from voicefleet.api.parse import parse_surge_plan
from voicefleet.cli.plan import SUFFIX_SHOWN, read_fleets
from voicefleet.core.surge_windows import resolve_surges
from voicefleet.errors import SpecError
from voicefleet.manifests import Manifest
from voicefleet.model.surge import Bookings, Surge
from voicefleet.settings import load_platform
from voicefleet.shell.fleets import make_fleet
from voicefleet.sim.conditions import CloudOverflow, Conditions
from voicefleet.sim.generators import GENERATORS, announced
from voicefleet.sim.peers import Agones, Fixed, Hpa, Keda, Policy
from voicefleet.sim.report.page import render_report
from voicefleet.sim.result import PolicyRun, Simulation, as_json
from voicefleet.sim.simulate import (
    MONDAY,
    Scenario,
    clairvoyant_of,
    gather,
    peers_of,
    run_ours,
    run_peer,
)
from voicefleet.sim.traffic import Trace, parse_trace, repeat_trace

WIDTH = 120
"""Columns where there is no terminal that says how wide it is."""

WEEK = timedelta(days=7)

PROCESSES = 2
"""Peers run in so many processes, beside ours in this one."""


@dataclass(frozen=True, slots=True)
class SimulateOptions:
    """What the command line says."""

    source: str
    config: Path
    trace: Path | None = None
    surge: Path | None = None
    generate: str | None = None
    durations: str = "call"
    compare: str = "some"
    weeks: int | None = None
    seed: int = 1
    cloud: float | None = None
    report: Path | None = None
    output: Path | None = None


def simulate_fleet(options: SimulateOptions) -> int:
    """Simulate the first fleet of a file and print the verdict; returns the exit code.

    Raises:
        SpecError: A file cannot be read, or says something impossible.
    """
    relax_garbage_collector()
    scenario = read_scenario(options)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    simulation = run_all(scenario, options.compare, console)
    print_result(simulation, console)
    if options.report is not None:
        _write(options.report, render_report(simulation))
        console.print(f"report: {options.report}")
    if options.output is not None:
        _write(options.output, as_json(simulation))
        console.print(f"everything as JSON: {options.output}")
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise SpecError(f"{path}: {error.strerror}; name a file that can be written") from error


def read_scenario(options: SimulateOptions) -> Scenario:
    """Return what the files and options describe."""
    body = next(read_fleets(options.source))
    metadata = {"namespace": "default", "uid": "simulated", "generation": 1, **body["metadata"]}
    body = {**body, "metadata": metadata}
    fleet = make_fleet(body, load_platform(options.config), secret_suffix=SUFFIX_SHOWN)
    surges, starts_at = _read_surges(options, fleet_name=fleet.name)
    trace = _choose_trace(options, surges, starts_at)
    if options.weeks is not None:
        trace = repeat_trace(trace, options.weeks)
    cloud = CloudOverflow(options.cloud) if options.cloud is not None else None
    return Scenario(
        fleet=fleet,
        trace=trace,
        seed=options.seed,
        conditions=Conditions(cloud=cloud),
        surges=surges,
        starts_at=starts_at,
        fleet_manifest=yaml.safe_dump(_without_identity(body), sort_keys=False),
    )


def _without_identity(body: Manifest) -> Manifest:
    kept = {name: value for name, value in body["metadata"].items() if name != "uid"}
    return {**body, "metadata": kept}


def _choose_trace(
    options: SimulateOptions, surges: tuple[Surge, ...], starts_at: datetime
) -> Trace:
    if options.trace is not None:
        return parse_trace(
            _read(options.trace), name=options.trace.name, durations=options.durations
        )
    if options.generate is not None:
        return GENERATORS[options.generate]()
    if surges:
        return announced(surges, starts_at, days=7 * (options.weeks or 1))
    return GENERATORS["office-hours"]()


def _read_surges(
    options: SimulateOptions, *, fleet_name: str
) -> tuple[tuple[Surge, ...], datetime]:
    """Return the surges of a plan's first weeks, and the Monday on which they begin."""
    if options.surge is None:
        return (), MONDAY
    body = yaml.safe_load(_read(options.surge))
    if not isinstance(body, dict) or body.get("kind") != "SurgePlan":
        raise SpecError(f"{options.surge}: no SurgePlan in it; its `kind` must be SurgePlan")
    plan = parse_surge_plan({**body, "metadata": {"namespace": "default", **body["metadata"]}})
    if plan.spec.fleet_name != fleet_name:
        raise SpecError(
            f"{options.surge}: `spec.fleetName` is {plan.spec.fleet_name}, but the fleet is "
            f"{fleet_name}; name the same fleet in both files"
        )
    once = [window.once.start_time for window in plan.spec.windows if window.once is not None]
    first = min(once, default=MONDAY)
    starts_at = MONDAY + (first - MONDAY) // WEEK * WEEK
    ends_at = starts_at + WEEK * (options.weeks or 1)
    surges = resolve_surges(
        plan.metadata.name, plan.spec, Bookings(), after=starts_at, before=ends_at
    )
    return surges, starts_at


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise SpecError(f"{path}: {error.strerror}; name a file that can be read") from error


def choose_peers(scenario: Scenario, compare: str) -> tuple[Policy, ...]:
    """Return who runs beside ours: nobody, one setting of each peer, or all of them.

    All admit as many calls as a worker serves well, the better of their two settings.
    """
    low, high = scenario.bounds
    slots = scenario.slots
    if compare == "none":
        return ()
    if compare == "all":
        sweep = tuple(policy for policy, admitted in peers_of(scenario) if admitted == slots)
        return (*sweep, clairvoyant_of(scenario))
    return (
        Hpa(70, slots, low, high),
        Keda(70, slots, low, high),
        Agones(40, slots, low, high),
        Fixed(min(high, max(scenario.ideal))),
        clairvoyant_of(scenario),
    )


def run_all(scenario: Scenario, compare: str, console: Console) -> Simulation:
    """Run ours and the peers, with a bar that says how far it is."""
    peers = choose_peers(scenario, compare)
    bar = Progress(
        TextColumn("{task.description:<28}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(), console=console, transient=True,
    )  # fmt: skip
    with ProcessPoolExecutor(PROCESSES, initializer=_take_over, initargs=(scenario,)) as pool:
        # Before the bar, because it has a thread, and processes are best begun without one.
        beside = [pool.submit(_run_beside, policy) for policy in peers]
        with bar:
            task = bar.add_task("VoiceFleet", total=1.0)
            runs = [run_ours(scenario, lambda share: bar.update(task, completed=share))]
            rest = bar.add_task("peers", total=float(len(peers)), visible=bool(peers))
            for done, policy in enumerate(peers):
                bar.update(rest, description=policy.name, completed=float(done))
                runs.append(beside[done].result())
    return gather(scenario, runs)


_TAKEN_OVER: list[Scenario] = []
"""What the peers of a process beside ours are run on: handed over once, not with each of them."""


def _take_over(scenario: Scenario) -> None:
    relax_garbage_collector()
    _TAKEN_OVER[:] = [scenario]


def _run_beside(policy: Policy) -> PolicyRun:
    return run_peer(_TAKEN_OVER[0], policy)


def print_result(simulation: Simulation, console: Console) -> None:
    """Print the table of policies and the verdict."""
    days = simulation.seconds / 86400
    title = (
        f"{simulation.fleet} over {simulation.trace}, {days:g} days, seed {simulation.seed}, "
        f"frozen {simulation.frozen_hash}"
    )
    console.print(make_table(simulation.runs, title))
    for sentence in simulation.verdict:
        console.print(f"  {sentence}", highlight=False)


def make_table(runs: Sequence[PolicyRun], title: str) -> Table:
    """Return one line per policy."""
    table = Table(title=title, title_justify="left")
    table.add_column("policy")
    headings = (
        "slots", "bad %", "turned away", "slow", "cut", "worker-h", "x ideal", "starts",
        "changes", "unserved s", "workers' cost",
    )  # fmt: skip
    for heading in headings:
        table.add_column(heading, justify="right")
    for run in runs:
        score = run.score
        table.add_row(
            run.policy, str(run.slots), f"{score.bad_percent:.2f}", str(score.rejected),
            str(score.slow), str(score.cut), f"{score.worker_hours:.0f}", f"{score.ratio:.2f}",
            str(score.worker_starts), str(score.changes),
            f"{score.longest_unserved_seconds:.0f}", f"{score.cost:.0f}",
        )  # fmt: skip
    return table
