"""What the shell counts, in its own words; the metrics behind it are an adapter's.

One Protocol, so that the shell neither knows Prometheus nor the names of metrics.
"""

from typing import Protocol

from voicefleet.manifests import ObjectKey
from voicefleet.model.figures import FleetFigures


class Meter(Protocol):
    """Is told what happened."""

    def set_queue_depth(self, fleets: int) -> None:
        """Note how many fleets wait for a cycle."""
        ...

    def note_cycle(self, result: str, seconds: float) -> None:
        """Count one cycle, by how it ended."""
        ...

    def note_decision(self, tier: str, reason: str) -> None:
        """Count one decision."""
        ...

    def note_scaling(self, tier: str, direction: str, reason: str) -> None:
        """Count one change of a tier's size, `up` or `down`."""
        ...

    def note_fleet(self, key: ObjectKey, figures: FleetFigures) -> None:
        """Note what a fleet's cycle saw."""
        ...

    def forget_fleet(self, key: ObjectKey) -> None:
        """Let go of a fleet that does not exist any more."""
        ...

    def note_drift_repair(self, kind: str) -> None:
        """Count one child that was put right."""
        ...

    def note_busy_victim(self) -> None:
        """Count a worker that was removed while it held a session."""
        ...

    def note_apply_sent(self) -> None:
        """Count a child that differed, so that an apply was sent."""
        ...

    def note_applies_skipped(self, children: int) -> None:
        """Count children that were right already."""
        ...
