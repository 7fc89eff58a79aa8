"""How long pods may take to stop."""

import hypothesis.strategies as st
from hypothesis import given

from voicefleet.model.grace import agents_grace_seconds, media_grace_seconds

LIMITS = st.integers(60, 28800)


@given(longest=LIMITS)
def test_nobody_is_killed_before_the_longest_call_ends(longest: int):
    """A grace period shorter than a call cuts that call on every node upgrade."""
    assert agents_grace_seconds(longest) > longest
    assert media_grace_seconds(longest) > longest


@given(longest=LIMITS)
def test_an_agent_has_time_for_the_work_after_the_call(longest: int):
    """livekit-agents gives the end of a session up to 300 s before it kills the job."""
    assert agents_grace_seconds(longest) - longest >= 300
