"""What is said about a SurgePlan: whether it counts, what comes next, whether it can be reached.

All of it is said before the window begins, while somebody can still raise a limit. The
operator's own cycles do not read it; they go by the plan itself. Called by `shell/surge_plans`.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from voicefleet.api.status import Condition, ConditionStatus
from voicefleet.api.surge_reasons import SurgeCondition, SurgeReason
from voicefleet.api.surgeplan import (
    ACTIVE_SHOWN,
    PROBLEMS_SHOWN,
    AnnouncedWindow,
    BookingsStatus,
    SurgePlanSpec,
    SurgePlanStatus,
)
from voicefleet.core.quota import QuotaLimit
from voicefleet.core.surge import SurgeFloor, glides_until, is_live, is_outranked, surge_floor
from voicefleet.core.surge_windows import AHEAD, find_later, resolve_surges
from voicefleet.core.wording import count_of, list_some
from voicefleet.model.surge import Announcement, Bookings, Surge

TIME_STEP_SECONDS = 10
"""A lead time is measured anew with every start, and moves by seconds; what is said about it
moves by ten seconds, because each write wakes every watcher."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a plan is measured against: the fleet that it is about."""

    name: str
    sessions_per_worker: float
    """Calls that one worker holds without slow answers."""
    max_replicas: int
    ready_replicas: int
    lead_time: timedelta
    """From asking for a worker to that worker taking calls, as measured."""
    quota: QuotaLimit | None = None

    def workers_for(self, sessions: int, replicas: int) -> int:
        """Return the workers that so many sessions need, at least so many."""
        return max(replicas, math.ceil(sessions / self.sessions_per_worker))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one condition is to say."""

    status: ConditionStatus
    reason: SurgeReason
    message: str


def report_surge_plan(
    plan: Announcement, room: Room | None, now: datetime, *, why_not: str = ""
) -> SurgePlanStatus:
    """Return what the status of a plan should say.

    Args:
        plan: The plan, and what its file of bookings says.
        room: The fleet that it is about; None where there is none of that name.
        now: A clock reading.
        why_not: Why the fleet cannot be acted on, where there is one; empty otherwise.
    """
    spec, bookings = plan.spec, plan.bookings or Bookings()
    if spec is None:
        return _make_status(plan, _refuse(plan), _abstain(), now)
    coming = resolve_surges(plan.key.name, spec, bookings, after=now, before=now + AHEAD)
    coming += find_later(plan.key.name, spec, bookings, now + AHEAD)
    accepted = _judge_plan(plan, spec, coming) if room is not None else _miss_fleet(plan, why_not)
    if room is None:
        return _make_status(plan, accepted, _abstain(), now, surges=coming)
    window = _find_next(coming, now)
    following = _describe(window, room, plan, now) if window is not None else None
    reachable = _judge_capacity(coming, room, following, now)
    return _make_status(plan, accepted, reachable, now, surges=coming, following=following)


def _miss_fleet(plan: Announcement, why_not: str) -> Verdict:
    told = why_not or (
        f"VoiceFleet {plan.fleet.name} does not exist in namespace {plan.key.namespace}; "
        "create it, or change `spec.fleetName`"
    )
    return Verdict(ConditionStatus.FALSE, SurgeReason.FLEET_NOT_FOUND, told)


def _judge_plan(plan: Announcement, spec: SurgePlanSpec, coming: Collection[Surge]) -> Verdict:
    """Say whether everything that the plan announces counts, or what does not."""
    bookings = plan.bookings or Bookings()
    if bookings.problems:
        told = f"{list_some(bookings.problems)}; {count_of(bookings.count, 'booking')} and "
        told += f"{count_of(len(spec.windows), 'window')} count"
        return Verdict(ConditionStatus.FALSE, SurgeReason.BOOKINGS_UNREADABLE, told)
    if not coming and (spec.bookings is None or plan.bookings is not None):
        told = "every window and booking has passed; delete the plan, or add a window ahead"
        return Verdict(ConditionStatus.FALSE, SurgeReason.ALL_PASSED, told)
    told = f"{count_of(len(spec.windows), 'window')} for VoiceFleet {spec.fleet_name}"
    if spec.bookings is not None:
        told = f"{told}, and {count_of(bookings.count, 'booking')}"
    return Verdict(ConditionStatus.TRUE, SurgeReason.PLAN_ACCEPTED, told)


def _judge_capacity(
    coming: Collection[Surge], room: Room, following: AnnouncedWindow | None, now: datetime
) -> Verdict:
    """Say whether the largest demand of the coming days fits the fleet's bounds and quota."""
    largest = _find_largest(coming, now)
    if not largest.because:
        told = "nothing is announced for the coming days"
        return Verdict(ConditionStatus.TRUE, SurgeReason.NOTHING_AHEAD, told)
    needed = room.workers_for(largest.sessions, largest.replicas)
    is_by_sessions = needed > largest.replicas or not largest.replicas_because
    asked = largest.sessions_because if is_by_sessions else largest.replicas_because
    need = f"{asked}: needs {count_of(needed, 'worker')}"
    if needed > room.max_replicas:
        told = (
            f"{need}, and `spec.agents.maxReplicas` of VoiceFleet {room.name} is "
            f"{room.max_replicas}; raise it to {needed}"
        )
        return Verdict(ConditionStatus.FALSE, SurgeReason.BEYOND_MAX_REPLICAS, told)
    if room.quota is not None and needed > room.quota.workers_max:
        told = f"{need}, and {room.quota.because}; raise the quota before then"
        return Verdict(ConditionStatus.FALSE, SurgeReason.BEYOND_QUOTA, told)
    if following is not None and following.message:
        return Verdict(ConditionStatus.FALSE, SurgeReason.TOO_LATE, following.message)
    told = f"{need}; `maxReplicas` is {room.max_replicas}"
    return Verdict(ConditionStatus.TRUE, SurgeReason.IN_REACH, told)


