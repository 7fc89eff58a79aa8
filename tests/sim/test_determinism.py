"""The same scenario gives the same result, whatever the process has simulated before."""

import pytest

from support.simulations import HOUR, a_scenario, an_ebbing_trace, run_watched
from voicefleet.sim.simulate import run_ours

pytestmark = pytest.mark.slow


def test_a_run_leaves_nothing_behind_for_the_next_one():
    """Answers are remembered by the objects asked about; another fleet's must never be given."""
    first = run_ours(a_scenario(an_ebbing_trace()))
    run_watched(a_scenario(an_ebbing_trace(minutes=60, high=90.0), seed=2, high=12))

    again = run_ours(a_scenario(an_ebbing_trace()))

    assert again == first
    assert again.timeline[-1].at_seconds >= HOUR
