"""How much capacity announced demand asks for right now.

Capacity needs its lead time to come up, so what counts is the highest demand announced for any
moment between now and a lead time from now: a window that begins at 09:00 is felt at 08:50 with
a lead time of 10 minutes, and never later than that. At its end demand glides down instead of
falling off a cliff, because calls that began in it still run.

Demand of one moment: of each plan the windows of the highest priority that last then, together
with its bookings; of all plans together the largest. Nothing adds up, and no plan can lower
what another one asks for. Called by the sizes of the tiers and by the status.
"""

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from voicefleet.model.surge import Surge

SLOPE_STEP = timedelta(seconds=5)
"""While demand ramps or glides, the answer is looked at again this often: a ramp to 500
sessions within 10 minutes rises by 4 sessions meanwhile, half a worker of 8 slots."""

ROUNDING = 1e-6
"""500 * (1 - 0.9) is 50 sessions, whatever binary fractions say."""


@dataclass(frozen=True, slots=True)
class SurgeFloor:
    """The least capacity that announced demand allows."""

    sessions: int = 0
    """Sessions that must find room; the tier divides them by what one replica holds."""
    replicas: int = 0
    """Workers that must take calls, where a window names workers instead of sessions."""
    inhibits_scale_down: bool = False
    """Whether no worker may be taken away meanwhile, beyond keeping the floor."""
    sessions_because: str = ""
    """Which window asks for the sessions, with its numbers and times; empty where none does."""
    replicas_because: str = ""
    """The same about the workers."""
    changes_at: datetime | None = None
    """When time alone may change the answer; None where nothing is announced."""

    @property
    def because(self) -> str:
        """Who asks for it; empty where nobody does."""
        return "; ".join(filter(None, (self.sessions_because, self.replicas_because)))


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of one surge in which its demand changes evenly, as shares of its peak."""

    surge: Surge
    begins_at: datetime
    ends_at: datetime
    first: float
    last: float

    def share_at(self, instant: datetime) -> float:
        """Return the share of the peak at an instant of the stretch, its end included."""
        span = self.ends_at - self.begins_at
        return self.first + (self.last - self.first) * ((instant - self.begins_at) / span)


@dataclass(frozen=True, slots=True)
class _Claim:
    """What one surge asks for."""

    surge: Surge
    share: float

    @property
    def sessions(self) -> int:
        return _round_up(self.surge.peak_sessions * self.share)

    @property
    def replicas(self) -> int:
        return _round_up(self.surge.min_replicas * self.share)


def surge_floor(
    surges: Collection[Surge], now: datetime, lead_time: timedelta = timedelta(0)
) -> SurgeFloor:
    """Return what announced demand asks for now, so that it is there when it is needed.

    Args:
        surges: Occurrences around now, of all plans about the fleet, in any order.
        now: The cycle's single clock reading.
        lead_time: From deciding to add capacity to that capacity taking sessions.
    """
    if not surges:
        return SurgeFloor()
    until = now + max(lead_time, timedelta(0))
    pieces = _find_near(surges, now, until)
    claims = _find_claims(pieces, now, until)
    sessions, sessions_because = _find_largest(claims, lambda claim: claim.sessions, now)
    replicas, replicas_because = _find_largest(claims, lambda claim: claim.replicas, now)
    return SurgeFloor(
        sessions=sessions,
        replicas=replicas,
        inhibits_scale_down=any(claim.surge.inhibit_scale_down for claim in claims),
        sessions_because=sessions_because,
        replicas_because=replicas_because,
        changes_at=_find_change(surges, pieces, now, until),
    )


def glides_until(surge: Surge) -> datetime:
    """Return when nothing is left of a surge."""
    return surge.ends_at + timedelta(seconds=surge.glide_seconds)


def is_live(surge: Surge, instant: datetime) -> bool:
    """Say whether a surge's demand lasts at an instant, its glide included."""
    return surge.starts_at <= instant < glides_until(surge)


def is_outranked(surge: Surge, others: Iterable[Surge], instant: datetime) -> bool:
    """Say whether a window of its own plan stands for this one at an instant."""
    return not surge.is_booked and any(
        other.plan == surge.plan
        and other.priority > surge.priority
        and not other.is_booked
        and other.starts_at <= instant < other.ends_at
        for other in others
    )


def _split(surge: Surge) -> Iterable[_Piece]:
    """Yield ramp, peak and glide, those that last any time at all.

    A ramp longer than its window never reaches the peak; the glide begins where it got to.
    """
    ramp = timedelta(seconds=surge.ramp_seconds)
    reached_at = min(surge.starts_at + ramp, surge.ends_at)
    reached = min(1.0, (surge.ends_at - surge.starts_at) / ramp) if ramp else 1.0
    pieces = (
        _Piece(surge, surge.starts_at, reached_at, 0.0, reached),
        _Piece(surge, reached_at, surge.ends_at, reached, reached),
        _Piece(surge, surge.ends_at, glides_until(surge), reached, 0.0),
    )
    return (piece for piece in pieces if piece.begins_at < piece.ends_at)


