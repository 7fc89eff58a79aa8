"""How many replicas a tier should have, before any question of which ones.

In this version the count only ever moves when a bound pushes it; the scaling brain will
put its own number where `current` stands now. Called by `core/agents`, `core/media`,
`core/pools` and by the status.
"""

from dataclasses import dataclass

from voicefleet.api.media import MediaSpec
from voicefleet.api.reasons import Reason
from voicefleet.api.voicefleet import AgentsSpec
from voicefleet.model.decision import Decision
from voicefleet.model.observed import Tier

SURGE_SHARE = 4
"""A rollout adds at most one replica per this many wanted ones (25 %, the law of surges)."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The lowest and the highest count, with the fields that set them."""

    low: int
    high: int
    low_field: str = "minReplicas"
    high_field: str = "maxReplicas"

    def clamp(self, count: int) -> int:
        """Return the nearest count inside; where the bounds cross, the upper one wins."""
        return min(max(count, self.low), self.high)


def bound_agents(spec: AgentsSpec) -> Bounds:
    """Return the bounds of un-cordoned workers; a floor above the minimum replaces it."""
    if spec.floor_replicas > spec.min_replicas:
        return Bounds(spec.floor_replicas, spec.max_replicas, low_field="floorReplicas")
    return Bounds(spec.min_replicas, spec.max_replicas)


def bound_media(spec: MediaSpec) -> Bounds:
    """Return the bounds of the media servers."""
    return Bounds(spec.min_replicas, spec.max_replicas)


def surge_of(wanted: int) -> int:
    """Return how many replicas a rollout may have on top: 8 wanted allow 2, 3 allow 1."""
    return max(1, wanted // SURGE_SHARE)


@dataclass(frozen=True, slots=True)
class Targets:
    """Replicas that the current revision and all older ones together should have."""

    current: int
    old: int


def split_rollout(wanted: int, *, new_ready: int, old_ready: int) -> Targets:
    """Divide the wanted count between the current revision and older ones.

    New replicas come a surge at a time, or at once where old ones cannot serve anyway. One
    old replica may leave for each new Ready one, and is wanted back when a new one stops
    being Ready. So a broken image never empties a tier, and both together never exceed
    wanted + surge.

    8 wanted, 8 old ones Ready, surge 2: new 2, old 8; when those 2 are Ready: new 4, old 6.
    8 wanted, 3 of 8 old ones Ready: new 5 at once, old 5 at most (3 of them serve).
    """
    surge = surge_of(wanted)
    current = min(wanted, max(new_ready + surge, wanted - old_ready))
    return Targets(current, max(0, min(wanted - new_ready, wanted + surge - current)))


def explain_size(
    tier: Tier, current: int, wanted: int, bounds: Bounds, *, pool: str = ""
) -> Decision | None:
    """Return the decision behind a changed count, or None where nothing changes.

    `pool` tells the pools of one tier apart in the sentence.
    """
    if current == wanted:
        return None
    if wanted > current:
        field, limit = bounds.low_field, bounds.low
        reason = Reason.FLOOR_RAISED if field == "floorReplicas" else Reason.BELOW_MINIMUM
    else:
        field, limit, reason = bounds.high_field, bounds.high, Reason.ABOVE_MAXIMUM
    subject = f"{tier} {pool}" if pool else str(tier)
    because = f"{subject} {current}→{wanted}: {field} is {limit}"
    return Decision(tier, current, wanted, reason, because)