def _find_largest(coming: Collection[Surge], now: datetime) -> SurgeFloor:
    """Return the largest demand of all that comes.

    Of booked steps only the largest one is looked at: a day may have a thousand, and nothing
    outranks them.
    """
    windows = [surge for surge in coming if not surge.is_booked]
    booked = [surge for surge in coming if surge.is_booked]
    peak = max(booked, key=lambda surge: surge.peak_sessions, default=None)
    every = [*windows, peak] if peak is not None else windows
    end = max((glides_until(surge) for surge in every), default=now)
    return surge_floor(every, now, end - now)


def _find_next(coming: Collection[Surge], now: datetime) -> Surge | None:
    """Return the next surge that begins and counts."""
    ahead = [surge for surge in coming if surge.starts_at > now and _has_size(surge)]
    return next(
        (surge for surge in ahead if not is_outranked(surge, coming, surge.starts_at)), None
    )


def _has_size(surge: Surge) -> bool:
    return surge.peak_sessions > 0 or surge.min_replicas > 0


def _describe(surge: Surge, room: Room, plan: Announcement, now: datetime) -> AnnouncedWindow:
    """Say what the next window takes, and when its workers will be ready."""
    needed = room.workers_for(surge.peak_sessions, surge.min_replicas)
    lead = _round_up(room.lead_time)
    is_met = needed <= room.ready_replicas
    ready_at = (
        surge.starts_at if is_met else max(surge.starts_at, _promised(surge, plan, now, lead))
    )
    limit = room.max_replicas
    limit = limit if room.quota is None else min(limit, room.quota.workers_max)
    late = ready_at - surge.starts_at
    message = None
    if late:
        message = (
            f"{count_of(needed, 'worker')} for window {surge.window} need about "
            f"{int(lead.total_seconds())} s to start and come {int(late.total_seconds())} s late; "
            "announce it earlier, or keep more workers"
        )
    if needed > limit:
        message = f"needs {count_of(needed, 'worker')}, and only {limit} are possible"
    return AnnouncedWindow(
        name=surge.window,
        start_time=surge.starts_at,
        end_time=surge.ends_at,
        peak_sessions=surge.peak_sessions or None,
        min_replicas=surge.min_replicas or None,
        replicas=needed,
        scale_up_time=surge.starts_at - lead,
        ready_time=None if needed > limit else ready_at,
        message=message,
    )


def _promised(surge: Surge, plan: Announcement, now: datetime, lead: timedelta) -> datetime:
    """Return when workers are ready that are asked for a lead time before the begin, or now.

    What was said about a window that is already being prepared for stays as it was said.
    """
    said = plan.status.next
    begins_at = surge.starts_at - lead
    if now <= begins_at:
        return surge.starts_at
    is_said = (
        said is not None
        and (said.name, said.start_time) == (surge.window, surge.starts_at)
        and plan.status.observed_generation == plan.generation
    )
    if said is not None and is_said and said.ready_time is not None:
        return said.ready_time
    return now.replace(microsecond=0) + lead


def _round_up(duration: timedelta) -> timedelta:
    steps = math.ceil(duration.total_seconds() / TIME_STEP_SECONDS)
    return timedelta(seconds=steps * TIME_STEP_SECONDS)


def _refuse(plan: Announcement) -> Verdict:
    reason = plan.refused_for or SurgeReason.INVALID_PLAN
    return Verdict(ConditionStatus.FALSE, reason, plan.error)


def _abstain() -> Verdict:
    told = "the plan does not count, so nothing is reserved for it; read condition Accepted"
    return Verdict(ConditionStatus.UNKNOWN, SurgeReason.NOT_JUDGED, told)


def _make_status(
    plan: Announcement,
    accepted: Verdict,
    reachable: Verdict,
    now: datetime,
    *,
    surges: Collection[Surge] = (),
    following: AnnouncedWindow | None = None,
) -> SurgePlanStatus:
    active = [
        surge.window
        for surge in surges
        if is_live(surge, now) and not is_outranked(surge, surges, now)
    ]
    return SurgePlanStatus(
        observed_generation=plan.generation,
        conditions=(
            _condition(plan, SurgeCondition.ACCEPTED, accepted, now),
            _condition(plan, SurgeCondition.CAPACITY_REACHABLE, reachable, now),
        ),
        active=tuple(dict.fromkeys(active))[:ACTIVE_SHOWN],
        next=following,
        bookings=_report_bookings(plan.bookings),
    )


def _report_bookings(bookings: Bookings | None) -> BookingsStatus | None:
    if bookings is None:
        return None
    return BookingsStatus(
        count=bookings.count,
        problem_count=len(bookings.problems),
        problems=bookings.problems[:PROBLEMS_SHOWN],
    )


def _condition(
    plan: Announcement, kind: SurgeCondition, verdict: Verdict, now: datetime
) -> Condition:
    before = next((one for one in plan.status.conditions if one.type == kind), None)
    is_same = before is not None and before.status is verdict.status
    return Condition(
        type=kind,
        status=verdict.status,
        reason=verdict.reason,
        message=verdict.message,
        last_transition_time=before.last_transition_time if before and is_same else now,
        observed_generation=plan.generation,
    )
