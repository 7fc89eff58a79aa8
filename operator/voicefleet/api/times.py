"""Times of day, days of the week and time zones, as users write them.

Windows that come back weekly use them: surges in `api/surgeplan`, evaluation in
`api/voicefleet`. What they mean in UTC is `core/week_windows`' business.
"""

from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field

from voicefleet.api.patterns import TIME_OF_DAY, TIME_ZONE


class Weekday(StrEnum):
    """The days of the week, as Kubernetes users know them from calendars."""

    MONDAY = "Monday"
    TUESDAY = "Tuesday"
    WEDNESDAY = "Wednesday"
    THURSDAY = "Thursday"
    FRIDAY = "Friday"
    SATURDAY = "Saturday"
    SUNDAY = "Sunday"

    @property
    def number(self) -> int:
        """Monday is 0, as `datetime.weekday` counts."""
        return list(Weekday).index(self)


TimeOfDay = Annotated[str, Field(min_length=5, max_length=5, pattern=TIME_OF_DAY)]
TimeZone = Annotated[str, Field(min_length=1, max_length=64, pattern=TIME_ZONE)]


def require_known_zone(name: str) -> str:
    """Refuse a zone that the time zone database does not have.

    A law of the API server cannot: it may run without such a database, and would then refuse
    every manifest.

    Raises:
        ValueError: There is no such zone.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            "it should be a time zone of the IANA database such as Europe/Berlin, or UTC"
        ) from error
    return name
