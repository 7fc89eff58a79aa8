"""Faults between the operator and the API server, as data: what goes wrong, and when. Pure.

A fault belongs to one namespace and strikes there at the k-th thing of its target: the k-th
write, the k-th read of one object, or the k-th watch event of a kind. So many namespaces can
have their own troubles under one operator, each the same in every run.

As text a fault reads `KIND@TARGET#K`, such as `409@write#3`, `gone@pods#12`, or
`503@write#4x6` for six in a row: more than the operator tries within one request.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Self


class FaultKind(StrEnum):
    """What goes wrong."""

    CONFLICT = "409"
    THROTTLED = "429"
    """With Retry-After of one second."""
    BROKEN = "500"
    AWAY = "503"
    REFUSED = "refused"
    """The connection is cut before the server has heard anything."""
    LOST = "lost"
    """The server did it, and the connection is cut before the answer."""
    SLOW = "slow"
    """The server did it, and the answer is three seconds late."""
    KILL = "kill"
    """The server did it, and the operator is killed before the answer."""
    OUTAGE = "outage"
    """Every connection is cut, and for three seconds none is accepted."""
    CUT = "cut"
    """A watch ends before this event."""
    GONE = "gone"
    """A watch says 410 instead of this event: list again."""
    STALE = "stale"
    """As `gone`, and the list that follows is as old as this event."""
    LATE = "late"
    """A watch stands still for two seconds before this event."""
    TWICE = "twice"
    """A watch tells this event two times."""


STATUSES: Final = {
    FaultKind.CONFLICT: (409, "Conflict"),
    FaultKind.THROTTLED: (429, "TooManyRequests"),
    FaultKind.BROKEN: (500, "InternalError"),
    FaultKind.AWAY: (503, "ServiceUnavailable"),
}
"""Faults that are an answer: its status, and the API server's word for it."""

WRITE_FAULTS: Final = (
    *STATUSES,
    FaultKind.REFUSED,
    FaultKind.LOST,
    FaultKind.SLOW,
    FaultKind.KILL,
    FaultKind.OUTAGE,
)
READ_FAULTS: Final = (
    FaultKind.THROTTLED,
    FaultKind.BROKEN,
    FaultKind.AWAY,
    FaultKind.REFUSED,
    FaultKind.LOST,
    FaultKind.SLOW,
)
STREAM_FAULTS: Final = (
    FaultKind.CUT,
    FaultKind.GONE,
    FaultKind.STALE,
    FaultKind.LATE,
    FaultKind.TWICE,
)

WRITE: Final = "write"
READ: Final = "read"
ENDS: Final = "_deleted"
"""Behind the plural of a kind: only the events that an object of it is gone."""

_TEXT = re.compile(r"(?P<kind>\w+)@(?P<target>\w+)#(?P<at>\d+)(?:x(?P<times>\d+))?")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong once, or some times in a row."""

    kind: FaultKind
    target: str
    """`write`, `read`, or the plural of a watched kind, with `ENDS` behind it or without."""
    at: int
    """Counted from 1."""
    times: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote."""
        found = _TEXT.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no fault; wanted is KIND@TARGET#K such as 409@write#3")
        return cls(
            FaultKind(found["kind"]), found["target"], int(found["at"]), int(found["times"] or 1)
        )

    def __str__(self) -> str:
        """Write it as people read and type it."""
        row = f"x{self.times}" if self.times > 1 else ""
        return f"{self.kind}@{self.target}#{self.at}{row}"

    def strikes(self, target: str, number: int) -> bool:
        """Say whether it strikes this thing."""
        return self.target == target and self.at <= number < self.at + self.times


@dataclass(slots=True)
class Trouble:
    """The faults of one namespace, and how far it has come."""

    faults: tuple[Fault, ...] = ()
    seen: Counter[str] = field(default_factory=Counter)
    fired: list[Fault] = field(default_factory=list)
    suffered: list[Fault] = field(default_factory=list)
    """What another namespace's trouble did to this one: a death or an outage is everybody's."""

    def meet(self, target: str) -> Fault | None:
        """Count one more thing of a target, and return what strikes it, if anything does."""
        self.seen[target] += 1
        for fault in self.faults:
            if fault.strikes(target, self.seen[target]):
                self.fired.append(fault)
                return fault
        return None

    def suffer(self, kind: FaultKind) -> None:
        """Note that something which was not ordered here struck here as well, and when."""
        self.suffered.append(Fault(kind, WRITE, max(1, self.seen[WRITE])))


def parse_faults(text: str) -> tuple[Fault, ...]:
    """Read faults that are separated by blanks."""
    return tuple(Fault.parse(word) for word in text.split())


def format_faults(faults: Iterable[Fault]) -> str:
    """Write faults so that `parse_faults` reads them."""
    return " ".join(str(fault) for fault in faults)