def _find_near(surges: Iterable[Surge], now: datetime, until: datetime) -> list[_Piece]:
    """Return the pieces of which any part lies between two instants, both included."""
    near = (surge for surge in surges if surge.starts_at <= until and glides_until(surge) > now)
    pieces = (piece for surge in near for piece in _split(surge))
    return [piece for piece in pieces if piece.begins_at <= until and piece.ends_at > now]


def _find_claims(pieces: Collection[_Piece], now: datetime, until: datetime) -> list[_Claim]:
    """Return what is asked for at any moment from now until then, both included.

    Demand changes evenly between two edges, so its highest value lies at one of them.
    """
    ahead = sorted(pieces, key=lambda piece: piece.begins_at, reverse=True)
    live: list[_Piece] = []
    claims: list[_Claim] = []
    for begin, end in pairwise(_find_edges(pieces, now, until)):
        while ahead and ahead[-1].begins_at <= begin:
            live.append(ahead.pop())
        live = [piece for piece in live if piece.ends_at > begin]
        claims += [
            _Claim(piece.surge, max(piece.share_at(begin), piece.share_at(end)))
            for piece in _without_outranked(live, begin)
        ]
    return sorted(claims, key=_rank)


def _find_edges(pieces: Iterable[_Piece], now: datetime, until: datetime) -> list[datetime]:
    """Return the instants at which demand may bend or jump; the last one twice, as a stretch."""
    inner = {edge for piece in pieces for edge in (piece.begins_at, piece.ends_at)}
    return [now, *sorted(edge for edge in inner if now < edge < until), until, until]


def _without_outranked(live: Collection[_Piece], instant: datetime) -> Iterable[_Piece]:
    """Yield the pieces that count, of those that last just after an instant."""
    highest: dict[str, int] = {}
    for surge in (piece.surge for piece in live if not piece.surge.is_booked):
        # A window that only glides any more has ended, and outranks nobody.
        if instant < surge.ends_at:
            highest[surge.plan] = max(surge.priority, highest.get(surge.plan, surge.priority))
    return (
        piece
        for piece in live
        if piece.surge.is_booked
        or piece.surge.priority >= highest.get(piece.surge.plan, piece.surge.priority)
    )


def _find_largest(
    claims: Iterable[_Claim], amount: Callable[[_Claim], int], now: datetime
) -> tuple[int, str]:
    """Return the largest amount that is asked for, and who asks for it."""
    largest = max(claims, key=amount, default=None)
    if largest is None or amount(largest) == 0:
        return 0, ""
    return amount(largest), _explain(largest, now)


def _rank(claim: _Claim) -> tuple[datetime, str, str]:
    """Order claims, so that of equal ones the same one is named whatever order they came in."""
    return claim.surge.starts_at, claim.surge.plan, claim.surge.window


def _find_change(
    surges: Iterable[Surge], pieces: Iterable[_Piece], now: datetime, until: datetime
) -> datetime | None:
    """Return when the stretch that is looked at next reaches or leaves an edge, or a slope moves.

    Edges are reached a lead time before they come, and left when they are there.
    """
    lead = until - now
    edges = {edge for piece in pieces for edge in (piece.begins_at, piece.ends_at)}
    changes = [at for edge in edges for at in (edge - lead, edge) if at > now]
    changes += [surge.starts_at - lead for surge in surges if surge.starts_at > until]
    if any(piece.first != piece.last for piece in pieces):
        changes.append(now + SLOPE_STEP)
    return min(changes, default=None)


def _explain(claim: _Claim, now: datetime) -> str:
    """Say who asks for what and until when: one clause for the decision's sentence."""
    surge = claim.surge
    peak, unit, share = (
        (surge.peak_sessions, "sessions", claim.sessions)
        if claim.sessions
        else (surge.min_replicas, "workers", claim.replicas)
    )
    amount = f"{peak} {unit}" if share == peak else f"{share} of {peak} {unit}"
    if now < surge.starts_at:
        when = f"from {_clock(surge.starts_at)}"
    elif now < surge.ends_at:
        when = f"until {_clock(surge.ends_at)}"
    else:
        when = f"while it glides to 0 by {_clock(glides_until(surge))}"
    return f"SurgePlan {surge.plan} ({surge.window}) expects {amount} {when}"


def _clock(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M:%SZ" if instant.second else "%Y-%m-%d %H:%MZ")


def _round_up(amount: float) -> int:
    return math.ceil(amount - ROUNDING)
