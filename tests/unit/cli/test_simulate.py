"""`voicefleet simulate`: files in, a table and a verdict out."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from voicefleet.__main__ import main
from voicefleet.cli.simulate import SimulateOptions, choose_peers, read_scenario
from voicefleet.errors import SpecError
from voicefleet.sim.result import from_json

FLEET = {
    "apiVersion": "voicefleet.dev/v1alpha1",
    "kind": "VoiceFleet",
    "metadata": {"name": "hello"},
    "spec": {"agents": {"image": "agent:1"}, "media": {}},
}
PLAN = {
    "apiVersion": "voicefleet.dev/v1alpha1",
    "kind": "SurgePlan",
    "metadata": {"name": "campus"},
    "spec": {
        "fleetName": "hello",
        "timeZone": "UTC",
        "windows": [
            {
                "name": "sunday",
                "weekly": {"days": ["Sunday"], "from": "10:00", "to": "14:00"},
                "peakSessions": 60,
            }
        ],
    },
}


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """A file with a fleet."""
    path = tmp_path / "fleet.yaml"
    path.write_text(yaml.safe_dump(FLEET))
    return path


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A file with ten minutes of calls."""
    path = tmp_path / "calls.csv"
    path.write_text("minute,arrivals\n" + "".join(f"{minute},3\n" for minute in range(10)))
    return path


def options_for(fleet: Path, **options) -> SimulateOptions:
    """Return options with the defaults of the platform."""
    return SimulateOptions(str(fleet), config=fleet.with_name("none.yaml"), **options)


def test_a_trace_from_a_file_is_simulated_and_told(
    fleet: Path, trace: Path, capsys: pytest.CaptureFixture
):
    """The whole way, as a user goes it."""
    result = fleet.with_name("result.json")
    report = fleet.with_name("report.html")

    code = main(
        ["simulate", str(fleet), "--trace", str(trace), "--json", str(result),
         "--report", str(report)]
    )  # fmt: skip

    told = capsys.readouterr().out
    assert code == 0
    assert "0 cut by scaling" in told
    assert [run.policy for run in from_json(result.read_text()).runs][:2] == [
        "VoiceFleet", "HPA 70 %",
    ]  # fmt: skip
    assert report.read_text().lstrip().lower().startswith("<!doctype html>")


def test_a_surge_plan_is_what_is_called_and_what_is_known(fleet: Path):
    """With a plan alone, demand does what it says, on its Sunday."""
    plan = fleet.with_name("plan.yaml")
    plan.write_text(yaml.safe_dump(PLAN))

    scenario = read_scenario(options_for(fleet, surge=plan))

    (surge,) = scenario.surges
    before = (surge.starts_at - scenario.starts_at).total_seconds()
    assert (surge.starts_at.strftime("%A %H:%M"), surge.peak_sessions) == ("Sunday 10:00", 60)
    assert scenario.trace.rates[int(before // 60)] > 10 * scenario.trace.rates[0]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param({"kind": "Service"}, "no SurgePlan in it", id="another-kind"),
        pytest.param(
            {"spec": {**PLAN["spec"], "fleetName": "other"}}, "but the fleet is hello", id="another"
        ),
    ],
)
def test_a_plan_for_somebody_else_is_refused(fleet: Path, change, complaint):
    """A simulation that silently left the plan out would promise what will not come."""
    plan = fleet.with_name("plan.yaml")
    plan.write_text(yaml.safe_dump({**PLAN, **change}))

    with pytest.raises(SpecError, match=complaint):
        read_scenario(options_for(fleet, surge=plan))


def test_comparing_all_runs_every_setting_of_every_peer(fleet: Path, trace: Path):
    """One favourable setting of a peer would be a straw man."""
    scenario = read_scenario(options_for(fleet, trace=trace))

    names = [policy.name for policy in choose_peers(scenario, "all")]

    assert len(names) == 20
    assert {"HPA 30 %", "KEDA 80 %", "Agones buffer 60 %", "clairvoyant"} <= set(names)
    assert choose_peers(scenario, "none") == ()


def test_the_operator_never_loads_what_draws_tables():
    """Rich is for people's terminals; the operator's memory is for fleets."""
    program = "import sys, voicefleet.handlers.process; print('rich' in sys.modules)"

    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip

    assert answer.stdout.strip() == "False"
