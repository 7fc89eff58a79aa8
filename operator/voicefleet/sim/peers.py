"""The policies that ours is measured against, each with its whole sweep of settings.

A peer sees what the real one would see, decides a count, and its ReplicaSet chooses who goes.
Called by `sim/peer_run`; the benches take the sweeps.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from voicefleet.sim.agones import CounterPolicy, FleetCount, size_by_buffer
from voicefleet.sim.hpa import Normalizer, PodReading, size_by_pods, size_by_share
from voicefleet.sim.keda import Fallback, Floor, activate, is_active, read_answer, stand_in
from voicefleet.sim.traffic import Caller

MILLI = 1000
"""The HPA counts in thousandths."""

SHIPPED_GRACE_SECONDS = 30.0
"""terminationGracePeriodSeconds, where nobody wrote one."""

HOUR_GRACE_SECONDS = 3600.0
"""drain_timeout of livekit-agents: the longest that a worker waits for its calls."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a peer can know at one of its looks."""

    now: float
    replicas: int
    """`spec.replicas`."""
    pods: tuple[PodReading, ...]
    """Each pod with its sessions as the metrics pipeline delivered them, in thousandths."""
    demand: int | None
    """Sessions and waiting callers by the same pipeline; None while it is away."""
    held: tuple[int, ...]
    """Sessions of each server right now, which only Agones' own status knows."""


class Policy(Protocol):
    """One peer with its setting."""

    @property
    def name(self) -> str:
        """What the tables call it."""
        ...

    @property
    def interval_seconds(self) -> float:
        """How often it looks; 0 for the world's own rhythm."""
        ...

    @property
    def idle_only(self) -> bool:
        """Whether it takes only servers without sessions."""
        ...

    @property
    def reads_pods(self) -> bool:
        """Whether it looks at each pod's own metric; the others save the work."""
        ...

    def decide(self, seen: Seen) -> int:
        """Return the wanted count."""
        ...


@dataclass(slots=True)
class Hpa:
    """HPA v2 on sessions per pod. The percentage is of the sessions a worker serves well."""

    percent: int
    slots: int
    low: int
    high: int
    interval_seconds: float = 0.0
    idle_only: bool = False
    reads_pods: bool = True
    _memory: Normalizer = field(init=False)

    def __post_init__(self) -> None:
        self._memory = Normalizer(self.low, self.high)

    @property
    def name(self) -> str:
        """Its setting in words."""
        return f"HPA {self.percent} %"

    def decide(self, seen: Seen) -> int:
        """Scale on the pods' average; without any metric it holds."""
        target = self.percent * self.slots * MILLI // 100
        wanted = size_by_pods(seen.replicas, seen.pods, target)
        if wanted is None:
            return seen.replicas
        return self._memory.normalize(seen.replicas, wanted, seen.now)


@dataclass(slots=True)
class Keda:
    """KEDA's Prometheus scaler, AverageValue, through the HPA that it makes.

    With `nulls_are_zero`, its default, an outage reads as no sessions at all.
    """

    percent: int
    slots: int
    low: int
    high: int
    nulls_are_zero: bool = True
    fallback: Fallback | None = None
    interval_seconds: float = 0.0
    idle_only: bool = False
    reads_pods: bool = False
    _memory: Normalizer = field(init=False)
    _failures: int = 0
    _active_at: float | None = None

    def __post_init__(self) -> None:
        self._memory = Normalizer(self.low, self.high)

    @property
    def name(self) -> str:
        """Its setting in words."""
        return f"KEDA {self.percent} %" + ("" if self.nulls_are_zero else " (nulls ignored)")

    def decide(self, seen: Seen) -> int:
        """Divide the fleet's sessions by those wanted per worker; KEDA itself goes from and to 0.

        Without a metric its HPA holds, and at 0 it is switched off.
        """
        rows = () if seen.demand is None else ((f"{seen.now:.0f}", str(seen.demand)),)
        value = read_answer(rows, nulls_are_zero=self.nulls_are_zero)
        own = self._activate(seen, value)
        target = self.percent * self.slots / 100
        metric, self._failures = stand_in(value, self._failures, self.fallback, target=target)
        if own != seen.replicas or own == 0 or metric is None:
            return own
        return self._memory.normalize(own, size_by_share(own, metric, target), seen.now)

    def _activate(self, seen: Seen, value: float | None) -> int:
        active = value is not None and is_active(value)
        if active:
            self._active_at = seen.now
        return activate(
            seen.replicas,
            Floor(self.low),
            active=active,
            idle_seconds=None if self._active_at is None else seen.now - self._active_at,
            failed=value is None,
        )


