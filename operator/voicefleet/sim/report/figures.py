"""Which charts a report has, made from a run's timeline. Pure."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, groupby

from voicefleet.sim.report.axes import Frame, round_up
from voicefleet.sim.report.charts import Chart, Flag, Limit, Series, render_chart, render_stack
from voicefleet.sim.report.tables import DECISIONS_MAX
from voicefleet.sim.result import Decided, Moment, PolicyRun, Simulation

ALARM_MILLISECONDS = 800
"""Where an answer is not slow any more but broken."""
STAGES_MAX = 5

Value = Callable[[Moment], float]


def render_figures(simulation: Simulation) -> str:
    """Return every chart of our own run that has something to show."""
    run = simulation.ours
    if not run.timeline:
        return "<p>This simulation kept no timeline.</p>"
    figures = [
        _sessions(simulation, run),
        _latency(simulation, run),
        _stages(simulation, run),
        _workers(simulation, run),
        _connections(simulation, run),
        _speech(simulation, run),
        _cost(simulation, run),
        _compared(simulation),
    ]
    return "".join(figures)


def flags_of(decisions: Sequence[Decided]) -> tuple[Flag, ...]:
    """Return one numbered flag per decision about the workers, in the order of the table."""
    return tuple(
        Flag(
            number,
            decided.at_seconds,
            f"{decided.reason}: {decided.because}",
            is_linked=number <= DECISIONS_MAX,
        )
        for number, decided in enumerate(decisions, start=1)
        if decided.tier == "agents"
    )


def shades_of(timeline: Sequence[Moment]) -> tuple[tuple[float, float, str], ...]:
    """Return the stretches of time in which something was done to the world."""
    shades = []
    for incident, group in groupby(timeline, key=lambda moment: moment.incident):
        if incident:
            moments = list(group)
            shades.append((moments[0].at_seconds, moments[-1].at_seconds, incident))
    return tuple(shades)


def _chart(
    simulation: Simulation,
    title: str,
    unit: str,
    *,
    series: Sequence[Series],
    limits: Sequence[Limit] = (),
    is_stacked: bool = False,
) -> Chart:
    timeline = simulation.ours.timeline
    tops = [max(each.values, default=0) for each in series]
    top = max([sum(tops) if is_stacked else max(tops), *(limit.value for limit in limits)])
    return Chart(
        title=title,
        unit=unit,
        frame=Frame(simulation.seconds, round_up(top), simulation.starts_at),
        times=[moment.at_seconds for moment in timeline],
        series=series,
        limits=limits,
        shades=shades_of(timeline),
    )


def _series(
    run: PolicyRun, name: str, value: Value, colour: int, *, is_area: bool = False
) -> Series:
    values = [float(value(moment)) for moment in run.timeline]
    return Series(name, values, colour, is_area=is_area)


def _each(run: PolicyRun, values: Callable[[Moment], Mapping[str, float]]) -> list[Series]:
    """Return one line for each name that occurs; zero while nobody calls and nothing is told."""
    moments = [values(moment) for moment in run.timeline]
    names = list(dict.fromkeys(chain.from_iterable(moments)))[:STAGES_MAX]
    return [
        Series(name, [moment.get(name, 0.0) for moment in moments], colour)
        for colour, name in enumerate(names, start=1)
    ]


def _sessions(simulation: Simulation, run: PolicyRun) -> str:
    series = [
        _series(run, "sessions", lambda moment: moment.sessions, 1, is_area=True),
        _series(run, "capacity", lambda moment: moment.capacity, 2),
    ]
    if any(moment.overflowed for moment in run.timeline):
        series.append(_series(run, "in the cloud", lambda moment: moment.overflowed, 4))
    chart = _chart(simulation, "Sessions and capacity", "sessions", series=series)
    flagged = Chart(
        chart.title,
        chart.unit,
        chart.frame,
        chart.times,
        chart.series,
        flags=flags_of(run.decisions),
        shades=chart.shades,
    )
    return render_chart(flagged)


def _latency(simulation: Simulation, run: PolicyRun) -> str:
    series = [
        _series(run, "P50", lambda moment: moment.ttfb_p50_milliseconds, 3),
        _series(run, "P95", lambda moment: moment.ttfb_p95_milliseconds, 1),
        _series(run, "P99", lambda moment: moment.ttfb_p99_milliseconds, 4),
    ]
    target = simulation.target_milliseconds
    limits = [Limit(f"target {target:.0f} ms", target), Limit("alarm 800 ms", ALARM_MILLISECONDS)]
    title = "Time to the first byte of an answer (TTFB)"
    return render_chart(_chart(simulation, title, "milliseconds", series=series, limits=limits))


def _stages(simulation: Simulation, run: PolicyRun) -> str:
    series = _each(run, lambda moment: moment.stages_milliseconds)
    if not series:
        return ""
    title = "Where the P95 comes from"
    return render_stack(_chart(simulation, title, "milliseconds", series=series, is_stacked=True))


def _workers(simulation: Simulation, run: PolicyRun) -> str:
    series = [
        _series(run, "ready", lambda moment: moment.workers_ready, 1, is_area=True),
        _series(run, "wanted", lambda moment: moment.workers_wanted, 2),
        _series(run, "starting", lambda moment: moment.workers_starting, 3),
        _series(run, "draining", lambda moment: moment.workers_draining, 4),
    ]
    return render_chart(_chart(simulation, "Workers", "workers", series=series))


def _connections(simulation: Simulation, run: PolicyRun) -> str:
    if not any(moment.connection_limit for moment in run.timeline):
        return ""
    series = [
        _series(run, "connections", lambda moment: moment.connections, 1, is_area=True),
        _series(run, "limit of the ready servers", lambda moment: moment.connection_limit, 2),
    ]
    return render_chart(_chart(simulation, "Media servers", "connections", series=series))


def _speech(simulation: Simulation, run: PolicyRun) -> str:
    series = _each(run, lambda moment: moment.gpu_percent)
    if not series:
        return ""
    limits = [Limit("75 %", 75.0)]
    return render_chart(
        _chart(simulation, "GPUs of the speech pools", "percent", series=series, limits=limits)
    )


def _cost(simulation: Simulation, run: PolicyRun) -> str:
    if not any(moment.cost for moment in run.timeline):
        return ""
    series = [_series(run, "spent so far", lambda moment: moment.cost, 1, is_area=True)]
    return render_chart(_chart(simulation, "Cost of all tiers", simulation.currency, series=series))


def _compared(simulation: Simulation) -> str:
    """Return the wanted workers of every policy that kept a timeline of the same length."""
    ours = simulation.ours
    runs = [run for run in simulation.runs if len(run.timeline) == len(ours.timeline)][:STAGES_MAX]
    if len(runs) < 2:  # noqa: PLR2004 - nothing to compare
        return ""
    series = [
        _series(run, run.policy, lambda moment: moment.workers_ready, colour)
        for colour, run in enumerate(runs, start=1)
    ]
    return render_chart(_chart(simulation, "Ready workers by policy", "workers", series=series))
