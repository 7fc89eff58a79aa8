"""How fast a count follows its target."""

from datetime import timedelta
from itertools import pairwise

import hypothesis.strategies as st
from hypothesis import given

from support.builders import MINUTE, NOW, SECOND
from voicefleet.core.sizes import Bounds
from voicefleet.core.stabilise import Pace, Stable, Trace, read_trace, stabilise

WIDE = Bounds(0, 1000)
PACE = Pace()


def settled(count: int) -> Trace:
    """Return the trace of a tier that has asked for `count` and had it for an hour."""
    return stabilise(count, count, Trace(), NOW - 60 * MINUTE, bounds=WIDE, pace=PACE).trace


def follow(
    targets: list[tuple[float, int]], start: int, *, pace: Pace = PACE, bounds: Bounds = WIDE
) -> list[int]:
    """Return the counts after each target, given with its seconds after NOW."""
    trace, count, counts = settled(start), start, []
    for seconds, target in targets:
        stable = stabilise(target, count, trace, NOW + seconds * SECOND, bounds=bounds, pace=pace)
        trace, count = stable.trace, stable.wanted
        counts.append(count)
    return counts


def every_15_seconds(target: int, minutes: int) -> list[tuple[float, int]]:
    """Return the same target at each tick."""
    return [(15.0 * tick, target) for tick in range(4 * minutes + 1)]


def test_a_larger_target_is_taken_at_once():
    """Callers feel a missing worker within seconds."""
    assert follow([(0, 50)], 4) == [50]


def test_a_smaller_target_waits_a_window_and_then_goes_down_in_parts():
    """20 → 10: 120 s at 20, then at most 20 % of the last minute's largest count per minute."""
    counts = follow(every_15_seconds(10, 6), 20)

    assert counts[7] == 20, "105 s after the first smaller target"
    assert counts[8:12] == [16] * 4, "120 s: 20 - 4"
    assert counts[12:16] == [13] * 4, "a minute later: 16 - 3"
    assert counts[16:20] == [11] * 4, "13 - 2"
    assert counts[20:] == [10] * 5


def test_one_look_at_a_larger_target_starts_the_window_again():
    """The window asks whether nothing larger was needed during it."""
    ticks = every_15_seconds(10, 1) + [(75.0, 20)] + [(75.0 + 15 * n, 10) for n in range(1, 10)]

    counts = follow(ticks, 20)

    assert counts[-2:] == [20, 16], "105 s and 120 s after it had ended"


def test_a_fall_inside_the_dead_band_is_none():
    """Of 20 the band is 1.6: one worker less is not worth a drain."""
    assert follow(every_15_seconds(19, 10), 20)[-1] == 20


def test_a_target_inside_the_dead_band_leaves_nothing_to_remember():
    """Otherwise a fleet at rest would be written once a minute for ever."""
    trace = stabilise(19, 20, settled(20), NOW, bounds=WIDE, pace=PACE).trace
    rest = stabilise(19, 20, trace, NOW + 3 * MINUTE, bounds=WIDE, pace=PACE)
    later = stabilise(19, 20, rest.trace, NOW + 30 * MINUTE, bounds=WIDE, pace=PACE)

    assert later.trace == rest.trace
    assert later.wake_after is None


def test_a_lost_trace_lowers_nothing_for_a_window():
    """A new operator has seen nothing; what it sees first may be the end of an outage."""
    first = stabilise(2, 20, Trace(), NOW, bounds=WIDE, pace=PACE)

    assert first.wanted == 20
    assert first.wake_after is not None


def test_ten_minutes_without_a_look_are_no_evidence():
    """An operator that stood still has not seen that nothing more was needed."""
    assert follow([(0, 10), (600, 10)], 20) == [20, 20]


def test_a_quiet_tier_keeps_its_last_target_while_nobody_looks():
    """Cycles come with events: none for ten minutes means that nothing happened."""
    assert follow([(600, 10), (700, 10)], 20) == [20, 20]


def test_a_clock_that_goes_back_starts_the_window_again():
    """Time that is passed a second time counts once."""
    ticks = every_15_seconds(10, 1) + [(-3600.0 + 15 * n, 10) for n in range(10)]

    assert follow(ticks, 20) == [20] * 14 + [16]


def test_bounds_win_at_once():
    """A lowered maximum only cordons; the user has said so, no window asks again."""
    assert follow([(0, 20)], 20, bounds=Bounds(0, 5)) == [5]
    assert follow([(0, 1)], 1, bounds=Bounds(4, 9)) == [4]


def test_a_rise_limit_is_per_minute_and_not_per_cycle():
    """Many cycles in one second must not each add their share."""
    pace = Pace(rise_per_minute=10)

    counts = follow([(0, 100), (0.2, 100), (0.4, 100), (61, 100)], 5, pace=pace)

    assert counts == [15, 15, 15, 25]


@given(
    st.lists(
        st.tuples(st.sampled_from((0, 1, 5, 15, 15, 60, 700, -3600)), st.integers(0, 60)),
        max_size=25,
    ),
    st.integers(0, 60),
)
def test_no_count_falls_faster_than_the_rate(moves: list[tuple[int, int]], start: int):
    """Whatever targets and clocks do, a minute takes a fifth at most, or one."""
    seconds = 0
    ticks: list[tuple[float, int]] = []
    for step, target in moves:
        seconds += step
        ticks.append((float(seconds), target))

    counts = [start, *follow(ticks, start)]

    for before, after in pairwise(counts):
        assert after >= before - max(1, before // 5)


@given(st.lists(st.integers(0, 60), max_size=20), st.integers(0, 60))
def test_the_same_instant_twice_changes_nothing(targets: list[int], start: int):
    """Events come in bursts; the tenth cycle of one second must decide as the first."""
    ticks = [(7.0 * n, target) for n, target in enumerate(targets)]
    twice = [tick for tick in ticks for _ in range(2)]

    assert follow(twice, start)[1::2] == follow(ticks, start)


@given(st.lists(st.integers(0, 60), max_size=40), st.integers(0, 60))
def test_a_trace_survives_the_way_through_memory(targets: list[int], start: int):
    """The operator restarts at any time; the next decision must be the same one."""
    stable = Stable(start, settled(start))
    for tick, target in enumerate(targets):
        instant = NOW + timedelta(seconds=11 * tick)
        stable = stabilise(target, stable.wanted, stable.trace, instant, bounds=WIDE, pace=PACE)

        assert read_trace(stable.trace.to_json()) == stable.trace


def test_what_is_no_trace_is_forgotten():
    """Memory may be edited, cut or from another version; forgetting lowers nothing."""
    for stored in (None, 7, "x", [], {"targets": [[1]]}, {"targets": [[1, float("nan")]]}):
        assert read_trace(stored) == Trace()
