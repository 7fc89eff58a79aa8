"""How many evaluators: deadlines computed by hand, off-peak hours, and laws over any queue."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.builders import MINUTE, NOW, SECOND
from support.fleets import a_full_fleet
from voicefleet.api.reasons import Reason
from voicefleet.api.voicefleet import EvaluationSpec, EvaluationWindow, SpotUse
from voicefleet.core.evaluation_size import decide_evaluation_size
from voicefleet.model.signal import DueWork, EvaluationQueue
from voicefleet.model.size import Sizing

HOUR = timedelta(hours=1)
ABSURD = [float("nan"), float("inf"), float("-inf"), -1.0, 1e308, True, "7", None]
"""What a provider has been seen to deliver instead of a number."""


def a_spec(**fields: Any) -> EvaluationSpec:
    """Return evaluators on demand from 0 to 20, without windows, unless told otherwise."""
    plain = {"spot": SpotUse.NEVER, "min_replicas": 0, "max_replicas": 20, "windows": ()}
    evaluation = a_full_fleet().spec.evaluation
    assert evaluation is not None
    return evaluation.model_copy(update={**plain, **fields})


def a_window(start: str, end: str) -> EvaluationWindow:
    """Return off-peak hours of every day, in UTC; NOW is a Monday, 09:00."""
    days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    return EvaluationWindow.model_validate_json(
        f'{{"name": "w", "days": {days}, "from": "{start}", "to": "{end}"}}'.replace("'", '"')
    )


def a_queue(*work: tuple[timedelta, float], in_flight: int = 0, age=0 * SECOND) -> EvaluationQueue:
    """Return a queue of (time until due, seconds of work)."""
    entries = tuple(DueWork(NOW + rest, seconds) for rest, seconds in work)
    return EvaluationQueue(NOW - age, entries, in_flight)


def decide(spec: EvaluationSpec, queue: EvaluationQueue | None, *, current: int = 0) -> Sizing:
    """Decide once, without any memory."""
    return decide_evaluation_size(spec, queue, {}, NOW, current=current)[0]


def test_the_tightest_deadline_decides():
    """36,000 s in two hours: 36,000 / (7,200 - 180) = 5.13, so 6; the later ones need fewer."""
    queue = a_queue((2 * HOUR, 36_000), (4 * HOUR, 10_000))

    sizing = decide(a_spec(), queue)

    assert (sizing.wanted, sizing.reason) == (6, Reason.DEADLINES)
    assert "36000 s / 7020 s" in sizing.because


def test_work_due_later_includes_what_is_due_earlier():
    """3,600 s in 1 h need 2 alone; with 60,000 s more in 2 h it is 63,600 / 7,020 = 9.06."""
    queue = a_queue((HOUR, 3_600), (2 * HOUR, 60_000))

    sizing = decide(a_spec(), queue)

    assert sizing.wanted == 10


def test_spot_evaluators_lose_some_of_their_time():
    """41,238 s / 14,220 s is 2.9 evaluators; with 5 % lost, 3.05."""
    work = a_queue((4 * HOUR, 2.9 * 14_220))

    safe, spot = (
        decide(a_spec(spot=use), work).wanted for use in (SpotUse.NEVER, SpotUse.REQUIRED)
    )

    assert (safe, spot) == (3, 4)


def test_from_nothing_it_goes_straight_to_the_number():
    """Via 1, the first node would come alone and the deadline a round later."""
    sizing = decide(a_spec(), a_queue((HOUR, 50_000)), current=0)

    assert sizing.wanted == 15


def test_nothing_waits_longer_than_the_author_allows():
    """Due in a week by the queue's word, in 6 h by the manifest's: 100,000 / 21,420 = 4.7."""
    sizing = decide(a_spec(deadline_seconds=21_600), a_queue((7 * 24 * HOUR, 100_000)))

    assert sizing.wanted == 5


def test_what_is_late_is_done_within_a_quarter_of_an_hour():
    """A deadline in the past has no time left to divide by."""
    sizing = decide(a_spec(), a_queue((-HOUR, 2_700)))

    assert sizing.wanted == 3


def test_evaluators_that_run_finish_what_is_late():
    """Six run and need three minutes more; to start six for that would not be worth it."""
    sizing = decide(a_spec(), a_queue((-MINUTE, 1_080)), current=6)

    assert (sizing.desires[0].name, sizing.desires[0].replicas) == ("deadlines", 6)


def test_more_than_the_maximum_is_named():
    """Who reads the decision sees which field to raise."""
    sizing = decide(a_spec(max_replicas=4), a_queue((2 * HOUR, 36_000)))

    assert sizing.wanted == 4
    assert "maxReplicas is 4" in sizing.because


def test_outside_the_window_only_what_the_window_cannot_do():
    """From 22:00 to 23:00 twenty evaluators do it all; at 09:00 none is needed yet."""
    spec = a_spec(windows=(a_window("22:00", "23:00"),), deadline_seconds=86_400)

    sizing = decide(spec, a_queue((20 * HOUR, 20_000)))

    assert sizing.wanted == 0
    assert "in off-peak windows before" in sizing.because


def test_outside_the_window_a_deadline_before_it_forces_work():
    """The window opens at 22:00, the deadline is at 11:00: it cannot wait."""
    spec = a_spec(windows=(a_window("22:00", "23:00"),), deadline_seconds=86_400)

    sizing = decide(spec, a_queue((2 * HOUR, 36_000)))

    assert sizing.wanted == 6


def test_outside_the_window_the_rest_is_spread_over_the_other_hours():
    """What the window cannot do is 145,280 s in 68,400 s: 2.1, so 3.

    Its hour less 180 s does 3,420 s * 20 * 0.8 = 54,720 s of the 200,000 s.
    """
    spec = a_spec(windows=(a_window("22:00", "23:00"),), deadline_seconds=86_400)

    sizing = decide(spec, a_queue((20 * HOUR, 200_000)))

    assert sizing.wanted == 3


def test_inside_the_window_everything_is_to_be_done_before_it_ends():
    """Until 10:00: 20,000 / (3,600 - 180) = 5.8; the deadline of tomorrow would ask for 1."""
    spec = a_spec(windows=(a_window("08:00", "10:00"),), deadline_seconds=86_400)

    sizing = decide(spec, a_queue((20 * HOUR, 20_000)))

    assert (sizing.wanted, sizing.reason) == (6, Reason.OFF_PEAK)


def test_the_begin_of_a_window_is_looked_at_when_it_comes():
    """Nothing may have changed by then but the time."""
    spec = a_spec(windows=(a_window("09:02", "10:00"),), deadline_seconds=86_400)

    at_rest = decide(spec, a_queue())

    assert at_rest.wake_after == 2 * MINUTE


@pytest.mark.parametrize(
    "queue",
    [
        pytest.param(None, id="nobody knows"),
        pytest.param(a_queue(age=2 * MINUTE), id="stale"),
        pytest.param(a_queue(age=-MINUTE), id="from the future"),
        pytest.param(a_queue(in_flight=-3), id="a negative count"),
        pytest.param(a_queue((HOUR, float("nan"))), id="work that is no number"),
    ],
)
def test_without_a_queue_to_believe_in_nothing_changes(queue):
    """An exporter that restarts must not send twenty evaluators away and call them back."""
    sizing, memory = decide_evaluation_size(a_spec(), queue, {}, NOW, current=7)
    later, _ = decide_evaluation_size(
        a_spec(), queue and replace(queue, observed_at=queue.observed_at + HOUR), memory,
        NOW + HOUR, current=7,
    )  # fmt: skip

    assert (sizing.wanted, later.wanted) == (7, 7)
    assert sizing.invalid


def test_an_empty_queue_empties_the_tier_after_a_while():
    """The next recording often follows within minutes, so 5 of them are waited."""
    memory: Any = {}
    wanted = []
    for seconds in range(0, 421, 30):
        now = NOW + seconds * SECOND
        sizing, memory = decide_evaluation_size(
            a_spec(), EvaluationQueue(now), memory, now, current=wanted[-1] if wanted else 4
        )
        wanted.append(sizing.wanted)

    assert wanted[:9] == [4] * 9
    assert wanted[-1] == 0


def test_evaluations_in_flight_keep_their_evaluators():
    """An evaluation that is cut loses its work since the last checkpoint."""
    memory: Any = {}
    for seconds in range(0, 901, 30):
        now = NOW + seconds * SECOND
        queue = EvaluationQueue(now, (), in_flight=3)
        sizing, memory = decide_evaluation_size(a_spec(), queue, memory, now, current=5)

    assert (sizing.wanted, sizing.reason) == (3, Reason.EVALUATIONS_IN_FLIGHT)


def test_lost_memory_sends_nobody_away_at_once():
    """A restarted operator has not seen for how long the queue has been empty."""
    assert decide(a_spec(), a_queue(), current=9).wanted == 9


def test_a_clock_that_went_back_begins_to_wait_again():
    """The remembered time lies in the future now, and says nothing."""
    _, memory = decide_evaluation_size(a_spec(), a_queue(), {}, NOW, current=2)
    early = NOW - HOUR
    sizing, _ = decide_evaluation_size(a_spec(), EvaluationQueue(early), memory, early, current=2)

    assert sizing.wanted == 2


WORK = st.lists(
    st.tuples(st.integers(-3_600, 30_000).map(lambda s: s * SECOND), st.floats(0, 2e5)),
    max_size=8,
)
BOUNDS = st.tuples(st.integers(0, 10), st.integers(1, 200)).map(
    lambda pair: (min(pair), max(1, *pair))
)


@given(WORK, BOUNDS, st.integers(0, 500), st.integers(0, 50), st.booleans())
def test_the_size_stays_within_the_bounds(work, bounds, current, in_flight, has_window):
    """Whatever waits, the author's limits win."""
    low, high = bounds
    windows = (a_window("08:30", "12:00"),) if has_window else ()
    spec = a_spec(min_replicas=low, max_replicas=high, windows=windows)

    sizing = decide(spec, a_queue(*work, in_flight=in_flight), current=current)

    assert low <= sizing.wanted <= high


