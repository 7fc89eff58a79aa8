"""How many replicas a speech pool should have. Requests end within a turn, so any may go.

Called by `planning` and by the status.
"""

from voicefleet.api.status import VoiceFleetStatus
from voicefleet.api.voicefleet import SpeechSpec
from voicefleet.core.sizes import Bounds
from voicefleet.model.observed import Child


def bound_speech(pool: SpeechSpec) -> Bounds:
    """Return the bounds of one pool."""
    return Bounds(pool.min_replicas, pool.max_replicas)


def current_speech_size(pool: SpeechSpec, status: VoiceFleetStatus, live: Child | None) -> int:
    """Return what the pool was last meant to have, else what it has, else 0."""
    told = next((entry for entry in status.speech if entry.name == pool.name), None)
    if told is not None:
        return told.desired_replicas
    return live.replicas if live is not None else 0
