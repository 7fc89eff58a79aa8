"""What in a new status is news, and how soon it has to be told. Pure; for `shell/report`.

Three speeds. A condition, a decision or a new revision is told at once. Counts of replicas
follow each other while pods come and go, so they are told once a second. Counts of calls and
sentences with numbers in them move for as long as people talk, and wait for half a minute.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from voicefleet.api.reasons import ConditionType, Reason
from voicefleet.api.status import Condition, ConditionStatus, VoiceFleetStatus
from voicefleet.manifests import Manifest
from voicefleet.model.decision import Decision

STATUS_INTERVAL_SECONDS = 30.0
"""Session counts are written at most twice a minute."""

COUNT_INTERVAL_SECONDS = 1.0
"""Counts of replicas are written at most once a second: 60 workers that start move them 120
times in a few seconds, and nobody reads faster."""

MOVING_FIELDS = frozenset({"sessions", "etaSeconds", "message", "sizing", "latency"})
"""Fields whose change alone can wait: counts of calls, what follows from them, and sentences
with numbers in them."""

COUNT_FIELDS = frozenset({"replicas", "readyReplicas", "cordonedReplicas", "slots", "summary"})
"""Fields whose change alone can wait for a second; the columns repeat other fields."""

REASONS: Mapping[str, Reason] = {reason.value: reason for reason in Reason}
"""Status may hold words of a newer operator; those are not ours to announce."""

TROUBLE: Mapping[str, ConditionStatus] = {ConditionType.STALLED: ConditionStatus.TRUE}
"""What each condition is when something is wrong; `False` where it is not listed."""

SILENT_CONDITIONS = frozenset[str]({ConditionType.RECONCILING})
"""Comes and goes with every change; the decisions say more."""


def find_interval(before: Manifest, after: Manifest) -> float:
    """Return how long ago the last write must be before this difference is written (seconds)."""
    if _without_counts(before) != _without_counts(after):
        return 0.0
    if without_moving(before) != without_moving(after):
        return COUNT_INTERVAL_SECONDS
    return STATUS_INTERVAL_SECONDS


def without_moving(status: Any) -> Any:
    """Return a status without the values whose change can wait for half a minute.

    `summary.sessions` is one of them, like every other `sessions`. Whether a value is there,
    and whether a part of it is unknown ("0+?/16"), stays: that somebody has begun to answer
    is news, not movement.
    """
    if isinstance(status, dict):
        return {
            name: "?" in str(value) if name in MOVING_FIELDS else without_moving(value)
            for name, value in status.items()
        }
    if isinstance(status, list):
        return [without_moving(member) for member in status]
    return status


def _without_counts(status: Any) -> Any:
    """Return a status without any value that can wait, present or not."""
    if isinstance(status, dict):
        return {
            name: _without_counts(value)
            for name, value in status.items()
            if name not in MOVING_FIELDS | COUNT_FIELDS
        }
    if isinstance(status, list):
        return [_without_counts(member) for member in status]
    return status


def find_transitions(before: Manifest, status: VoiceFleetStatus) -> tuple[Condition, ...]:
    """Return the conditions that deserve an Event: trouble that is new, and trouble that ended.

    A fleet that has never had a status has nothing to compare with; only its troubles are new.
    """
    known = {item["type"]: item for item in before.get("conditions") or ()}
    return tuple(
        condition
        for condition in status.conditions
        if condition.type not in SILENT_CONDITIONS
        and condition.reason in REASONS
        and _is_news(known.get(condition.type), condition)
    )


def find_ready(conditions: Iterable[Condition]) -> Condition | None:
    """Return the condition that sums up the others, or None before the first report."""
    return next((one for one in conditions if one.type == ConditionType.READY), None)


def is_trouble(condition: Condition) -> bool:
    """Say whether the condition is what nobody wants it to be."""
    return condition.status is TROUBLE.get(condition.type, ConditionStatus.FALSE)


def is_growth(status: VoiceFleetStatus, decisions: Collection[Decision]) -> bool:
    """Say whether a fleet is not ready for no other reason than a decision to enlarge it.

    That decision has an Event of its own, which says the same and more.
    """
    words = {condition.type: condition.reason for condition in status.conditions}
    return (
        words.get(ConditionType.RECONCILING) == Reason.SCALING_UP
        and words.get(ConditionType.CAPACITY_AVAILABLE) == Reason.CAPACITY_READY
        and any(decision.replicas_to > decision.replicas_from for decision in decisions)
    )


def _is_news(before: Manifest | None, condition: Condition) -> bool:
    was = before["status"] if before else None
    if condition.type == ConditionType.READY and is_trouble(condition):
        # A fleet that is still starting is not ready for one reason after the other.
        return was == ConditionStatus.TRUE
    if before is None:
        return is_trouble(condition)
    return was != condition.status or (
        is_trouble(condition) and before.get("reason") != condition.reason
    )
