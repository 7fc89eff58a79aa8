"""How long a pod may take to stop, so that stopping it never ends a call.

Kubernetes sends SIGTERM, waits the grace period and kills. A worker and a media server
both treat SIGTERM as "finish what you carry", so the period has to cover the longest call
and everything the process does after it. Used by render (pod templates) and by the
condition GraceSufficient.

Worked number: calls of 3600 s give workers 3600 + 15 + 300 + 10 + 35 = 3960 s.
"""

ENTRYPOINT_CANCEL_SECONDS = 15
"""What livekit-agents 1.8.9 gives a job's coroutine between cancelling and killing it."""
SESSION_END_SECONDS = 300
"""`session_end_timeout` of livekit-agents: its budget for the job's end-of-call work."""
PROCESS_SHUTDOWN_SECONDS = 10
"""`shutdown_process_timeout` of livekit-agents: how long a job process may take to exit."""
AGENTS_SLACK_SECONDS = 35
"""Ours: a slow node, and the seconds between SIGTERM and the worker noticing it."""
AGENTS_MARGIN_SECONDS = (
    ENTRYPOINT_CANCEL_SECONDS
    + SESSION_END_SECONDS
    + PROCESS_SHUTDOWN_SECONDS
    + AGENTS_SLACK_SECONDS
)
"""360 s after the policy end of the longest call."""

ROOM_DEPARTURE_SECONDS = 20
"""How long LiveKit keeps a room after its last person left (`room.departure_timeout`)."""
SERVER_DRAIN_POLL_SECONDS = 5
"""How often a draining livekit-server looks whether it is empty."""
SERVER_SHUTDOWN_SECONDS = 5
"""What livekit-server gives open HTTP requests at its end."""
MEDIA_SLACK_SECONDS = 30
"""Ours: one more join that was already on its way when the server began to drain."""
MEDIA_MARGIN_SECONDS = (
    ROOM_DEPARTURE_SECONDS
    + SERVER_DRAIN_POLL_SECONDS
    + SERVER_SHUTDOWN_SECONDS
    + MEDIA_SLACK_SECONDS
)
"""60 s after the policy end of the longest call."""

SPEECH_GRACE_SECONDS = 60
"""A speech request is one stage of one turn, and no turn lasts a minute."""
EVALUATION_GRACE_SECONDS = 90
"""Clouds take a spot node back 120 s after their notice; this leaves the kubelet 30 s."""
REDIS_GRACE_SECONDS = 30
"""Redis writes its log to disk every second and exits at once."""


def agents_grace_seconds(max_session_seconds: int) -> int:
    """Return the grace period of a worker whose calls may last so long."""
    return max_session_seconds + AGENTS_MARGIN_SECONDS


def media_grace_seconds(max_session_seconds: int) -> int:
    """Return the grace period of a media server whose calls may last so long."""
    return max_session_seconds + MEDIA_MARGIN_SECONDS
