"""What the operator remembers of a fleet between two cycles, beside the cache.

Nothing in here is needed for a right decision: a new process starts with an empty memory and
converges to the same end. It only keeps the operator from repeating itself. Owned by
`shell/reconcile`.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from voicefleet.manifests import ObjectKey
from voicefleet.model.decision import Decision
from voicefleet.model.observed import Refusal
from voicefleet.shell.removals import Removal

SECRETS_EVERY_RESYNCS = 10
"""Nobody may read whether a Secret is there, so it is posted again to find out: three requests
per fleet that mostly say "exists". With a resync every minute, 1,000 fleets send 5 of them a
second this way instead of 50. A pod that misses its Secret is not kept waiting for the tenth."""


@dataclass(frozen=True, slots=True)
class RememberedRefusal:
    """A write that was refused, and what exactly was refused."""

    refusal: Refusal
    fingerprint: str
    """Of the refused step; a step that differs deserves a new attempt."""


@dataclass(frozen=True, slots=True)
class ExpectedGap:
    """That a fleet is not ready because it was enlarged, of which no Event has told yet."""

    reason: str
    """Reason word of its Ready condition; another word is another matter."""
    since: float
    """Monotonic seconds."""


@dataclass(slots=True)
class FleetMemory:
    """One fleet's memory. The only mutable state of the shell."""

    uid: str = ""
    are_secrets_due: bool = True
    """The next cycle posts the Secrets; true for a fleet that is new."""
    is_resync_due: bool = True
    """The next cycle repeats refused writes."""
    resyncs: int = 0
    """Resyncs of this process; each fleet begins at a number of its own."""
    refusals: dict[ObjectKey, RememberedRefusal] = field(default_factory=dict)
    unreported: tuple[Decision, ...] = ()
    """Decisions carried out whose status could not be written yet."""
    status_written_at: float | None = None
    """Monotonic seconds; None before the first write of this process."""
    status_put_off_at: float | None = None
    """Monotonic seconds since which news waits for others' first cycles; None while none does."""
    expected_gap: ExpectedGap | None = None
    """Set while the fleet is not ready by its own decision, and that decision's Event suffices."""
    error: str = ""
    """The last cycle's failure as it was logged, so that it is logged once and not each time."""
    removals: tuple[Removal, ...] = ()
    """Workers whose removal was asked for and whose pods are still to be verified."""
    planned: Mapping[str, Any] | None = None
    """What plans want remembered, by part; None before it was read from its ConfigMap."""
    kept: Mapping[str, Any] = field(default_factory=dict)
    """The same as it was last written or read."""
    kept_at: float | None = None
    """Monotonic seconds of that; None while no ConfigMap is known."""
    unkept_since: float | None = None
    """Monotonic seconds of the first change that was not written; None while there is none."""
    changed_at: float = 0.0
    """Monotonic seconds of the last change."""
    keeping_error: str = ""
    """Why it could not be written, as it was logged."""

    def note_resync(self, *, lacks_secret: bool) -> None:
        """Let the next cycle repeat what cannot be observed.

        Args:
            lacks_secret: Whether a pod of the fleet seems to miss one.
        """
        self.is_resync_due = True
        self.resyncs += 1
        if lacks_secret or self.resyncs % SECRETS_EVERY_RESYNCS == 0:
            self.are_secrets_due = True


def make_memory(uid: str, *, is_new: bool) -> FleetMemory:
    """Return the memory of a fleet that this process has not met before.

    Args:
        uid: The fleet's.
        is_new: Whether no operator has carried out a whole plan for it yet.
    """
    first = zlib.crc32(uid.encode()) % SECRETS_EVERY_RESYNCS
    return FleetMemory(uid, are_secrets_due=is_new, is_resync_due=is_new, resyncs=first)
