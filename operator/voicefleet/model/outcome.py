"""What became of a plan: everything the status needs to know beside what was observed.

`shell/apply` fills it in, `planning.report_fleet` turns it into the fleet's status.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from voicefleet.manifests import ObjectKey
from voicefleet.model.decision import Decision
from voicefleet.model.observed import Refusal


@dataclass(frozen=True, slots=True)
class Outcome:
    """The trace that one cycle leaves."""

    decisions: tuple[Decision, ...] = ()
    """The plan's decisions, if its steps were carried out."""
    refusals: tuple[Refusal, ...] = ()
    """Every write that the API server refused for good."""
    error: str = ""
    """Why the fleet as a whole cannot be acted on, as one sentence; empty if it can."""
    created: tuple[ObjectKey, ...] = ()
    """Objects that this cycle created; the cache may not show them yet."""
    applied: int = 0
    """Objects that this cycle brought to another form; their controllers act on it next."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """The plan's notes: what was wanted and waits, with the reason."""
