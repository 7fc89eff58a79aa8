"""Tells people what a cycle saw and did: status, Events, log. Never for an idle cycle.

A change of a condition, a decision or a count of replicas is written at once. Session counts
move all the time, and each write wakes every watcher of the fleet, so they alone wait until
the last write is 30 s old. Called by `shell/reconcile`.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from voicefleet.api.reasons import ConditionType, Reason
from voicefleet.api.status import Condition, ConditionStatus, VoiceFleetStatus
from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.model.decision import Decision
from voicefleet.ports import Clock, Cluster, Recorder
from voicefleet.shell.memory import FleetMemory
from voicefleet.shell.meter import Meter

logger = logging.getLogger(__name__)

STATUS_INTERVAL_SECONDS = 30.0
"""Session counts are written at most twice a minute."""

SECOND_LOOK_SECONDS = 0.5
"""A status follows also from the one before it (a generation seen for the first time is still
being applied), and our own write is no event. So after a write the fleet is looked at again;
the second look finds nothing to write, or what the first could not know yet."""

MOVING_FIELDS = frozenset({"sessions", "etaSeconds", "message"})
"""Fields whose change alone can wait: counts of calls, and sentences with numbers in them."""

REASONS: Mapping[str, Reason] = {reason.value: reason for reason in Reason}
"""Status may hold words of a newer operator; those are not ours to announce."""

TROUBLE: Mapping[str, ConditionStatus] = {ConditionType.STALLED: ConditionStatus.TRUE}
"""What each condition is when something is wrong; `False` where it is not listed."""

SILENT_CONDITIONS = frozenset[str]({ConditionType.RECONCILING})
"""Comes and goes with every change; the decisions say more."""

CHOSEN_CONDITIONS = frozenset[str]({ConditionType.SCALING_ACTIVE})
"""False because somebody wrote so; an Event about it is no warning."""


class Reporter:
    """Writes a fleet's status and Events when there is news."""

    def __init__(self, *, cluster: Cluster, recorder: Recorder, meter: Meter, clock: Clock) -> None:
        self._cluster = cluster
        self._recorder = recorder
        self._meter = meter
        self._clock = clock

    async def report(
        self, body: Manifest, status: VoiceFleetStatus, memory: FleetMemory, *, key: ObjectKey
    ) -> float | None:
        """Write the status if it says something new, then the Events about what is new.

        Args:
            body: The fleet as the cache has it; Events are about it.
            status: What the status should be.
            memory: When the status was last written, and decisions not yet reported.
            key: The fleet's address.

        Returns:
            Seconds until the fleet has to be looked at again; None if nothing waits.
        """
        before: Manifest = body.get("status") or {}
        wanted = status.to_manifest()
        if wanted == before:
            # The same thing once more: status shows it already, its Event is counted.
            await self._announce_decisions(body, memory)
            return None
        pause = self._pause_seconds(before, wanted, memory)
        if pause > 0:
            return pause
        await self._cluster.write_status(key, wanted)
        memory.status_written_at = self._clock.monotonic()
        await self._announce_decisions(body, memory)
        await self._announce_conditions(body, before, status)
        return SECOND_LOOK_SECONDS

    async def _announce_decisions(self, body: Manifest, memory: FleetMemory) -> None:
        decisions, memory.unreported = memory.unreported, ()
        await self.announce(body, decisions)

    async def announce(self, body: Manifest, decisions: Iterable[Decision]) -> None:
        """Write one Event for each decision."""
        for decision in decisions:
            await self._recorder.record(
                body, reason=decision.reason, note=decision.because, is_warning=False
            )

    def note_decisions(
        self, fleet: str, decisions: Iterable[Decision], said: Collection[str]
    ) -> None:
        """Count and log decisions that were carried out, with the plan's own sentences.

        Args:
            fleet: The fleet's name.
            decisions: What was decided.
            said: Sentences that the steps have been logged with; none is said twice.
        """
        for decision in decisions:
            self._meter.note_decision(decision.tier, decision.reason)
            # A restored child's own step has been logged already, in almost the same words.
            if decision.reason is not Reason.CHILD_RESTORED and decision.because not in said:
                logger.info("%s: %s", fleet, decision.because)

    def _pause_seconds(self, before: Manifest, wanted: Manifest, memory: FleetMemory) -> float:
        if memory.status_written_at is None or without_moving(before) != without_moving(wanted):
            return 0.0
        due_at = memory.status_written_at + STATUS_INTERVAL_SECONDS
        return max(0.0, due_at - self._clock.monotonic())

    async def _announce_conditions(
        self, body: Manifest, before: Manifest, status: VoiceFleetStatus
    ) -> None:
        for condition in find_transitions(before, status):
            await self._recorder.record(
                body,
                reason=REASONS[condition.reason],
                note=condition.message,
                is_warning=is_trouble(condition) and condition.type not in CHOSEN_CONDITIONS,
            )


def without_moving(status: Any) -> Any:
    """Return a status without the values whose change can wait.

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


def is_trouble(condition: Condition) -> bool:
    """Say whether the condition is what nobody wants it to be."""
    return condition.status is TROUBLE.get(condition.type, ConditionStatus.FALSE)


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
