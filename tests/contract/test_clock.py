"""What the cycle relies on its clock for."""

from datetime import UTC

import pytest

from support.fakes import FakeClock
from voicefleet.adapters.clock import SystemClock
from voicefleet.ports import Clock


@pytest.fixture(params=[FakeClock, SystemClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    """The fake clock and the machine's."""
    made: Clock = request.param()
    return made


def test_the_time_is_in_utc_and_says_so(clock: Clock):
    """A naive time compared with the API server's would raise in the middle of a cycle."""
    assert clock.now().tzinfo is UTC


def test_time_never_runs_backwards(clock: Clock):
    """Leadership and backoff are measured on it, and an administrator may set the other one."""
    first = clock.monotonic()

    second = clock.monotonic()

    assert second >= first
