"""The counter buffer of Agones' FleetAutoscaler, exactly, as a pure function.

From googleforgames/agones pkg/fleetautoscalers/fleetautoscalers.go (applyCounterOrListPolicy);
the tests pass its own published cases. Called by `sim/peers`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CounterPolicy:
    """A buffer of free places, as a number or as a share of all."""

    low: int
    """minCapacity, in places."""
    high: int
    """maxCapacity."""
    buffer: int = 0
    percent: int | None = None
    """Share of all places that shall be free; wins over `buffer`."""


@dataclass(frozen=True, slots=True)
class FleetCount:
    """What the fleet's status says."""

    replicas: int
    count: int
    """Places taken."""
    capacity: int
    """Places in all, those of servers that still start included."""
    places: int
    """Places of one new server."""
    taken_at_start: int = 0
    """Places that a new server has taken from the beginning."""
    allocated: int | None = None
    """Places taken on allocated servers; None where that is `count`."""


def size_by_buffer(
    policy: CounterPolicy, fleet: FleetCount, servers: Sequence[tuple[int, int]] = ()
) -> int:
    """Return the count of servers.

    Args:
        policy: The buffer and its bounds.
        fleet: What the status says.
        servers: Places taken and places of each server, those that would go first at the front.
    """
    buffer = policy.buffer
    if policy.percent is not None:
        allocated = fleet.count if fleet.allocated is None else fleet.allocated
        if allocated <= 0 and fleet.places >= policy.low:
            return 1
        buffer = math.ceil(allocated * 100 / (100 - policy.percent)) - allocated
    return _keep_buffer(policy, fleet, servers, buffer)


def _keep_buffer(
    policy: CounterPolicy, fleet: FleetCount, servers: Sequence[tuple[int, int]], buffer: int
) -> int:
    """Bring the free places to the buffer, within the bounds of the capacity."""
    free = fleet.capacity - fleet.count
    is_short, is_over = fleet.capacity < policy.low, fleet.capacity > policy.high
    if is_short or (is_over and free <= buffer):
        return _back_into_bounds(policy, fleet, servers)
    if free < buffer:
        return fleet.replicas if is_over else _grow(policy, fleet, buffer - free)
    return _shrink(policy, fleet, servers, buffer) if free > buffer else fleet.replicas


def _back_into_bounds(
    policy: CounterPolicy, fleet: FleetCount, servers: Sequence[tuple[int, int]]
) -> int:
    replicas, capacity = fleet.replicas, fleet.capacity
    if capacity < policy.low:
        return replicas + math.ceil((policy.low - capacity) / fleet.places)
    for _, places in servers:
        if capacity <= policy.high:
            break
        capacity -= places
        replicas -= 1
    return max(1, replicas)


def _grow(policy: CounterPolicy, fleet: FleetCount, short_of: int) -> int:
    added = math.ceil(short_of / (fleet.places - fleet.taken_at_start))
    after = fleet.capacity + added * fleet.places
    if not policy.low <= after <= policy.high:
        added = (policy.high - fleet.capacity) // fleet.places
    return fleet.replicas + added


def _shrink(
    policy: CounterPolicy, fleet: FleetCount, servers: Sequence[tuple[int, int]], buffer: int
) -> int:
    """Take one server after the other away in thought, until the buffer is reached."""
    if fleet.capacity == policy.low:
        return fleet.replicas
    replicas, count, capacity = fleet.replicas, fleet.count, fleet.capacity
    for taken, places in servers:
        replicas -= 1
        count -= taken
        capacity -= places
        free = capacity - count
        if free < buffer or capacity < policy.low:
            return replicas + 1
        if free == buffer or capacity == policy.low:
            return replicas
    return max(1, replicas)
