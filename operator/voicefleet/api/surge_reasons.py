"""The conditions of a SurgePlan, and every reason they can have.

A table like the one for fleets in `api/reasons`; docs/reasons.md is made from both. A reason
never carries data; the numbers are in the message beside it.
"""

from voicefleet.api.places import ConditionWord, ReasonWord


class SurgeCondition(ConditionWord):
    """A condition of a SurgePlan, with what `True` means."""

    ACCEPTED = "Accepted", "Everything that the plan announces counts."
    CAPACITY_REACHABLE = (
        "CapacityReachable",
        "The workers for everything that is announced can be there when they are needed.",
    )


class SurgeReason(ReasonWord):
    """Why a condition of a SurgePlan is what it is."""

    PLAN_ACCEPTED = (
        "PlanAccepted",
        SurgeCondition.ACCEPTED,
        "Every window and every booking of the plan counts.",
        "Nothing.",
    )
    INVALID_PLAN = (
        "InvalidPlan",
        SurgeCondition.ACCEPTED,
        "The plan cannot be acted on; nothing of it counts.",
        "Change the field that the message names.",
    )
    TIME_ZONE_UNKNOWN = (
        "TimeZoneUnknown",
        SurgeCondition.ACCEPTED,
        "The operator's time zone database has no zone of that name; nothing of the plan counts.",
        "Write a name such as Europe/Berlin, or UTC.",
    )
    FLEET_NOT_FOUND = (
        "FleetNotFound",
        SurgeCondition.ACCEPTED,
        "There is no VoiceFleet of that name in the plan's namespace that can be acted on.",
        "Create or mend the fleet, or change `spec.fleetName`; the plan counts from then on.",
    )
    BOOKINGS_UNREADABLE = (
        "BookingsUnreadable",
        SurgeCondition.ACCEPTED,
        "The ConfigMap with bookings is missing, or has lines that are none; all else counts.",
        "Mend what the message names; the file is read again every minute.",
    )
    ALL_PASSED = (
        "AllPassed",
        SurgeCondition.ACCEPTED,
        "Every window and every booking lies in the past, so the plan announces nothing.",
        "Delete the plan, or give it a window ahead.",
    )
    IN_REACH = (
        "InReach",
        SurgeCondition.CAPACITY_REACHABLE,
        "The fleet may have as many workers as are announced, and there is time to start them.",
        "Nothing.",
    )
    NOTHING_AHEAD = (
        "NothingAhead",
        SurgeCondition.CAPACITY_REACHABLE,
        "Nothing is announced for the coming days, so nothing has to be reached.",
        "Nothing.",
    )
    BEYOND_MAX_REPLICAS = (
        "BeyondMaxReplicas",
        SurgeCondition.CAPACITY_REACHABLE,
        "More workers are needed than `spec.agents.maxReplicas` of the fleet allows.",
        "Raise the fleet's `spec.agents.maxReplicas` before the window begins.",
    )
    BEYOND_QUOTA = (
        "BeyondQuota",
        SurgeCondition.CAPACITY_REACHABLE,
        "A ResourceQuota of the namespace has no room for the workers that are needed.",
        "Raise the quota before the window begins, or lower the workers' `resources`.",
    )
    TOO_LATE = (
        "TooLate",
        SurgeCondition.CAPACITY_REACHABLE,
        "The window begins sooner than workers can be started; they come after its begin.",
        "Nothing can be done for this time; announce it earlier, or keep more workers.",
    )
    NOT_JUDGED = (
        "NotJudged",
        SurgeCondition.CAPACITY_REACHABLE,
        "The plan does not count, so nobody knows what it would need.",
        "Read condition Accepted.",
    )
