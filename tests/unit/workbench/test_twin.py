"""The simulator beside a recorded day: the same day is the same, and another one is told apart."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import yaml

from voicefleet.api.parse import parse_fleet
from voicefleet.api.scaling import ScaleDownSpec
from voicefleet_localcluster.surge import manifests
from voicefleet_workbench.sources import ROOT
from voicefleet_workbench.twin import Comparison, compare
from voicefleet_workbench.twin_live import find_decisions, make_manifest
from voicefleet_workbench.twin_recording import Recording, Tick
from voicefleet_workbench.twin_simulation import make_conditions, simulate_day

EXAMPLE = ROOT / "docs" / "examples" / "interviews.yaml"
BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def a_day(**changes: object) -> Recording:
    """Return two minutes in which 60 callers come, ten seconds after the fleet."""
    recording = Recording(
        starts_at=BEGIN,
        fleet=manifests.campus_fleet(yaml.safe_load(EXAMPLE.read_text())),
        surge=None,
        platform="metricsProviders: {default: {prometheusURL: 'http://127.0.0.1:1'}}",
        callers=tuple((10 + number / 2, 40.0) for number in range(60)),
        ticks=tuple(Tick(10.0 + second, 2, 2, 0) for second in range(120)),
        outages=((30.0, 20.0),),
        patience_seconds=1.0,
        pod_start_seconds=3.4,
        cycle_seconds=0.2,
        metric_lag_seconds=6.0,
    )
    return replace(recording, **changes)


def ticks_of(*wanted: int) -> tuple[Tick, ...]:
    """Return ticks one second apart with these counts."""
    return tuple(Tick(float(second), count, count, 0) for second, count in enumerate(wanted))


def test_a_recording_comes_back_from_its_file():
    """A day that was kept is compared again without a cluster."""
    recording = a_day(surge=manifests.campus_day(BEGIN))

    assert Recording.from_json(recording.to_json()) == recording


def test_the_simulated_day_has_the_recorded_callers():
    """40 s long and two a second, so 60 at the most; with 8 slots that is more than 2 workers."""
    simulated = simulate_day(a_day())

    assert [tick.at for tick in simulated.ticks] == [tick.at for tick in a_day().ticks]
    assert max(tick.sessions for tick in simulated.ticks) == 60
    assert max(tick.wanted for tick in simulated.ticks) > 7
    assert simulated.decisions[0][1].startswith("agents 2→3: ")


def test_a_day_that_the_simulator_recorded_itself_is_the_same_again():
    """Anything else would be chance in the comparison."""
    recording = simulate_day(a_day())

    comparison = compare(recording)

    assert (comparison.apart_percent, comparison.worst) == (0.0, 0)


def test_an_announced_day_is_simulated_with_its_plan():
    """Without the plan the simulator would not know why the fleet grew before anybody rang."""
    announced = a_day(surge=manifests.campus_day(BEGIN))

    plain, warned = simulate_day(a_day()).ticks[0], simulate_day(announced).ticks[0]

    assert plain.wanted == 2
    assert warned.wanted >= 500 / 8


def test_the_world_of_the_recording_is_the_simulators():
    """Nodes stand there already, pods start as fast, and Prometheus goes at the same time."""
    conditions = make_conditions(a_day())

    assert (conditions.node_start_seconds, conditions.pod_start_seconds) == (0.0, 3.4)
    assert [(outage.starts_at, outage.seconds) for outage in conditions.outages] == [(30, 20)]


@pytest.mark.parametrize(
    ("simulated", "apart_percent"),
    [
        pytest.param((4, 4, 4, 4), 0.0, id="one-worker-is-nothing"),
        pytest.param((5, 7, 5, 5), 25.0, id="one-tick-in-four"),
        pytest.param((5, 7, 5, 3), 50.0, id="less-counts-as-more-does"),
    ],
)
def test_only_more_than_one_worker_counts(simulated: tuple[int, ...], apart_percent: float):
    """The bar is about ticks that differ by two workers or more."""
    live = a_day(ticks=ticks_of(5, 5, 5, 5))

    comparison = Comparison(live, a_day(ticks=ticks_of(*simulated)))

    assert comparison.apart_percent == apart_percent


def test_the_worst_stretch_is_named_first():
    """Whoever looks for the reason looks there."""
    live = a_day(ticks=ticks_of(5, 5, 5, 5, 5, 5), decisions=((0.5, "agents 4→5"),))
    simulated = a_day(ticks=ticks_of(7, 7, 5, 5, 15, 5), decisions=((3.5, "agents 5→15"),))

    comparison = Comparison(live, simulated)

    stretches = comparison.stretches()
    assert [(stretch.worst, len(stretch.live)) for stretch in stretches] == [(10, 1), (2, 2)]
    assert list(comparison.explain(stretches[0])) == [
        "4 to 4 s, 1 tick: by up to +10 workers",
        "       3.50 s  simulated: agents 5→15",
    ]


def test_the_twins_fleet_goes_down_at_the_operators_own_pace():
    """The demo's window of ten seconds is two of the steps in which targets are remembered."""
    fleet = make_manifest()

    scaling = parse_fleet({**fleet, "metadata": {**fleet["metadata"], "uid": "u"}}).spec.scaling

    assert scaling.metrics_provider == "default"
    assert scaling.scale_down == ScaleDownSpec()


def test_decisions_are_read_from_the_operators_log():
    """They say why the live fleet had another size; a day may pass midnight."""
    log = (
        "23:59:59.500 INFO    hiring/interviews: agents 2→3: 9 sessions, 1 spare\n"
        "23:59:59.600 INFO    hiring/interviews: media 2→3: 90 connections\n"
        "00:00:10.250 INFO    hiring/interviews: agents 3→4: more\n"
    )

    found = list(find_decisions(log, datetime(2026, 3, 2, 23, 59, 50, tzinfo=UTC)))

    assert found == [
        (9.5, "agents 2→3: 9 sessions, 1 spare"),
        (20.25, "agents 3→4: more"),
    ]
