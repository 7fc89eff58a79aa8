"""A day on a local cluster, written down so that the simulator can live through it again.

Everything is in seconds since the fleet was applied. Written by `twin_live`, read by
`twin_simulation`; on a file it is one JSON document.
"""

import dataclasses
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from voicefleet.manifests import Manifest


@dataclass(frozen=True, slots=True)
class Tick:
    """The agents tier at one moment."""

    at: float
    wanted: int
    """Workers that the operator asks for."""
    serving: int
    """Workers that take calls."""
    sessions: int


@dataclass(frozen=True, slots=True)
class Recording:
    """One day: who called, what the world was like, and what the operator made of it."""

    starts_at: datetime
    """When the fleet was applied."""
    fleet: Manifest
    surge: Manifest | None
    """The SurgePlan that announced the day, if anybody did."""
    platform: str
    """The operator's configuration file."""
    callers: tuple[tuple[float, float], ...]
    """When each caller rang, and how long they talked; of one without an answer, would have."""
    ticks: tuple[Tick, ...]
    outages: tuple[tuple[float, float], ...]
    """When the metrics provider went away, and for how long."""
    patience_seconds: float
    pod_start_seconds: float
    """From a pod's creation until it was Ready, the mean of those seen."""
    cycle_seconds: float
    """Between two cycles of the operator, on average."""
    metric_lag_seconds: float
    decisions: tuple[tuple[float, str], ...] = ()
    """What was decided about the workers, with its sentence; for people who look for a reason."""

    def to_json(self) -> str:
        """Return one JSON document."""
        document = dataclasses.asdict(self) | {"starts_at": self.starts_at.isoformat()}
        return json.dumps(document, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what `to_json` was called on.

        Raises:
            ValueError, KeyError, TypeError: The text is no recording.
        """
        document: dict[str, Any] = json.loads(text)
        return cls(
            **{
                **document,
                "starts_at": datetime.fromisoformat(document["starts_at"]),
                "callers": tuple((at, seconds) for at, seconds in document["callers"]),
                "ticks": tuple(Tick(**tick) for tick in document["ticks"]),
                "outages": tuple((at, seconds) for at, seconds in document["outages"]),
                "decisions": tuple((at, told) for at, told in document.get("decisions", ())),
            }
        )
