"""What one condition is to say, before times and generations are added to it.

Made by `core/conditions` and `core/signal_conditions`.
"""

from dataclasses import dataclass

from voicefleet.api.reasons import ConditionType, Reason


@dataclass(frozen=True, slots=True)
class Finding:
    """What one condition is to say."""

    type: ConditionType
    holds: bool | None
    """None where nobody knows."""
    reason: Reason
    message: str
