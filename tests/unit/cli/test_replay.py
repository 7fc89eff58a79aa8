"""A recorded cycle can be planned again, to the last step, by whoever gets the file."""

import json
import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from support.builders import NOW, a_replicaset, a_worker, an_observation
from support.fleets import a_full_fleet
from voicefleet.adapters.tape import FileTape, decode, encode, read_tape
from voicefleet.cli.replay import find_difference, replay_tape
from voicefleet.errors import SpecError
from voicefleet.model.observed import Observed
from voicefleet.model.plan import Plan
from voicefleet.model.signal import Sample, Signals, Stage
from voicefleet.model.surge import Surge
from voicefleet.planning import plan_fleet

FLEET = a_full_fleet()


def an_observed_fleet() -> Observed:
    """Return a fleet with one worker, signals of every kind, and an announced surge."""
    child = a_replicaset("interviews-agents-older", 1)
    seen = an_observation(child, seen=[a_worker("w1", owner=child.key.name, sessions=3)])
    signals = Signals(
        ttfb_milliseconds=Sample(412.5, NOW, 80),
        stages={Stage.TTS: Sample(190.0, NOW, 80)},
        faults={"errors": "timeout after 5 s"},
    )
    surge = Surge("campus", "day", NOW, NOW + timedelta(hours=2), peak_sessions=500)
    return replace(seen, signals=signals, surges=(surge,), memory={"agents": {"rings": [1, 2.5]}})


def record(path: Path, *plans: Plan) -> Path:
    """Write a tape of cycles that all saw the same."""
    tape = FileTape(path)
    for plan in plans:
        tape.note(FLEET, an_observed_fleet(), NOW, plan)
    return path


def test_everything_that_a_plan_depends_on_comes_back(tmp_path: Path):
    """A field that is lost on the way makes every replay a lie."""
    plan = plan_fleet(FLEET, an_observed_fleet(), NOW)

    [take] = read_tape(record(tmp_path / "tape", plan))

    assert take.fleet == FLEET
    assert take.observed == an_observed_fleet()
    assert (take.now, take.plan) == (NOW, plan)


def test_the_same_version_plans_the_same_again(tmp_path: Path, capsys):
    """The planner knows no clock and no chance; a difference would be one of them."""
    plan = plan_fleet(FLEET, an_observed_fleet(), NOW)

    code = replay_tape(record(tmp_path / "tape", plan, plan))

    assert code == 0
    assert capsys.readouterr().out == "2 of 2 cycles are planned the same again\n"


def test_what_would_be_planned_otherwise_is_shown(tmp_path: Path, capsys):
    """Before an upgrade one wants to see the sentence that changes, not a number."""
    plan = plan_fleet(FLEET, an_observed_fleet(), NOW)
    first, *others = plan.steps
    older = replace(plan, steps=(replace(first, because="for another reason"), *others))

    code = replay_tape(record(tmp_path / "tape", older))

    assert code == 1
    assert f"was: for another reason; is: {first.because}" in capsys.readouterr().out


def test_fewer_steps_are_a_difference(tmp_path: Path):
    """A plan that does less must not pass as the same one."""
    plan = plan_fleet(FLEET, an_observed_fleet(), NOW)

    [take] = read_tape(record(tmp_path / "tape", replace(plan, steps=plan.steps[:-1])))

    assert find_difference(take) == f"{len(plan.steps) - 1} steps then, {len(plan.steps)} now"


def test_numbers_that_are_none_survive():
    """A provider's NaN is what one records for; JSON knows it only by courtesy."""
    sample = Sample(math.nan, NOW, None)

    again = decode(json.loads(json.dumps(encode(sample))))

    assert math.isnan(again.value)
    assert (again.observed_at, again.count) == (NOW, None)


def test_a_line_cut_off_at_the_end_is_passed_over(tmp_path: Path):
    """The operator was killed in the middle of a write; the rest of the tape is good."""
    path = record(tmp_path / "tape", Plan())
    with path.open("a") as file:
        file.write('{"@": "Fle')

    assert len(list(read_tape(path))) == 1


@pytest.mark.parametrize("line", ["{}\n", '[{"@": "Unheard"}]\n', "[1, 2]\n", "no JSON\n"])
def test_a_line_of_something_else_is_refused_by_number(tmp_path: Path, line: str):
    """Half a replay that claims to be whole would convince somebody of the wrong thing."""
    path = tmp_path / "tape"
    path.write_text(line)

    with pytest.raises(SpecError, match="line 1 is no cycle"):
        list(read_tape(path))


def test_a_tape_that_cannot_be_written_costs_no_cycle(tmp_path: Path, caplog):
    """A full disk is no reason to leave a fleet alone."""
    tape = FileTape(tmp_path / "missing" / "tape")

    tape.note(FLEET, Observed(), NOW, Plan())
    tape.note(FLEET, Observed(), NOW, Plan())

    assert [record.message for record in caplog.records if "recording has ended" in record.message]
    assert len(caplog.records) == 1
