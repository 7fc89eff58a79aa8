"""One number out of many desires."""

import hypothesis.strategies as st
from hypothesis import given

from voicefleet.api.reasons import Reason
from voicefleet.core.combine import combine
from voicefleet.model.size import Desire


def a_desire(replicas: int, name: str = "demand", *, may_lower: bool = True) -> Desire:
    """Return what one part of a formula asks for."""
    return Desire(name, replicas, Reason.WITHIN_BOUNDS, f"{replicas} for {name}", may_lower)


desires = st.lists(
    st.builds(a_desire, st.integers(0, 60), st.sampled_from("abc"), may_lower=st.booleans()),
    max_size=5,
)


@given(desires, st.integers(0, 60), st.lists(st.just("unknown"), max_size=1))
def test_the_target_is_at_least_every_desire(asked: list[Desire], current: int, holds: list[str]):
    """Each part of the formula is right about something; none may be outvoted."""
    combined = combine(asked, current=current, holds=holds)

    assert all(combined.target >= desire.replicas for desire in asked)


@given(desires, desires, st.integers(0, 60))
def test_one_more_desire_never_lowers(asked: list[Desire], more: list[Desire], current: int):
    """A signal that comes back must not take away what was there without it."""
    before = combine([a_desire(0), *asked], current=current).target

    assert combine([a_desire(0), *asked, *more], current=current).target >= before


@given(desires, st.integers(0, 60))
def test_whatever_speaks_against_it_keeps_the_count(asked: list[Desire], current: int):
    """One unknown signal is enough to stop a fall, and stops no rise."""
    combined = combine(asked, current=current, holds=["the queue is not known"])

    assert combined.target == max([current, *(desire.replicas for desire in asked)])


def test_without_any_desire_the_count_stays():
    """Nothing known is no reason to move."""
    combined = combine([], current=7)

    assert (combined.target, combined.binding) == (7, None)
    assert combined.held == "no signal can be used"


def test_a_forecast_alone_lowers_nothing():
    """It says what may come, not what is there."""
    combined = combine([a_desire(3, "forecast", may_lower=False)], current=7)

    assert (combined.target, combined.held) == (7, "a forecast alone lowers nothing")


def test_a_forecast_keeps_part_of_a_fall():
    """Demand allows 3 and the forecast asks for 5: 5, and the forecast is named."""
    combined = combine([a_desire(3), a_desire(5, "forecast", may_lower=False)], current=7)

    assert combined.target == 5
    assert combined.binding is not None
    assert combined.binding.name == "forecast"


def test_of_equal_desires_the_first_one_is_named():
    """The same input gives the same sentence, whatever order a sort happens to have."""
    combined = combine([a_desire(4, "demand"), a_desire(4, "surge")], current=2)

    assert combined.binding is not None
    assert combined.binding.name == "demand"
