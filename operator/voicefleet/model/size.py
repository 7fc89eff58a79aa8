"""How many replicas a tier should have, with everything that led there.

One value for all tiers: made by the `decide_*` functions of `core`, shown by status, Events,
`voicefleet why`, the simulator's report and the logs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from voicefleet.api.reasons import Reason


@dataclass(frozen=True, slots=True)
class Desire:
    """A number of replicas that one part of the formula asks for."""

    name: str
    """Short word for the part: `demand`, `surge`, `latency`, `spare`, `outage`."""
    replicas: int
    reason: Reason
    """Reason of the decision if this desire is the one that binds."""
    because: str
    """The formula with its numbers: `(34 sessions + 6 forecast + 9 safety) / 7.2 per worker`."""
    may_lower: bool = True
    """False for a forecast: it may raise the count and never lower it."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """What a tier should have now."""

    wanted: int
    reason: Reason
    because: str
    """One sentence with every number that mattered, limits included."""
    recommended: int | None = None
    """What it would be without `scaling.mode: Recommend`; None where that is `wanted`."""
    desires: tuple[Desire, ...] = ()
    """Every desire, the binding one first."""
    invalid: Mapping[str, str] = field(default_factory=dict)
    """Signals that could not be used, with the reason."""
    figures: Mapping[str, int] = field(default_factory=dict)
    """Numbers behind the desires that people ask for, by name, rounded: `leadSeconds`."""
    unknown: str = ""
    """Which signal behind this size is not known now, so that nobody surplus is removed."""
    doubt: str = ""
    """Why no replica may be removed now, not even one that says it is empty."""
    wake_after: timedelta | None = None
    """When time alone may change the answer (a window ends, a surge begins)."""