@dataclass(frozen=True, slots=True)
class Agones:
    """Agones' counter buffer: a share of all places shall be free. It never takes a busy one."""

    percent: int
    slots: int
    low: int
    high: int
    interval_seconds: float = 30.0
    idle_only: bool = True
    reads_pods: bool = False

    @property
    def name(self) -> str:
        """Its setting in words."""
        return f"Agones buffer {self.percent} %"

    def decide(self, seen: Seen) -> int:
        """Compare free places with the buffer; its status knows no delay."""
        policy = CounterPolicy(self.low * self.slots, self.high * self.slots, percent=self.percent)
        held = sorted(seen.held)
        capacity = seen.replicas * self.slots
        fleet = FleetCount(seen.replicas, sum(held), capacity, self.slots)
        wanted = size_by_buffer(policy, fleet, [(count, self.slots) for count in held])
        return min(max(wanted, self.low), self.high)


@dataclass(frozen=True, slots=True)
class Fixed:
    """A count that nobody changes."""

    count: int
    interval_seconds: float = 3600.0
    idle_only: bool = True
    reads_pods: bool = False

    @property
    def name(self) -> str:
        """Its setting in words."""
        return f"fixed {self.count}"

    def decide(self, seen: Seen) -> int:
        """Stay."""
        del seen
        return self.count


@dataclass(frozen=True, slots=True)
class Clairvoyant:
    """Knows every call of the next minutes, and has just enough workers for them in time."""

    needs: tuple[int, ...]
    """Workers needed in each minute, the minutes of its lead included."""
    interval_seconds: float = 15.0
    idle_only: bool = True
    reads_pods: bool = False

    @property
    def name(self) -> str:
        """Nobody can buy it."""
        return "clairvoyant"

    def decide(self, seen: Seen) -> int:
        """Look the minute up."""
        return self.needs[min(int(seen.now // 60), len(self.needs) - 1)]


def ideal_workers(
    callers: Sequence[Caller], *, seconds: float, slots: int, low: int
) -> tuple[int, ...]:
    """Return for each minute the fewest workers that could hold everybody who calls."""
    minutes = math.ceil(seconds / 60)
    changes = sorted(
        change
        for caller in callers
        for change in ((caller.at, 1), (caller.at + caller.seconds, -1))
    )
    peaks, running, index = [0] * minutes, 0, 0
    for minute in range(minutes):
        peak = running
        while index < len(changes) and changes[index][0] < 60.0 * (minute + 1):
            running += changes[index][1]
            peak = max(peak, running)
            index += 1
        peaks[minute] = max(low, math.ceil(peak / slots))
    return tuple(peaks)


def foresee(ideal: Sequence[int], lead_seconds: float) -> Clairvoyant:
    """Return the policy that has each minute's ideal count ready in time."""
    ahead = math.ceil(lead_seconds / 60) + 1
    return Clairvoyant(tuple(max(ideal[at : at + ahead]) for at in range(len(ideal))))


def sweep_peers(*, slots: int, low: int, high: int, peak_workers: int) -> tuple[Policy, ...]:
    """Return every peer at every setting worth a try; stateful ones are new each time."""
    return (
        *(Hpa(percent, slots, low, high) for percent in (30, 40, 50, 60, 70, 80)),
        *(Keda(percent, slots, low, high) for percent in (40, 50, 60, 70, 80)),
        *(Agones(percent, slots, low, high) for percent in (20, 30, 40, 50, 60)),
        *(Fixed(math.ceil(peak_workers * share)) for share in (0.8, 1.0, 1.2)),
    )
