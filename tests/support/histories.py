"""Fault histories: one fleet's life, of certain tiers, with certain faults on the way. Pure.

A history follows from its seed alone, reads as one line, and is read back from that line:

    rollout speech+evaluation: 409@write#3 gone@pods#12

so a failure is repeated by one command, and what was found once stays as a line in a test.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations
from typing import Final, Self

from support.faults import (
    READ,
    READ_FAULTS,
    STATUSES,
    STREAM_FAULTS,
    WRITE,
    WRITE_FAULTS,
    Fault,
    FaultKind,
    format_faults,
    parse_faults,
)


class Scenario(StrEnum):
    """What happens in a fleet's life; `support.lives` plays it."""

    CREATE = "create"
    ROLLOUT = "rollout"
    """A new image while a worker holds calls."""
    SCALE = "scale"
    """The floor goes up to four workers, then the maximum down to two, during a call."""
    MEDIA = "media"
    """A new port while the media server has a room."""
    DRIFT = "drift"
    """Somebody deletes and edits children."""
    DELETE = "delete"
    """The fleet is deleted during a call."""
    AGAIN = "again"
    """The fleet is deleted, and at once another of its name is created."""


class Tier(StrEnum):
    """A part of a fleet that its author may leave out or choose."""

    SPEECH = "speech"
    EVALUATION = "evaluation"
    EXTERNAL_REDIS = "external_redis"


COMBINATIONS: Final = tuple(
    frozenset(chosen) for size in range(len(Tier) + 1) for chosen in combinations(Tier, size)
)
"""Every combination of tiers; agents, media and broker's Redis are in each."""

WRITES_MAX: Final = 55
READS_MAX: Final = 30
EVENTS_MAX: Final = 25
"""About what the longest life has in one namespace, so that most faults do strike."""
FAULTS_MAX: Final = 6
ROW: Final = 6
"""One more than the operator tries within one request."""
WATCHED: Final = (
    "voicefleets",
    "replicasets",
    "deployments",
    "pods",
    "services",
    "configmaps",
    "networkpolicies",
)
EVERYBODYS: Final = frozenset({FaultKind.KILL, FaultKind.OUTAGE})
"""They strike every namespace at once."""
RARE: Final = {FaultKind.KILL: 0.3, FaultKind.OUTAGE: 0.15}
"""So each history has few of its own."""


@dataclass(frozen=True, slots=True)
class History:
    """One life and its faults."""

    scenario: Scenario
    tiers: frozenset[Tier] = frozenset()
    faults: tuple[Fault, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote."""
        head, _, faults = text.partition(":")
        scenario, _, tiers = head.strip().partition(" ")
        chosen = (tier for tier in tiers.strip().split("+") if tier not in ("", "plain"))
        return cls(Scenario(scenario), frozenset(map(Tier, chosen)), parse_faults(faults))

    def __str__(self) -> str:
        """Write it as one line."""
        tiers = "+".join(sorted(self.tiers)) or "plain"
        return f"{self.scenario} {tiers}: {format_faults(self.faults)}".rstrip()

    @property
    def undisturbed(self) -> "History":
        """The same life without a fault: what it ends with is what must come out."""
        return replace(self, faults=())

    @property
    def strikes_all(self) -> bool:
        """Whether it ends the operator or its connection, and that of all lives beside it.

        A process that begins anew looks at everything anew, and so hides what another fleet was
        forgotten for. Such histories are lived among themselves.
        """
        return any(fault.kind in EVERYBODYS for fault in self.faults)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a history ended."""

    history: History
    failures: tuple[str, ...] = ()
    fired: tuple[Fault, ...] = ()
    writes: int = 0
    cycles: int = 0
    """Full reconciles; counted in memory only."""
    suffered: tuple[Fault, ...] = ()
    """What other histories beside it did to everybody, as this one's own faults would read."""

    def __str__(self) -> str:
        """Read as what went wrong and how to see it again."""
        told = "\n  ".join(self.failures) or "nothing went wrong"
        whole = replace(self.history, faults=self.history.faults + self.suffered)
        return (
            f"{self.history}\n  {told}\n  struck: {format_faults(self.fired) or 'nothing'}\n"
            f"  from outside: {format_faults(self.suffered) or 'nothing'}\n"
            f"  again: VOICEFLEET_FAULT_HISTORY={str(whole)!r} make faults"
        )


def history_of(seed: int, *, tiers: Sequence[frozenset[Tier]] = COMBINATIONS) -> History:
    """Return the history of a seed: the same one on every machine.

    Args:
        seed: Any number.
        tiers: The combinations of tiers to choose from.
    """
    chance = random.Random(seed)
    scenario = chance.choice(tuple(Scenario))
    chosen = chance.choice(tiers)
    faults = tuple(_a_fault(chance) for _ in range(chance.randint(1, FAULTS_MAX)))
    return History(scenario, chosen, faults)


def _a_fault(chance: random.Random) -> Fault:
    target = chance.choice((WRITE, WRITE, WRITE, READ, "event", "event"))
    if target == WRITE:
        weights = [RARE.get(kind, 1.0) for kind in WRITE_FAULTS]
        kind = chance.choices(WRITE_FAULTS, weights)[0]
        at = chance.randint(1, WRITES_MAX)
    elif target == READ:
        kind, at = chance.choice(READ_FAULTS), chance.randint(1, READS_MAX)
    else:
        target = chance.choice(WATCHED)
        kind, at = chance.choice(STREAM_FAULTS), chance.randint(1, EVENTS_MAX)
    is_row = (kind in STATUSES or kind is FaultKind.REFUSED) and chance.random() < 1 / 5
    return Fault(kind, target, at, ROW if is_row else 1)


def shorter(history: History) -> tuple[History, ...]:
    """Return the histories with one fault less: if one of them still fails, it is better."""
    return tuple(
        replace(history, faults=history.faults[:number] + history.faults[number + 1 :])
        for number in range(len(history.faults))
    )


def crash_histories(
    scenario: Scenario, tiers: frozenset[Tier], *, writes: int, every: int
) -> tuple[History, ...]:
    """Return histories that together kill the operator after each of a life's writes.

    Each of the `every` histories has its kills `every` writes apart, one write later than the
    one before, so that there is time to start again in between.
    """
    return tuple(
        History(
            scenario,
            tiers,
            tuple(Fault(FaultKind.KILL, WRITE, at) for at in range(first, writes + 1, every)),
        )
        for first in range(1, every + 1)
    )


def undisturbed(histories: Iterable[History]) -> tuple[History, ...]:
    """Return each life that occurs, once and without faults."""
    return tuple(dict.fromkeys(history.undisturbed for history in histories))