@given(st.sampled_from(ABSURD), st.sampled_from(ABSURD), st.integers(0, 20))
def test_absurd_values_never_lower_and_never_raise_an_exception(work, in_flight, current):
    """A broken exporter must be no different from a silent one."""
    queue = EvaluationQueue(NOW, (DueWork(NOW + HOUR, work),), in_flight)

    sizing = decide(a_spec(), queue, current=current)

    assert sizing.wanted >= current


@given(WORK, st.integers(0, 7), st.floats(0, 1e5), st.booleans())
def test_more_work_never_asks_for_fewer(work, index, extra, has_window):
    """Monotone in every entry, inside windows and outside."""
    spec = a_spec(max_replicas=200, windows=(a_window("22:00", "04:00"),) if has_window else ())
    grown = [(rest, w + extra * (i == index)) for i, (rest, w) in enumerate(work)]

    less, more = (decide(spec, a_queue(*entries)).wanted for entries in (work, grown))

    assert more >= less


@given(WORK, st.randoms(use_true_random=False))
def test_the_order_of_the_queue_does_not_matter(work, random):
    """A provider returns series in any order."""
    shuffled = list(work)
    random.shuffle(shuffled)

    assert decide(a_spec(), a_queue(*work)) == decide(a_spec(), a_queue(*shuffled))


