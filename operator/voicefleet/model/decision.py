"""What was decided for one tier, with the sentence that explains it."""

from dataclasses import dataclass

from voicefleet.api.reasons import Reason
from voicefleet.model.observed import Tier


@dataclass(frozen=True, slots=True)
class Decision:
    """A change of one tier's size or make, as it goes to status, Events and logs."""

    tier: Tier
    replicas_from: int
    replicas_to: int
    reason: Reason
    because: str
