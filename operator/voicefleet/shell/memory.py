"""What the operator remembers of a fleet between two cycles, beside the cache.

Nothing in here is needed for a right decision: a new process starts with an empty memory and
converges to the same end. It only keeps the operator from repeating itself. Owned by
`shell/reconcile`.
"""

from dataclasses import dataclass, field

from voicefleet.manifests import ObjectKey
from voicefleet.model.decision import Decision
from voicefleet.model.observed import Refusal
from voicefleet.shell.removals import Removal


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
    is_resync_due: bool = True
    """The next cycle posts Secrets and repeats refused writes; true for a fleet that is new."""
    refusals: dict[ObjectKey, RememberedRefusal] = field(default_factory=dict)
    unreported: tuple[Decision, ...] = ()
    """Decisions carried out whose status could not be written yet."""
    status_written_at: float | None = None
    """Monotonic seconds; None before the first write of this process."""
    expected_gap: ExpectedGap | None = None
    """Set while the fleet is not ready by its own decision, and that decision's Event suffices."""
    error: str = ""
    """The last cycle's failure as it was logged, so that it is logged once and not each time."""
    removals: tuple[Removal, ...] = ()
    """Workers whose removal was asked for and whose pods are still to be verified."""