@given(WORK, st.integers(0, 20))
def test_the_same_input_gives_the_same_answer_and_memory(work, current):
    """Two replicas of the operator, and a replay, have to agree."""
    spec, queue = a_spec(), a_queue(*work)

    first = decide_evaluation_size(spec, queue, {}, NOW, current=current)
    again = decide_evaluation_size(spec, queue, first[1], NOW, current=first[0].wanted)

    assert first == decide_evaluation_size(spec, queue, {}, NOW, current=current)
    assert again[0].wanted == first[0].wanted


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=3),
                    lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(["trace", "emptySince", "counts"]), inner),
                    max_leaves=6), st.integers(0, 20))  # fmt: skip
def test_unreadable_memory_never_lowers(memory, current):
    """Anybody may edit a ConfigMap."""
    stored = memory if isinstance(memory, dict) else {"trace": memory, "emptySince": memory}

    sizing, _ = decide_evaluation_size(a_spec(), a_queue(), stored, NOW, current=current)

    assert sizing.wanted == current


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(30, 300), st.integers(60, 7_200)), min_size=1, max_size=6),
    st.booleans(),
)
def test_deadlines_that_can_be_met_are_met(work, has_window):
    """Simulated minute by minute, with the lead time before an evaluator works.

    The maximum is far above what is needed, so every deadline can be met.
    """
    windows = (a_window("22:00", "05:00"),) if has_window else ()
    spec = a_spec(max_replicas=200, windows=windows, deadline_seconds=86_400)
    left = sorted([NOW + minutes * MINUTE, float(seconds)] for minutes, seconds in work)
    left = [[max(due, NOW + 30 * MINUTE), seconds] for due, seconds in left]
    starting, current, memory, late = [], 0, {}, []
    for minute in range(6 * 60):
        now = NOW + minute * MINUTE
        queue = EvaluationQueue(now, tuple(DueWork(d, w) for d, w in left if w > 0))
        sizing, memory = decide_evaluation_size(spec, queue, memory, now, current=current)
        starting += [minute + 3] * (sizing.wanted - current)
        starting = sorted(starting)[: sizing.wanted]
        current = sizing.wanted
        capacity = 60.0 * sum(ready <= minute for ready in starting)
        for entry in left:
            done = min(capacity, entry[1])
            entry[1] -= done
            capacity -= done
        late += [due for due, seconds in left if seconds > 1e-6 and due <= now]

    assert late == []


def test_an_interview_without_a_window_still_explains_itself():
    """The sentence holds every number of the formula."""
    sizing = decide(a_spec(spot=SpotUse.REQUIRED), a_queue((2 * HOUR, 36_000)))

    assert sizing.because == (
        "evaluation 0→6: 10.0 h of work due by 2026-03-02 11:00Z: "
        "36000 s / 7020 s / 0.95 left by spot"
    )
