"""What a fleet's status says about the SurgePlans that are about it.

Short on purpose: what a plan takes and whether it can be reached is in the plan's own status.
Called by `planning.report_fleet`.
"""

from collections.abc import Collection
from datetime import datetime

from voicefleet.api.status import SURGES_MAX, AnnouncedSurge, SurgeStatus
from voicefleet.core.surge import is_live, is_outranked
from voicefleet.model.surge import Surge


def report_surges(surges: Collection[Surge], now: datetime) -> SurgeStatus | None:
    """Return which windows last now and which one comes next, None where there is neither.

    Args:
        surges: The occurrences around now.
        now: The cycle's single clock reading.
    """
    active = [one for one in surges if is_live(one, now) and _counts(one, surges, now)]
    ahead = [one for one in surges if one.starts_at > now and _counts(one, surges, one.starts_at)]
    if not active and not ahead:
        return None
    largest_first = sorted(active, key=_smallness)
    first = min(ahead, key=lambda one: (one.starts_at, _smallness(one)), default=None)
    return SurgeStatus(
        active=tuple(map(_describe, largest_first[:SURGES_MAX])),
        next=_describe(first) if first is not None else None,
    )


def _counts(surge: Surge, others: Collection[Surge], instant: datetime) -> bool:
    """Say whether a window expects anybody, and no other one stands for it at an instant."""
    has_size = surge.peak_sessions > 0 or surge.min_replicas > 0
    return has_size and not is_outranked(surge, others, instant)


def _smallness(surge: Surge) -> tuple[int, int, str, str]:
    """Order surges, the largest first, and equal ones always in the same way."""
    return -surge.peak_sessions, -surge.min_replicas, surge.plan, surge.window


def _describe(surge: Surge) -> AnnouncedSurge:
    return AnnouncedSurge(
        plan=surge.plan,
        window=surge.window,
        start_time=surge.starts_at,
        end_time=surge.ends_at,
        peak_sessions=surge.peak_sessions or None,
        min_replicas=surge.min_replicas or None,
    )
