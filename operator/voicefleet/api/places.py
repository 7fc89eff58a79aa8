"""What a reason can be about: the types of conditions, and decisions.

Beside `api/reasons`, which has every reason itself.
"""

from enum import StrEnum
from typing import Self


class Place(StrEnum):
    """Where a reason appears, in the order in which docs/reasons.md shows the places."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    CAPACITY_AVAILABLE = "CapacityAvailable"
    SCALING_ACTIVE = "ScalingActive"
    GRACE_SUFFICIENT = "GraceSufficient"
    SIGNALS_FRESH = "SignalsFresh"
    LATENCY_WITHIN_TARGET = "LatencyWithinTarget"
    EVALUATION_KEEPING_UP = "EvaluationKeepingUp"
    DECISION = "Decisions"


class ConditionWord(StrEnum):
    """A condition's type, with what `True` means; each kind has its own table of them."""

    meaning: str

    def __new__(cls, word: str, meaning: str) -> Self:
        """Build a member that is its own word and carries its meaning."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.meaning = meaning
        return member


class ReasonWord(StrEnum):
    """A reason: the word, the place where it appears, what it means, what to do if anything."""

    place: StrEnum
    meaning: str
    next_step: str

    def __new__(cls, word: str, place: StrEnum, meaning: str, next_step: str = "Nothing.") -> Self:
        """Build a member that is its own word and carries its row of the table."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.place = place
        member.meaning = meaning
        member.next_step = next_step
        return member


class ConditionType(ConditionWord):
    """A condition of a fleet, with what `True` means."""

    READY = "Ready", "Every tier of the fleet has the ready replicas it should have."
    RECONCILING = (
        "Reconciling",
        "The operator is still changing something. Present only while true.",
    )
    STALLED = (
        "Stalled",
        "Nothing goes on until somebody acts, as the message says. Present only while true.",
    )
    CAPACITY_AVAILABLE = (
        "CapacityAvailable",
        "Every pod that the fleet wants could be created, placed and started.",
    )
    SCALING_ACTIVE = (
        "ScalingActive",
        "The operator is free to choose the number of workers within the bounds.",
    )
    GRACE_SUFFICIENT = (
        "GraceSufficient",
        "Every worker may take as long to stop as the longest call lasts.",
    )
    SIGNALS_FRESH = (
        "SignalsFresh",
        "Everything that the number of workers is decided on is known.",
    )
    LATENCY_WITHIN_TARGET = (
        "LatencyWithinTarget",
        "Callers hear answers in time, and few turns fail. Only with a metrics provider.",
    )
    EVALUATION_KEEPING_UP = (
        "EvaluationKeepingUp",
        "What waits to be evaluated can be done in time. Only on fleets with evaluation.",
    )
