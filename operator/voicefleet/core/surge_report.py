"""What a fleet's status says about the SurgePlans that are about it.

Short on purpose: what a plan takes and whether it can be reached is in the plan's own status.
Called by `planning.report_fleet`.
"""

from collections.abc import Collection
from datetime import datetime

from voicefleet.api.status import SURGES_MAX, AnnouncedSurge, SurgeStatus
from voicefleet.core.surge import glides_until, is_outranked
from voicefleet.model.surge import Surge


def report_surges(surges: Collection[Surge], now: datetime) -> SurgeStatus | None:
    """Return which windows last now and which one comes next, None where there is neither.

    Args:
        surges: The occurrences around now.
        now: The cycle's single clock reading.
    """
    sized = [surge for surge in surges if surge.peak_sessions or surge.min_replicas]
    active = [
        surge
        for surge in sized
        if surge.starts_at <= now < glides_until(surge) and not is_outranked(surge, surges, now)
    ]
    ahead = [
        surge
        for surge in sized
        if surge.starts_at > now and not is_outranked(surge, surges, surge.starts_at)
    ]
    if not active and not ahead:
        return None
    largest_first = sorted(
        active, key=lambda one: (-one.peak_sessions, -one.min_replicas, _id(one))
    )
    first = min(ahead, key=lambda one: (one.starts_at, _id(one)), default=None)
    return SurgeStatus(
        active=tuple(_describe(surge) for surge in largest_first[:SURGES_MAX]),
        next=_describe(first) if first is not None else None,
    )


def _id(surge: Surge) -> tuple[str, str]:
    return surge.plan, surge.window


def _describe(surge: Surge) -> AnnouncedSurge:
    return AnnouncedSurge(
        plan=surge.plan,
        window=surge.window,
        start_time=surge.starts_at,
        end_time=surge.ends_at,
        peak_sessions=surge.peak_sessions or None,
        min_replicas=surge.min_replicas or None,
    )
