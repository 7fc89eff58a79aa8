"""Everything that the operator planned on the real API server, planned again from its tape."""

import pytest

from voicefleet.adapters.tape import read_tape
from voicefleet.cli.replay import find_difference

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.mark.timeout(300)
def test_every_recorded_cycle_is_planned_the_same_again(operator):
    """A planner that gives two answers to one question cannot be explained, nor simulated."""
    operator.stop()

    differences = [found for take in read_tape(operator.tape) if (found := find_difference(take))]

    assert operator.tape.stat().st_size > 0
    assert differences == []
