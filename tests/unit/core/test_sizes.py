"""How many replicas a tier should have."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from voicefleet.api.reasons import Reason
from voicefleet.api.voicefleet import AgentsSpec
from voicefleet.core.sizes import (
    Bounds,
    Targets,
    bound_agents,
    explain_size,
    split_rollout,
    surge_of,
)
from voicefleet.model.observed import Tier


def agents(low: int, high: int, floor: int) -> AgentsSpec:
    """Return the bounds as their author writes them."""
    return AgentsSpec(image="a:1", min_replicas=low, max_replicas=high, floor_replicas=floor)


@pytest.mark.parametrize(
    ("current", "bounds", "wanted"),
    [
        pytest.param(4, (2, 8, 0), 4, id="inside-the-bounds-nothing-moves"),
        pytest.param(0, (2, 8, 0), 2, id="the-minimum-lifts"),
        pytest.param(4, (2, 8, 6), 6, id="the-floor-lifts-further"),
        pytest.param(9, (2, 8, 0), 8, id="the-maximum-lowers"),
        pytest.param(6, (2, 8, 0), 6, id="a-lifted-floor-leaves-the-count"),
        pytest.param(3, (2, 4, 9), 4, id="where-bounds-cross-the-maximum-wins"),
    ],
)
def test_a_count_moves_only_when_a_bound_pushes_it(
    current: int, bounds: tuple[int, int, int], wanted: int
):
    """There is no brain yet; the last wanted count is the best guess at the next."""
    assert bound_agents(agents(*bounds)).clamp(current) == wanted


@pytest.mark.parametrize(
    ("bounds", "current", "reason"),
    [
        pytest.param(Bounds(2, 8), 0, Reason.BELOW_MINIMUM, id="minimum"),
        pytest.param(Bounds(6, 8, "floorReplicas"), 2, Reason.FLOOR_RAISED, id="floor"),
        pytest.param(Bounds(2, 8), 9, Reason.ABOVE_MAXIMUM, id="maximum"),
    ],
)
def test_a_changed_count_names_the_field_behind_it(bounds: Bounds, current: int, reason: Reason):
    """An SRE who wonders about a size looks for the field to change."""
    decision = explain_size(Tier.AGENTS, current, bounds.clamp(current), bounds)

    assert decision is not None
    assert decision.reason is reason


def test_the_decision_about_a_pool_names_it():
    """Two pools of one tier that start together would read like the same sentence twice."""
    decision = explain_size(Tier.SPEECH, 0, 1, Bounds(1, 8), pool="tts")

    assert decision is not None
    assert decision.because == "speech tts 0→1: minReplicas is 1"


def test_an_unchanged_count_is_no_decision():
    """An idle cycle has nothing to say."""
    assert explain_size(Tier.AGENTS, 3, 3, Bounds(2, 8)) is None


@pytest.mark.parametrize(
    ("wanted", "new_ready", "old_ready", "expected"),
    [
        pytest.param(8, 0, 8, Targets(2, 8), id="a-surge-beside-a-whole-old-revision"),
        pytest.param(8, 2, 8, Targets(4, 6), id="one-old-leaves-for-each-new-ready-one"),
        pytest.param(8, 8, 8, Targets(8, 0), id="at-the-end-only-new-ones"),
        pytest.param(8, 0, 3, Targets(5, 5), id="old-ones-that-cannot-serve-are-replaced-at-once"),
        pytest.param(8, 0, 0, Targets(8, 2), id="without-old-ones-all-at-once"),
        pytest.param(3, 0, 3, Targets(1, 3), id="a-small-tier-surges-by-one"),
        pytest.param(0, 0, 3, Targets(0, 0), id="a-drained-fleet-wants-nobody"),
    ],
)
def test_a_rollout_moves_by_its_surge(
    wanted: int, new_ready: int, old_ready: int, expected: Targets
):
    """A broken image must find enough old workers left."""
    assert split_rollout(wanted, new_ready=new_ready, old_ready=old_ready) == expected


@given(wanted=st.integers(0, 1000), new_ready=st.integers(0, 1250), old_ready=st.integers(0, 1250))
def test_a_rollout_keeps_its_bounds(wanted: int, new_ready: int, old_ready: int):
    """Both revisions together never exceed the surge and never fall below what is wanted."""
    targets = split_rollout(wanted, new_ready=min(new_ready, wanted), old_ready=old_ready)

    assert 0 <= targets.current <= wanted
    assert wanted <= targets.current + max(targets.old, old_ready)
    assert targets.current + targets.old <= wanted + surge_of(wanted)
