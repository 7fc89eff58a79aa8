"""Laws between the fields of a SurgePlan, checked by the API server when one is written."""

from voicefleet.api.base import ApiModel
from voicefleet.api.laws import Law
from voicefleet.api.surgeplan import OnceHours, SurgePlanSpec, SurgeWindow

LONGEST_HOURS = 31 * 24
"""A month. A longer stretch is no surge but the fleet's size, and often a mistyped year."""

MINUTES_OF = "(int({0}.substring(0, 2)) * 60 + int({0}.substring(3, 5)))"
WEEKLY_MINUTES = (
    f"(({MINUTES_OF.format('self.weekly.to')} - {MINUTES_OF.format('self.weekly.from')}"
    " + 1439) % 1440 + 1)"
)
"""Length of weekly hours by the clock: 09:00 to 11:00 is 120, 22:00 to 02:00 is 240, and
09:00 to 09:00 is 1440."""

SURGE_LAWS: dict[type[ApiModel], tuple[Law, ...]] = {
    SurgePlanSpec: (
        Law(
            name="a plan announces something",
            rule="has(self.bookings) || (has(self.windows) && size(self.windows) > 0)",
            message="the plan announces nothing; add a window to `windows`, or set `bookings`",
            field="windows",
        ),
        Law(
            name="the time zone exists",
            # An unknown zone is an error of the function and not a `false`; the server's message
            # then names the zone. `Local` would be the server's own.
            rule=(
                "self.timeZone != 'Local' && "
                "timestamp('2026-01-01T00:00:00Z').getHours(self.timeZone) >= 0"
            ),
            message="`timeZone` is {self.timeZone}; use a name such as Europe/Berlin, or UTC",
            field="timeZone",
        ),
    ),
    SurgeWindow: (
        Law(
            name="a window comes once or weekly",
            rule="has(self.once) != has(self.weekly)",
            message="window {self.name} needs hours; set either `once` or `weekly`",
        ),
        Law(
            name="a window expects sessions or workers",
            rule="has(self.peakSessions) != has(self.minReplicas)",
            message="window {self.name} needs a size; set either `peakSessions` or `minReplicas`",
        ),
        Law(
            name="a ramp reaches its peak",
            rule=(
                "(!has(self.once) || self.rampSeconds <= "
                "(self.once.endTime - self.once.startTime).getSeconds()) && "
                f"(!has(self.weekly) || self.rampSeconds <= {WEEKLY_MINUTES} * 60)"
            ),
            message=(
                "`rampSeconds` is {self.rampSeconds}, longer than window {self.name} itself; "
                "lower it, or set the begin earlier"
            ),
            field="rampSeconds",
        ),
    ),
    OnceHours: (
        Law(
            name="the end comes after the begin",
            rule="self.startTime < self.endTime",
            message=(
                "`endTime` is {self.endTime} and `startTime` is {self.startTime}; "
                "set the end after the begin"
            ),
            field="endTime",
        ),
        Law(
            name="hours that come once end within a month",
            rule=f"self.endTime - self.startTime <= duration('{LONGEST_HOURS}h')",
            message=(
                "from `startTime` {self.startTime} to `endTime` {self.endTime} are more than 31 "
                "days; use `weekly`, or raise `minReplicas` of the fleet"
            ),
            field="endTime",
        ),
    ),
}
"""Laws by the model they are about."""
