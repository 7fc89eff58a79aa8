"""Tells people what a cycle saw and did: status, Events, log. Never for an idle cycle.

Each write wakes every watcher of the fleet, so how soon a difference is written depends on
what it is (`shell/news`). One thing is told in one Event: a fleet that is made larger is not
ready until its new workers are, and the decision has said so already. Called by
`shell/reconcile`.
"""

import logging
from collections.abc import Callable, Collection, Iterable

from voicefleet.api.reasons import ConditionType, Reason
from voicefleet.api.status import Condition, VoiceFleetStatus
from voicefleet.errors import NotLeadingError
from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.model.decision import Decision
from voicefleet.ports import Clock, Cluster, Recorder
from voicefleet.shell.memory import ExpectedGap, FleetMemory
from voicefleet.shell.meter import Meter
from voicefleet.shell.news import (
    REASONS,
    find_interval,
    find_ready,
    find_transitions,
    is_growth,
    is_trouble,
)

logger = logging.getLogger(__name__)

SECOND_LOOK_SECONDS = 0.5
"""A status follows also from the one before it (a generation seen for the first time is still
being applied), and our own write is no event. So after a write the fleet is looked at again;
the second look finds nothing to write, or what the first could not know yet."""

GROWTH_PATIENCE_SECONDS = 60.0
"""How long a fleet that was enlarged may be not ready without an Event about that. Pods that
cannot be placed or started have one at once; what takes longer than this deserves a look."""

PUT_OFF_SECONDS = 30.0
"""How long a status may wait for other fleets' first cycles. Where an operator starts with a change
in each of 1,000 fleets, what is done for the last of them goes before what is told of the first,
and most of what would have been told twice is told once."""

CHOSEN_CONDITIONS = frozenset[str]({ConditionType.SCALING_ACTIVE})
"""False because somebody wrote so; an Event about it is no warning."""


class Reporter:
    """Writes a fleet's status and Events when there is news.

    Args:
        cluster: Where statuses are written.
        recorder: Where Events are written.
        meter: Counts decisions.
        clock: Measures the pauses between two writes.
        may_write: Says whether this replica still holds the Lease.
        is_meeting: Says whether other fleets wait for their first cycle.
    """

    def __init__(
        self,
        *,
        cluster: Cluster,
        recorder: Recorder,
        meter: Meter,
        clock: Clock,
        may_write: Callable[[], bool],
        is_meeting: Callable[[], bool],
    ) -> None:
        self._may_write = may_write
        self._is_meeting = is_meeting
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

        Raises:
            ConflictError, RefusedError: The API server does not take it.
            UnavailableError: No answer, or this replica does not hold the Lease any more.
        """
        before: Manifest = body.get("status") or {}
        wanted = status.to_manifest()
        rest: float | None = None
        if wanted == before:
            # The same thing once more: status shows it already, its Event is counted.
            memory.status_put_off_at = None
            await self._announce_decisions(body, memory)
        elif (rest := self._pause_seconds(before, wanted, memory)) <= 0:
            self._check_lease(key)
            await self._cluster.write_status(key, wanted)
            memory.status_written_at, memory.status_put_off_at = self._clock.monotonic(), None
            news = self._without_expected(find_transitions(before, status), status, memory)
            await self._announce_decisions(body, memory)
            await self._announce_conditions(body, news)
            rest = SECOND_LOOK_SECONDS
        patience = await self._watch_gap(body, status, memory)
        return min((wait for wait in (rest, patience) if wait is not None), default=None)

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
            if decision.replicas_from != decision.replicas_to:
                direction = "up" if decision.replicas_to > decision.replicas_from else "down"
                self._meter.note_scaling(decision.tier, direction, decision.reason)
            # A restored child's own step has been logged already, in almost the same words.
            if decision.reason is not Reason.CHILD_RESTORED and decision.because not in said:
                logger.info("%s: %s", fleet, decision.because)

    def _check_lease(self, key: ObjectKey) -> None:
        """Refuse to write over what the next leader may have said meanwhile.

        Raises:
            NotLeadingError: Another replica may lead by now.
        """
        if not self._may_write():
            raise NotLeadingError(f"status of {key.namespace}/{key.name}")

    def _pause_seconds(self, before: Manifest, wanted: Manifest, memory: FleetMemory) -> float:
        if memory.status_written_at is None:
            if not before:
                return 0.0
            # Written by the process before this one, a moment ago for all we know.
            memory.status_written_at = self._clock.monotonic()
        now = self._clock.monotonic()
        due_in = memory.status_written_at + find_interval(before, wanted) - now
        return max(0.0, due_in) or self._put_off(memory, now)

    def _put_off(self, memory: FleetMemory, now: float) -> float:
        """Return how long a status that is due waits for the first cycles of other fleets."""
        if not self._is_meeting():
            return 0.0
        if memory.status_put_off_at is None:
            memory.status_put_off_at = now
        is_over = now - memory.status_put_off_at >= PUT_OFF_SECONDS
        return 0.0 if is_over else SECOND_LOOK_SECONDS

    def _without_expected(
        self, news: Iterable[Condition], status: VoiceFleetStatus, memory: FleetMemory
    ) -> tuple[Condition, ...]:
        """Leave out that the fleet is not ready where that was decided, and that it is again."""
        told = []
        for condition in news:
            if condition.type != ConditionType.READY:
                told.append(condition)
            elif not is_trouble(condition):
                if memory.expected_gap is None:
                    told.append(condition)
                memory.expected_gap = None
            elif is_growth(status, memory.unreported):
                memory.expected_gap = ExpectedGap(condition.reason, self._clock.monotonic())
            else:
                told.append(condition)
        return tuple(told)

    async def _watch_gap(
        self, body: Manifest, status: VoiceFleetStatus, memory: FleetMemory
    ) -> float | None:
        """Tell of an expected gap after all once it lasts too long or has another reason.

        Returns:
            Seconds until it has lasted too long; None where there is none.
        """
        gap, ready = memory.expected_gap, find_ready(status.conditions)
        if gap is None or ready is None:
            return None
        rest = gap.since + GROWTH_PATIENCE_SECONDS - self._clock.monotonic()
        if rest > 0 and ready.reason == gap.reason:
            return rest
        memory.expected_gap = None
        await self._announce_conditions(body, (ready,))
        return None

    async def _announce_conditions(self, body: Manifest, news: Iterable[Condition]) -> None:
        for condition in news:
            await self._recorder.record(
                body,
                reason=REASONS[condition.reason],
                note=condition.message,
                is_warning=is_trouble(condition) and condition.type not in CHOSEN_CONDITIONS,
            )
