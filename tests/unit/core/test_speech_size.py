"""How many replicas of a speech pool: the GPU rule by hand, and what may never happen."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.builders import MINUTE, NOW, SECOND
from support.fleets import a_full_fleet
from voicefleet.api.reasons import Reason
from voicefleet.api.voicefleet import SpeechSpec
from voicefleet.core.demand import Demand
from voicefleet.core.speech_size import PoolSeen, decide_speech_size
from voicefleet.model.signal import PoolSignals, Sample
from voicefleet.model.size import Sizing

HOUR = timedelta(hours=1)
ABSURD = [float("nan"), float("inf"), float("-inf"), -1.0, 1e308, True, "7", None]
"""What a provider has been seen to deliver instead of a number."""
SETTLED_LONG_AGO = {"settled": [int((NOW - HOUR).timestamp()), 4]}
"""Four replicas have been ready for an hour."""
KNOWN = Demand(sessions=70, at_most=70, heard=9, serving=9)


def a_pool(**fields: Any) -> SpeechSpec:
    """Return a TTS pool of 1 to 8 replicas of 20 streams, unless told otherwise."""
    plain = {"streams_per_replica": 20, "min_replicas": 1, "max_replicas": 8}
    return a_full_fleet().spec.speech[1].model_copy(update={**plain, **fields})


def gpu(*percents: Any, age: timedelta = 10 * SECOND) -> tuple[Sample, ...]:
    """Return 1-minute averages, the newest last."""
    newest = len(percents) - 1
    return tuple(
        Sample(percent, NOW - age - (newest - index) * MINUTE)
        for index, percent in enumerate(percents)
    )


def signals(*percents: Any, waiting: Any = None, coverage: Any = 1.0) -> PoolSignals:
    """Return what a provider says about the pool; `waiting` requests in flight."""
    return PoolSignals(
        utilization=gpu(*percents),
        coverage=Sample(coverage, NOW),
        waiting=None if waiting is None else Sample(waiting, NOW),
    )


def seen(told: PoolSignals, **fields: Any) -> PoolSeen:
    """Return four ready replicas with a budget of 80 ms, unless told otherwise."""
    plain = PoolSeen(
        current=4,
        ready=4,
        is_settled=True,
        signals=told,
        stage_milliseconds=None,
        budget_milliseconds=80.0,
        demand=KNOWN,
        rooms=70,
    )
    return replace(plain, **fields)


def stage(milliseconds: float, *, turns: int = 100) -> Sample:
    """Return a P95 of the stage."""
    return Sample(milliseconds, NOW, turns)


def decide(observed: PoolSeen, memory: Any = SETTLED_LONG_AGO, **pool: Any) -> Sizing:
    """Decide once; the pool has had its size for an hour."""
    return decide_speech_size(a_pool(**pool), observed, memory, NOW)[0]


def test_busy_gpus_and_waiting_requests_add_replicas():
    """4 * 90 / 75 = 4.8, so 5: with five the same work is 72 % of each."""
    sizing = decide(seen(signals(90, 90, 90, 90, 90, waiting=85)))

    assert (sizing.wanted, sizing.reason) == (5, Reason.GPU_BUSY)
    assert sizing.because == (
        "speech tts 4→5: GPU above 75 % for 5 minutes (mean 90 %) and "
        "85 of 80 streams in use: 4 * 90 / 75"
    )


def test_busy_gpus_and_a_slow_stage_add_replicas():
    """A pool may not export its queue; its latency is as good a witness."""
    sizing = decide(seen(signals(90, 90, 90, 90, 90), stage_milliseconds=stage(95)))

    assert (sizing.wanted, sizing.reason) == (5, Reason.GPU_BUSY)


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(signals(99, 99, 99, 99, 99), id="nobody waits"),
        pytest.param(signals(99, 99, 99, 99, 99, waiting=80), id="exactly as many as streams"),
        pytest.param(signals(99, 99, 70, 99, 99, waiting=85), id="one minute was below the mark"),
        pytest.param(signals(99, 99, 99, 99, waiting=85), id="four minutes only"),
        pytest.param(signals(99, 99, 99, 99, 99, waiting=85, coverage=0.6), id="60 % covered"),
        pytest.param(signals(99, 99, None, 99, 99, waiting=85), id="a gap in the row"),
        pytest.param(
            replace(
                signals(waiting=85), utilization=gpu(99, 99, 99, age=190 * SECOND) + gpu(99, 99)
            ),
            id="a minute that nobody measured",
        ),
    ],
)
def test_utilisation_alone_adds_nothing(told):
    """Batching makes a healthy GPU busy; it costs dollars an hour to mistake that for need."""
    sizing = decide(seen(told))

    assert sizing.wanted == 4


def test_a_step_is_at_most_half_as_much_again():
    """Utilisation ends at 100 %, so how much is missing shows only after the step."""
    memory = {"settled": [int((NOW - HOUR).timestamp()), 6]}

    sizing = decide(
        seen(signals(100, 100, 100, 100, 100, waiting=300), current=6, ready=6),
        memory,
        gpu_utilization_percent=30,
        max_replicas=50,
    )

    assert sizing.wanted == 9


def test_requests_that_wait_for_a_minute_ask_for_room():
    """100 requests for 4 * 20 streams: 100 / 20 = 5, whatever the GPUs say."""
    at = int(NOW.timestamp())
    memory = {**SETTLED_LONG_AGO, "waiting": [at - 60, at - 15]}

    sizing = decide(seen(PoolSignals(waiting=Sample(100, NOW))), memory)

    assert (sizing.wanted, sizing.reason) == (5, Reason.REQUESTS_WAITING)


def test_one_look_at_waiting_requests_is_a_burst():
    """Turns come in bursts; a minute later they are gone."""
    sizing = decide(seen(PoolSignals(waiting=Sample(100, NOW))))

    assert sizing.wanted == 4


def test_requests_seen_waiting_long_ago_count_no_more():
    """Between two looks far apart nobody knows what was."""
    at = int(NOW.timestamp())
    memory = {**SETTLED_LONG_AGO, "waiting": [at - 900, at - 600]}

    sizing = decide(seen(PoolSignals(waiting=Sample(100, NOW))), memory)

    assert sizing.wanted == 4


def test_a_stage_slow_twice_adds_one_to_a_pool_in_use():
    """Two windows in a row are no single slow caller."""
    window = int(NOW.timestamp()) // 120
    memory = {**SETTLED_LONG_AGO, "slow": [window - 1, 1]}

    sizing = decide(seen(signals(50, waiting=60), stage_milliseconds=stage(95)), memory)

    assert (sizing.wanted, sizing.reason) == (5, Reason.STAGE_SLOW)


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(signals(20, waiting=10), id="hardly used"),
        pytest.param(PoolSignals(), id="nobody knows how much it is used"),
    ],
)
def test_a_slow_stage_of_a_pool_that_is_not_busy_is_no_matter_of_replicas(told):
    """A slow model stays slow on twice the GPUs."""
    window = int(NOW.timestamp()) // 120
    memory = {**SETTLED_LONG_AGO, "slow": [window - 1, 5]}

    sizing = decide(seen(told, stage_milliseconds=stage(95)), memory)

    assert sizing.wanted == 4


def test_slow_windows_count_once_each_and_only_in_a_row():
    """Cycles come many per window; ten looks at one slow window are one slow window."""
    memory: Any = SETTLED_LONG_AGO
    rows = []
    for seconds in (0, 5, 100, 130, 400):
        now = NOW + seconds * SECOND
        observed = seen(PoolSignals(), stage_milliseconds=Sample(95, now, 100))
        _, memory = decide_speech_size(a_pool(), observed, memory, now)
        rows.append(memory["slow"][1])

    assert rows == [1, 1, 1, 2, 1]


def test_one_change_at_a_time():
    """A model loads for minutes; what was asked for would be asked for again and again."""
    told = signals(99, 99, 99, 99, 99, waiting=300)

    sizing = decide(seen(told, current=5, ready=4, is_settled=False))

    assert (sizing.wanted, sizing.reason) == (5, Reason.HELD)
    assert "4 of 5 replicas are ready" in sizing.because


def test_after_a_change_the_minutes_are_counted_anew():
    """What four replicas were busy with says nothing about five."""
    memory = {"settled": [int((NOW - 3 * MINUTE).timestamp()), 4]}

    sizing = decide(seen(signals(99, 99, 99, 99, 99, waiting=85)), memory)

    assert sizing.wanted == 4


def test_one_less_that_would_still_be_far_from_busy_goes():
    """35 * 4 / 3 = 46.7 %, below 80 % of 75 %, and 40 requests for 20 * 3 * 0.8 = 48 streams."""
    sizing = decide(seen(signals(*[35] * 15, waiting=40)))

    assert (sizing.wanted, sizing.reason) == (3, Reason.GPU_IDLE)


@pytest.mark.parametrize(
    ("told", "fields"),
    [
        pytest.param(signals(*[46] * 15, waiting=40), {}, id="three would be at 61 %"),
        pytest.param(signals(*[35] * 14, waiting=40), {}, id="for 14 minutes only"),
        pytest.param(signals(*[35] * 15, waiting=50), {}, id="50 requests for 48 streams"),
        pytest.param(signals(*[35] * 15), {}, id="70 sessions may ask at once"),
        pytest.param(
            signals(*[35] * 15), {"demand": Demand(0, 90, 0, 9, silent=("w1",))},
            id="nobody knows the load",
        ),
        pytest.param(
            signals(*[35] * 15, waiting=40), {"stage_milliseconds": stage(95)}, id="slow already"
        ),
        pytest.param(signals(*[35] * 15, waiting=40, coverage=0.5), {}, id="half is not heard"),
        pytest.param(signals(*[35] * 15, waiting=40), {"is_settled": False}, id="not all ready"),
    ],
)  # fmt: skip
def test_nothing_goes_unless_it_is_certain(told, fields):
    """A replica that was let go is back after minutes of slow answers."""
    sizing = decide(seen(told, **fields))

    assert sizing.wanted == 4


def test_sessions_stand_in_for_a_queue_that_nobody_exports():
    """40 sessions can have no more than 40 requests at once."""
    sizing = decide(seen(signals(*[35] * 15), demand=replace(KNOWN, sessions=40, at_most=40)))

    assert sizing.wanted == 3


def test_an_empty_pool_wakes_when_somebody_calls():
    """`minReplicas: 0` says that the pool may sleep, not that callers get no voice."""
    sizing = decide(seen(PoolSignals(), current=0, ready=0), {}, min_replicas=0)

    assert (sizing.wanted, sizing.reason) == (1, Reason.POOL_IN_USE)


def test_the_last_replica_sleeps_after_a_quarter_of_an_hour_without_calls():
    """Workers and servers both have to say that nobody calls."""
    quiet = seen(PoolSignals(), current=1, ready=1, demand=Demand(0, 0, 9, 9), rooms=0)
    since = int((NOW - 15 * MINUTE).timestamp())
    memory = {"settled": [since, 1], "unusedSince": since}

    agreed = decide(quiet, memory, min_replicas=0)
    alone = decide(replace(quiet, rooms=None), memory, min_replicas=0)
    kept = decide(quiet, memory, min_replicas=1)

    assert (agreed.wanted, alone.wanted, kept.wanted) == (0, 1, 1)


def test_a_steady_pool_says_what_it_sees():
    """The sentence is there before anybody has to ask why nothing happens."""
    sizing = decide(seen(signals(62, 62, waiting=48), stage_milliseconds=stage(70)))

    assert sizing.because == (
        "speech tts unchanged at 4: GPU about 60 %; about 60 % of 80 streams in use; "
        "stage TTS within 80 ms"
    )


MEMORIES = st.fixed_dictionaries(
    {},
    optional={
        "settled": st.tuples(st.integers(0, 2**40), st.integers(0, 9)).map(list),
        "waiting": st.tuples(st.integers(0, 2**40), st.integers(0, 2**40)).map(list),
        "slow": st.tuples(st.integers(0, 2**33), st.integers(0, 9)).map(list),
        "unusedSince": st.integers(0, 2**40),
    },
)
PERCENTS = st.lists(st.floats(0, 100) | st.sampled_from(ABSURD), max_size=15)


@given(PERCENTS, st.none() | st.floats(0, 1e4), st.integers(0, 30), MEMORIES)
def test_the_size_stays_within_the_bounds_and_one_step(percents, waiting, current, memory):
    """One decision moves a pool by half at most, and never out of the author's limits."""
    observed = seen(signals(*percents, waiting=waiting), current=current, ready=current)

    sizing = decide(observed, memory, min_replicas=0, max_replicas=20)

    assert 0 <= sizing.wanted <= 20
    clamped = min(current, 20)
    assert clamped - 1 <= sizing.wanted <= max(clamped + 1, current * 3 // 2)


@given(st.sampled_from(ABSURD), st.sampled_from(ABSURD), st.sampled_from(ABSURD))
def test_absurd_values_change_nothing(percent, waiting, coverage):
    """A broken exporter must be no different from a silent one."""
    told = signals(*[percent] * 15, waiting=waiting, coverage=coverage)

    sizing = decide(seen(told, stage_milliseconds=Sample(percent, NOW, 100)))

    assert sizing.wanted == 4


@given(MEMORIES, st.integers(0, 8), st.booleans())
def test_without_any_signal_the_size_stays(memory, current, is_settled):
    """Missing is not zero, whatever is remembered."""
    nobody = Demand(0, 64, 0, 8, silent=("w1",))
    observed = seen(PoolSignals(), current=current, ready=current, is_settled=is_settled,
                    demand=nobody, rooms=None)  # fmt: skip

    sizing = decide(observed, memory, min_replicas=0)

    assert sizing.wanted == current


@given(PERCENTS, st.none() | st.floats(0, 500), st.randoms(use_true_random=False))
def test_the_order_of_samples_does_not_matter(percents, waiting, random):
    """A provider may return the newest first."""
    told = signals(*percents, waiting=waiting)
    shuffled = list(told.utilization)
    random.shuffle(shuffled)

    assert decide(seen(told)) == decide(seen(replace(told, utilization=tuple(shuffled))))


@given(PERCENTS, st.floats(0, 500), st.floats(0, 500))
def test_more_requests_in_flight_never_ask_for_fewer(percents, waiting, more):
    """The second witness counts one way only."""
    few = decide(seen(signals(*percents, waiting=waiting)))

    many = decide(seen(signals(*percents, waiting=waiting + more)))

    assert many.wanted >= few.wanted


@given(PERCENTS, st.none() | st.floats(0, 500), MEMORIES)
def test_the_same_input_gives_the_same_answer_and_memory(percents, waiting, memory):
    """A second look at the same instant must not count anything twice."""
    observed = seen(signals(*percents, waiting=waiting), stage_milliseconds=stage(95))

    first = decide_speech_size(a_pool(), observed, memory, NOW)
    again = decide_speech_size(a_pool(), observed, first[1], NOW)

    assert again == first


@given(st.integers(1, 100))
def test_what_was_remembered_by_a_clock_ahead_of_ours_counts_nothing(minutes):
    """A clock that went back must not let anybody go."""
    later = int((NOW + minutes * MINUTE).timestamp())
    memory = {"settled": [later, 4], "waiting": [later, later], "unusedSince": later}

    sizing = decide(seen(signals(*[35] * 15, waiting=10)), memory)

    assert sizing.wanted == 4
