"""Announced demand: a SurgePlan as its author wrote it, and what it means in real time.

Surges are made by `core/surge_windows`, bookings by `core/bookings`; both are read by `core`'s
size of the agents tier, and by `core/surge_status`.
"""

from dataclasses import dataclass, field
from datetime import datetime

from voicefleet.api.surge_reasons import SurgeReason
from voicefleet.api.surgeplan import SurgePlanSpec, SurgePlanStatus
from voicefleet.manifests import ObjectKey


@dataclass(frozen=True, slots=True)
class Surge:
    """One occurrence of one window, in UTC."""

    plan: str
    """Name of the SurgePlan; sentences name it together with the window."""
    window: str
    starts_at: datetime
    """When its demand begins; capacity has to be there by then, so it starts a lead time early."""
    ends_at: datetime
    peak_sessions: int = 0
    """Sessions at once that are expected; 0 where the window names replicas."""
    min_replicas: int = 0
    """Workers that must take calls; 0 where the window names sessions."""
    ramp_seconds: int = 0
    """Time from `starts_at` in which demand grows evenly to the peak."""
    glide_seconds: int = 0
    """Time from `ends_at` in which the floor sinks evenly to nothing."""
    inhibit_scale_down: bool = False
    """Whether no worker is taken away while it lasts, glide included."""
    priority: int = 0
    """While a window lasts, windows of the same plan with a lower one do not count. Between
    plans it means nothing: there the largest floor wins. Floors never add up."""
    is_booked: bool = False
    """Made of bookings, which the windows of their plan neither outrank nor are outranked by."""


@dataclass(frozen=True, slots=True)
class Booking:
    """Sessions that somebody expects at a time."""

    starts_at: datetime
    ends_at: datetime
    sessions: int


@dataclass(frozen=True, slots=True)
class BookedStep:
    """A stretch of time with the same number of booked sessions."""

    starts_at: datetime
    ends_at: datetime
    sessions: int


@dataclass(frozen=True, slots=True)
class Bookings:
    """What a file says."""

    count: int = 0
    """Lines that count."""
    steps: tuple[BookedStep, ...] = ()
    """The sum of all of them over time, in order, without stretches of zero."""
    problems: tuple[str, ...] = ()
    """One sentence for each line, or for the file, that does not count."""
    is_missing: bool = False
    """Whether there is no such file yet, or it could not be read."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """A SurgePlan as stored, with what its file of bookings says."""

    key: ObjectKey
    uid: str
    generation: int
    fleet: ObjectKey
    """The VoiceFleet that it is about, whether that exists or not."""
    spec: SurgePlanSpec | None = None
    """None where the manifest cannot be acted on."""
    refused_for: SurgeReason | None = None
    """The reason why it cannot, None where it can."""
    error: str = ""
    """That reason as one sentence."""
    status: SurgePlanStatus = field(default_factory=SurgePlanStatus)
    """What was last written about it."""
    bookings: Bookings | None = None
    """None while the file that the plan names has not been looked for yet."""
