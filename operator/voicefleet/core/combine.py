"""One number out of many desires, and whether it may be a smaller one.

Every part of a formula says how many replicas it asks for. The largest counts, because each
of them is right about something. A smaller number than before needs more than desires: all
that could speak against it must have been heard. Called by every tier's size.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from voicefleet.model.size import Desire


@dataclass(frozen=True, slots=True)
class Combined:
    """What all desires together ask for."""

    target: int
    binding: Desire | None
    """The desire that set the target; None where the present count is only held."""
    desires: tuple[Desire, ...] = ()
    """All of them, the largest first; of equal ones the order given."""
    held: str = ""
    """Why the target is not lower although every desire is; empty where it is not so."""

    @property
    def asked(self) -> int | None:
        """What the largest desire asks for, held or not; None without any."""
        return self.desires[0].replicas if self.desires else None


def combine(desires: Iterable[Desire], *, current: int, holds: Iterable[str] = ()) -> Combined:
    """Choose the largest desire, or hold the present count.

    Args:
        desires: What each part asks for that could be computed from valid signals.
        current: Replicas that the tier was last meant to have.
        holds: Sentences that speak against a smaller count: signals that are not known, a
            witness that disagrees, a window that forbids it.

    Returns:
        The target. Without any desire it is `current`: nothing known is no reason to move.
        It is below `current` only if nothing speaks against it and one of the desires may
        lower (a forecast alone may not).
    """
    ranked = tuple(sorted(desires, key=lambda desire: -desire.replicas))
    reasons = tuple(hold for hold in holds if hold)
    if not ranked:
        return Combined(current, None, (), reasons[0] if reasons else "no signal can be used")
    if ranked[0].replicas >= current:
        return Combined(ranked[0].replicas, ranked[0], ranked)
    if reasons:
        return Combined(current, None, ranked, reasons[0])
    if not any(desire.may_lower for desire in ranked):
        return Combined(current, None, ranked, "a forecast alone lowers nothing")
    return Combined(ranked[0].replicas, ranked[0], ranked)
