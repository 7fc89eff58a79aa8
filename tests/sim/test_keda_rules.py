"""The model of KEDA against the cases that KEDA publishes.

Numbers are those of pkg/scalers/prometheus_scaler_test.go, pkg/fallback/fallback_test.go,
pkg/scaling/executor/scale_scaledobjects_test.go and of its pages about activation and about the
ScaledObject's fields. Between 1 and the maximum a real HPA scales, whose cases are in
test_hpa_rules.
"""

import pytest

from voicefleet.sim.keda import Fallback, Floor, activate, is_active, read_answer, stand_in
from voicefleet.sim.peers import Keda, Seen

TEN_AFTER_THREE = Fallback(failures=3, replicas=10)


def seen_at(now: float, *, replicas: int, demand: int | None) -> Seen:
    """Return one look."""
    return Seen(now=now, replicas=replicas, pods=(), demand=demand, held=())


def looks_of(peer: Keda, *demands: int | None, replicas: int, every: float = 30.0) -> list[int]:
    """Return what a peer makes of one look after the other, its own count carried on."""
    counts = []
    for number, demand in enumerate(demands):
        replicas = peer.decide(seen_at(number * every, replicas=replicas, demand=demand))
        counts.append(replicas)
    return counts


@pytest.mark.parametrize(
    ("rows", "nulls_are_zero", "expected"),
    [
        pytest.param([], True, 0.0, id="no-values"),
        pytest.param([], False, None, id="no-values-are-an-error"),
        pytest.param([[]], True, 0.0, id="an-empty-value"),
        pytest.param([[]], False, None, id="an-empty-value-is-an-error"),
        pytest.param([["1", "2"]], True, 2.0, id="a-value"),
        pytest.param([["1"]], True, None, id="a-value-without-a-number"),
        pytest.param([[], []], True, None, id="two-series"),
        pytest.param([["1", "+Inf"]], True, 0.0, id="infinite"),
        pytest.param([["1", "+Inf"]], False, None, id="infinite-is-an-error"),
        pytest.param([["1", "-Inf"]], True, 0.0, id="infinitely-little"),
        pytest.param([["1", "-Inf"]], False, None, id="infinitely-little-is-an-error"),
    ],
)
def test_an_answer_counts_for_the_published_value(
    rows: list[list[str]], nulls_are_zero: bool, expected: float | None
):
    """An outage that reads as 0 is what users lose calls by; it has to be the real rule."""
    assert read_answer(rows, nulls_are_zero=nulls_are_zero) == expected


@pytest.mark.parametrize(
    ("value", "failures", "fallback", "expected"),
    [
        pytest.param(5.0, 0, None, (5.0, 0), id="none-needed"),
        pytest.param(6.0, 5, TEN_AFTER_THREE, (6.0, 0), id="a-value-ends-the-row"),
        pytest.param(None, 0, None, (None, 1), id="none-written"),
        pytest.param(None, 0, TEN_AFTER_THREE, (None, 1), id="the-first-failure"),
        pytest.param(None, 2, TEN_AFTER_THREE, (None, 3), id="at-the-threshold"),
        pytest.param(None, 3, TEN_AFTER_THREE, (100.0, 4), id="beyond-the-threshold"),
        pytest.param(None, 3, Fallback(-3, 10), (None, 4), id="a-negative-threshold"),
        pytest.param(None, 3, Fallback(3, -10), (None, 4), id="negative-replicas"),
    ],
)
def test_a_fallback_stands_in_after_its_failures(
    value: float | None,
    failures: int,
    fallback: Fallback | None,
    expected: tuple[float | None, int],
):
    """10 replicas at an average of 10 are a metric of 100, from the fourth failure on."""
    assert stand_in(value, failures, fallback, target=10) == expected


@pytest.mark.parametrize(
    ("current", "floor", "active", "expected"),
    [
        pytest.param(10, Floor(low=0), False, 0, id="nobody-and-no-minimum"),
        pytest.param(1, Floor(low=5), False, 5, id="below-the-minimum"),
        pytest.param(0, Floor(low=0), True, 1, id="from-zero-to-one"),
        pytest.param(10, Floor(low=5, idle=0), False, 0, id="to-the-idle-count"),
        pytest.param(0, Floor(low=5, idle=0), True, 5, id="from-idle-to-the-minimum"),
        pytest.param(2, Floor(low=5, idle=0), True, 5, id="from-below-the-minimum"),
        pytest.param(7, Floor(low=5), False, 7, id="the-hpa-shrinks-to-a-minimum"),
        pytest.param(7, Floor(low=0), True, 7, id="the-hpa-scales-what-is-active"),
    ],
)
def test_the_executor_sets_the_published_counts(
    current: int, floor: Floor, active: bool, expected: int
):
    """Where nothing was ever active no cooldown is waited for, as in the published cases."""
    assert activate(current, floor, active=active, idle_seconds=None) == expected


@pytest.mark.parametrize(
    ("idle_seconds", "expected"),
    [pytest.param(299.0, 4, id="still-warm"), pytest.param(301.0, 0, id="five-minutes-later")],
)
def test_the_last_replicas_wait_for_the_cooldown(idle_seconds: float, expected: int):
    """300 s is the documented default; it is about zero only, and falls there in one step."""
    assert activate(4, Floor(low=0), active=False, idle_seconds=idle_seconds) == expected


def test_a_trigger_that_fails_takes_nothing_away():
    """Without an active trigger and with an error KEDA reports TriggerError and stays."""
    assert activate(4, Floor(low=0), active=False, idle_seconds=900.0, failed=True) == 4


@pytest.mark.parametrize(
    ("value", "threshold", "expected"),
    [
        pytest.param(40.0, 50.0, False, id="below"),
        pytest.param(50.0, 50.0, False, id="at"),
        pytest.param(51.0, 50.0, True, id="above"),
        pytest.param(0.0, 0.0, False, id="nobody"),
    ],
)
def test_activity_is_above_the_activation_threshold(value: float, threshold: float, expected: bool):
    """The documented example: 40 messages do not wake what 51 would, whatever an HPA would want."""
    assert is_active(value, threshold) is expected


def test_the_hpa_that_keda_makes_never_has_a_minimum_of_zero():
    """An HPA cannot have 0, so a ScaledObject without a minimum gets one of 1."""
    assert (Floor().low_of_hpa, Floor(low=5).low_of_hpa) == (1, 5)


def test_the_peer_sleeps_at_zero_and_wakes_through_one():
    """From 0 one worker comes first, and only the next look of the HPA brings the others."""
    peer = Keda(50, 8, low=0, high=20)

    counts = looks_of(peer, 0, 24, 24, replicas=0)

    assert counts == [0, 1, 5]


def test_the_peer_falls_to_zero_in_one_step_after_the_cooldown():
    """The HPA may still hold four when KEDA takes them all (kedacore/keda#7770)."""
    peer = Keda(50, 8, low=0, high=20)

    counts = looks_of(peer, 16, *[0] * 12, replicas=4)

    assert counts[:10] == [4] * 10
    assert counts[-1] == 0


def test_the_peer_with_a_fallback_asks_for_its_replicas():
    """Three failures are borne; from the fourth look on the HPA is told of ten workers' worth."""
    peer = Keda(50, 8, 2, 20, nulls_are_zero=False, fallback=TEN_AFTER_THREE)

    counts = looks_of(peer, 16, None, None, None, None, None, replicas=4)

    assert counts == [4, 4, 4, 4, 8, 10]
