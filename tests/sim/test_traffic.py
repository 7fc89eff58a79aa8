"""Callers: drawn from traces, the same for every policy."""

from random import Random
from statistics import fmean, median

import pytest

from voicefleet.errors import SpecError
from voicefleet.sim.generators import GENERATORS, campus_day
from voicefleet.sim.traffic import (
    Trace,
    draw_call,
    draw_callers,
    draw_interview,
    draw_poisson,
    follow_sessions,
    keep_constant,
    parse_trace,
    repeat_trace,
)

DRAWS = 20_000


def test_calls_last_three_minutes_on_average():
    """Mean 183 s, as in the recorded calls that the quantiles stand for."""
    random = Random(1)

    assert fmean(draw_call(random) for _ in range(DRAWS)) == pytest.approx(183, rel=0.02)


def test_interviews_last_half_an_hour_and_never_more_than_ninety_minutes():
    """The policy end of the longest interview bounds every grace period."""
    random = Random(1)

    lengths = [draw_interview(random) for _ in range(DRAWS)]

    assert median(lengths) == pytest.approx(1700, rel=0.02)
    assert max(lengths) <= 5400


@pytest.mark.parametrize("mean", [0.0, 0.5, 12.0, 200.0])
def test_arrivals_vary_as_chance_does(mean):
    """Poisson: the variance is the mean. A smoother stream would flatter every policy."""
    random = Random(1)

    counts = [draw_poisson(random, mean) for _ in range(DRAWS)]

    assert fmean(counts) == pytest.approx(mean, rel=0.03, abs=0.01)
    assert fmean((count - mean) ** 2 for count in counts) == pytest.approx(mean, rel=0.05, abs=0.01)


def test_a_seed_gives_the_same_callers_and_another_one_others():
    """Common random numbers are what makes differences between policies theirs."""
    trace = Trace("short", (5.0,) * 10)

    assert draw_callers(trace, 1) == draw_callers(trace, 1)
    assert draw_callers(trace, 1) != draw_callers(trace, 2)


def test_a_run_begins_with_calls_that_run_already():
    """A fleet of 300 sessions does not begin its day with none."""
    trace = Trace("steady", (10.2,) * 10)

    present = [caller for caller in draw_callers(trace, 1) if caller.at == 0]

    assert len(present) == pytest.approx(10.2 * 30, rel=0.2)


def test_demand_follows_the_sessions_asked_for():
    """40 to 500 interviews within twelve minutes have to be there by then, and stay."""
    callers = draw_callers(campus_day(), 1)

    def running_at(minute: int) -> int:
        second = minute * 60
        return sum(caller.at <= second < caller.at + caller.seconds for caller in callers)

    assert running_at(530) == pytest.approx(40, abs=20)
    assert running_at(560) == pytest.approx(500, rel=0.12)
    assert running_at(800) == pytest.approx(500, rel=0.12)


def test_constant_sessions_are_constant():
    """What is to show restlessness of a policy must have none of its own."""
    callers = keep_constant(40, seconds=10_800.0)

    counts = {
        sum(caller.at <= second < caller.at + caller.seconds for caller in callers)
        for second in range(1, 10_000, 97)
    }

    assert counts == {40}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("minute,arrivals\n0,x\n", "line 2 is '0,x'", id="no-number"),
        pytest.param("0,5\n-1,5\n", "line 2 is '-1,5'", id="negative-minute"),
        pytest.param("0,nan\n", "line 1 is '0,nan'", id="nan"),
        pytest.param("minute,arrivals\n", "no line has arrivals", id="empty"),
    ],
)
def test_a_broken_trace_is_refused_with_its_line(text, complaint):
    """A file of ten thousand lines is only mended by whoever knows which one."""
    with pytest.raises(SpecError, match=complaint):
        parse_trace(text, name="calls.csv")


def test_minutes_that_are_left_out_have_no_calls():
    """A recorded night is often shorter in the file than in the world."""
    assert parse_trace("0,2\n3,4\n", name="calls.csv").rates == (2.0, 0.0, 0.0, 4.0)


def test_a_trace_repeats_by_whole_weeks():
    """Three days three times are nine; a fortnight shows two whole weeks of them."""
    trace = repeat_trace(Trace("days", (1.0,) * 4320), 2)

    assert len(trace.rates) == 2 * 7 * 1440


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_every_generated_trace_stands_on_its_own(name):
    """Generated, not recorded: anybody gets the very same one without a file."""
    trace = GENERATORS[name]()

    assert trace == GENERATORS[name]()
    assert min(trace.rates) >= 0 < max(trace.rates)


def test_a_fall_is_only_as_fast_as_calls_end():
    """Nobody is hung up on to make a curve nice."""
    trace = follow_sessions("fall", [100.0] * 10 + [0.0] * 10)

    assert trace.rates[10:] == (0.0,) * 10
