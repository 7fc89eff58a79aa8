"""What a user may write in a SurgePlan: demand that is known before it comes.

Whoever knows the campus day need not own the fleet, so a plan is an object of its own in the
fleet's namespace. It can only ever ask for more capacity, never for less than the fleet has by
itself. What its windows mean in real time is `core/surge_windows`' business.
"""

from typing import Annotated

from pydantic import Field

from voicefleet.api.base import ApiModel, ObjectName, Timestamp
from voicefleet.api.patterns import CONFIG_KEY, DNS_LABEL
from voicefleet.api.status import CONDITIONS_MAX, Condition, Count, Name, Sentence, Word
from voicefleet.api.times import TimeOfDay, TimeZone, Weekday

WINDOWS_MAX = 64
"""Enough for nine windows on each day of the week; bookings are for more."""
ACTIVE_SHOWN = 8
"""Windows that last now, as status lists them; more than these at once say nothing new."""
PROBLEMS_SHOWN = 5
"""Broken lines of a file of bookings that status names; the others are counted."""
SLOPE_SECONDS_MAX = 43_200
"""Half a day. What takes longer to grow or to sink is better told as several windows, and the
operator only ever looks at a day before and after now."""


class OnceHours(ApiModel):
    """Hours that come once."""

    start_time: Timestamp
    """Time at which demand begins, with its offset, for example `2026-11-23T09:00:00+01:00`.
    Workers are there by then, because the operator starts them earlier by the time they need."""
    end_time: Timestamp
    """Time at which demand ends, with its offset. At most 31 days after `startTime`."""


class WeeklyHours(ApiModel):
    """Hours that come every week, by the clock of the plan's time zone."""

    days: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)]
    """Days of the week on which the hours begin."""
    start: Annotated[TimeOfDay, Field(alias="from")]
    """Time of day at which demand begins. Where clocks are changed, an hour that comes twice
    begins with the first one, and an hour that is left out begins when the clock jumps."""
    end: Annotated[TimeOfDay, Field(alias="to")]
    """Time of day at which demand ends. At or before `from` it is on the next day, so equal
    times are 24 hours."""


class SurgeWindow(ApiModel):
    """Demand that is expected in some hours."""

    name: Annotated[str, Field(min_length=1, max_length=63, pattern=DNS_LABEL)]
    """Name of the window, unique in the plan; conditions and decisions of the fleet name it."""
    once: OnceHours | None = None
    """Hours that come once. Either this or `weekly`."""
    weekly: WeeklyHours | None = None
    """Hours that come every week. Either this or `once`."""
    peak_sessions: Annotated[int, Field(ge=0, le=200_000)] | None = None
    """Calls expected at once. Either this or `minReplicas`. 0 expects none: with a higher
    `priority` it makes an exception, such as a public holiday."""
    min_replicas: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Workers that must take calls, where workers are known better than calls. Either this or
    `peakSessions`."""
    ramp_seconds: Annotated[int, Field(ge=0, le=SLOPE_SECONDS_MAX)] = 0
    """Time in seconds in which demand grows evenly from nothing to its peak, counted from the
    begin. Workers are ahead of it by the time that they need to start."""
    glide_seconds: Annotated[int, Field(ge=0, le=SLOPE_SECONDS_MAX)] = 900
    """Time in seconds in which the floor sinks evenly to nothing, counted from the end. Calls
    that began in the window go on after it, so a cliff would be wrong."""
    inhibit_scale_down: bool = False
    """Whether no worker is taken away from the first step up to the end of the glide, even if
    there are more than demand asks for."""
    priority: Annotated[int, Field(ge=0, le=100)] = 0
    """Rank among the windows of this plan: while a window lasts, those of a lower rank do not
    count. Of equal ones the largest counts. Between plans it means nothing."""


class BookingsSource(ApiModel):
    """A file of calls that people have booked, in a ConfigMap beside the plan."""

    config_map_name: ObjectName
    """Name of a ConfigMap in the plan's namespace; it is read again every minute."""
    key: Annotated[str, Field(min_length=1, max_length=253, pattern=CONFIG_KEY)] = "bookings.csv"
    """Key whose text has one booking per line: `start,durationSeconds,sessions`, for example
    `2026-11-23T09:30:00+01:00,2700,12`. A start without offset is in the plan's time zone;
    empty lines and lines that begin with `#` are left out. At most 5000 lines."""


class SurgePlanSpec(ApiModel):
    """Demand that is known before it comes, for one fleet."""

    fleet_name: ObjectName
    """Name of the VoiceFleet in the plan's namespace. Several plans may be about one fleet:
    what they announce never adds up, the largest counts."""
    time_zone: TimeZone
    """Time zone of all times without an offset."""
    windows: Annotated[tuple[SurgeWindow, ...], Field(max_length=WINDOWS_MAX)] = ()
    """Hours with the demand that is expected in them."""
    bookings: BookingsSource | None = None
    """Calls that people have booked. Bookings at the same time add up, and no window outranks
    them."""


class AnnouncedWindow(ApiModel):
    """One occurrence of a window, with what it takes."""

    name: Word
    """Name of the window, or `bookings`."""
    start_time: Timestamp
    """Time at which its demand begins."""
    end_time: Timestamp
    """Time at which its demand ends; the glide comes after it."""
    peak_sessions: Count | None = None
    """Calls expected at once. Not set where the window names workers."""
    min_replicas: Count | None = None
    """Workers that must take calls. Not set where the window names calls."""
    replicas: Count | None = None
    """Workers that it takes, with the calls that one worker of the fleet may hold."""
    scale_up_time: Timestamp | None = None
    """Time at which the operator begins to start workers for it: earlier than `startTime` by
    the time that workers of this fleet need."""
    ready_time: Timestamp | None = None
    """Time at which the workers will be ready. Not set where they will not all be; then
    `message` says why."""
    message: Sentence | None = None
    """Why the workers will not be ready in time, and what to do. Not set where they will."""


class BookingsStatus(ApiModel):
    """What was read from the file of bookings."""

    count: Count = 0
    """Bookings that count, past ones included."""
    problem_count: Count = 0
    """Lines that do not count because something is wrong with them."""
    problems: Annotated[tuple[Sentence, ...], Field(max_length=PROBLEMS_SHOWN)] = ()
    """What is wrong with the first of them, and in which line."""


class SurgePlanStatus(ApiModel):
    """What the operator makes of a plan, as of the generation it names."""

    observed_generation: Count = 0
    """Generation of the manifest that this status is about. 0 before it was first looked at."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=CONDITIONS_MAX)] = ()
    """Whether the plan counts and whether its capacity can be there in time:
    `kubectl wait --for=condition=CapacityReachable`."""
    active: Annotated[tuple[Name, ...], Field(max_length=ACTIVE_SHOWN)] = ()
    """Windows whose demand lasts now, glides included."""
    next: AnnouncedWindow | None = None
    """The next window that begins; not set where nothing is ahead."""
    bookings: BookingsStatus | None = None
    """What was read from the file of bookings; not set where the plan names none."""
