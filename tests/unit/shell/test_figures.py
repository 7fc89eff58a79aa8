"""The operator's own metrics: each signal beside the limit that a decision holds it against."""

from dataclasses import replace

import pytest

from support.builders import NOW, an_observation
from support.fleets import a_minimal_fleet
from voicefleet.api.scaling import ScalingSpec
from voicefleet.api.status import VoiceFleetStatus
from voicefleet.model.figures import SignalFigure
from voicefleet.model.signal import Sample, Signals, Stage
from voicefleet.shell.figures import read_figures


def figures_of(**signals: object) -> dict[str, SignalFigure]:
    """Return the figures of a fleet with a target of 400 ms, by signal."""
    fleet = a_minimal_fleet()
    scaling = ScalingSpec(target_ttfb_milliseconds=400)
    fleet = replace(fleet, spec=fleet.spec.model_copy(update={"scaling": scaling}))
    observed = replace(an_observation(), signals=Signals(**signals))
    return {each.signal: each for each in read_figures(fleet, observed, VoiceFleetStatus()).signals}


def test_latency_stands_beside_its_target():
    """A graph of TTFB without the line that the fleet is held to answers nobody's question."""
    told = figures_of(ttfb_milliseconds=Sample(350.0, NOW, 100))["ttfb_p95"]

    assert (told.value, told.threshold) == (pytest.approx(0.35), pytest.approx(0.4))


def test_each_stage_stands_beside_its_part_of_the_target():
    """Of 400 ms the language model has 35 %: 140 ms."""
    told = figures_of(stages={Stage.LLM: Sample(90.0, NOW, 100)})["llm_p95"]

    assert (told.value, told.threshold) == (pytest.approx(0.09), pytest.approx(0.14))


def test_errors_and_callers_who_give_up_stand_beside_their_alarms():
    """The same numbers as in the condition LatencyWithinTarget, or one of the two is wrong."""
    told = figures_of(error_ratio=Sample(0.0, NOW), drop_off_ratio=Sample(0.1, NOW))

    assert (told["error_ratio"].threshold, told["drop_off_ratio"].threshold) == (0.01, 0.15)
