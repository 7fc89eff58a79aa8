"""What an SRE reads about a size: in `voicefleet why`, in Events, in status and in the log."""

import pytest

from support.builders import SECOND
from voicefleet.api.reasons import Reason
from voicefleet.core.combine import combine
from voicefleet.core.explaining import make_sizing
from voicefleet.core.sizes import Bounds
from voicefleet.core.stabilise import Stable, Trace
from voicefleet.model.size import Desire, Sizing

TWO_TO_TWENTY = Bounds(2, 20)
SESSIONS = "(34 sessions + 8.2 safety) / 8 per worker"


def demand_for(replicas: int) -> Desire:
    """Return what sessions ask for."""
    return Desire("demand", replicas, Reason.DEMAND_ROSE, SESSIONS)


def say(
    current: int,
    wanted: int,
    *desires: Desire,
    bounds: Bounds = TWO_TO_TWENTY,
    held: str = "",
    holds: tuple[str, ...] = (),
) -> Sizing:
    """Return the size of a tier whose desires may be followed as far as `wanted`."""
    low = Desire(
        "minimum", bounds.low, Reason.BELOW_MINIMUM, f"{bounds.low_field} is {bounds.low}",
        may_lower=False,
    )  # fmt: skip
    combined = combine((*desires, low), current=current, holds=holds)
    stable = Stable(wanted, Trace(), held, 15 * SECOND)
    return make_sizing("agents", current, combined, stable, bounds=bounds, faults={})


@pytest.mark.parametrize(
    ("sizing", "told"),
    [
        pytest.param(
            say(4, 4, bounds=Bounds(4, 20, "floorReplicas")),
            "agents unchanged at 4: floorReplicas is 4",
            id="a-floor",
        ),
        pytest.param(
            say(6, 6, demand_for(6)), f"agents unchanged at 6: {SESSIONS}", id="as-many-as-wanted"
        ),
        pytest.param(say(5, 6, demand_for(6)), f"agents 5→6: {SESSIONS}", id="more"),
        pytest.param(
            say(5, 6, demand_for(7), bounds=Bounds(2, 6)),
            f"agents 5→6: {SESSIONS}, so 7 are wanted; maxReplicas is 6",
            id="more-than-the-maximum",
        ),
        pytest.param(
            say(20, 20, demand_for(6), held="18 were wanted within the last 300 s"),
            f"agents unchanged at 20: {SESSIONS}, so 6 are wanted; "
            "18 were wanted within the last 300 s",
            id="fewer-later",
        ),
        pytest.param(
            say(3, 2, demand_for(1)),
            f"agents 3→2: {SESSIONS}, so 1 is wanted; minReplicas is 2",
            id="a-fall-to-the-minimum",
        ),
        pytest.param(
            say(4, 4, demand_for(2), holds=("answers' latency is not known (stale)",)),
            "agents held at 4: answers' latency is not known (stale)",
            id="held",
        ),
    ],
)
def test_a_size_is_one_sentence_without_a_number_said_twice(sizing: Sizing, told: str):
    """What changes, what asked for it, and what kept it from being more or less."""
    assert sizing.because == told


def test_a_fall_to_the_minimum_is_told_as_what_made_it_fall():
    """That two are the minimum is no reason for a third one to go."""
    assert say(3, 2, demand_for(1)).reason is Reason.DEMAND_ROSE
    assert say(2, 2, demand_for(1)).reason is Reason.STEADY
