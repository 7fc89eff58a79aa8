"""What a worker and a media server say about themselves, and how a test changes it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Self

from voicefleet.sim.latency import sessions_limit

SCHEMA_VERSION: Final = 1
"""Of the worker endpoint's answer."""


class ChangeError(ValueError):
    """A change that is asked for cannot be made; the message says which are possible."""


@dataclass(frozen=True, slots=True)
class Session:
    """One call on a worker."""

    id: str
    room: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker, its calls, and the ways in which it misbehaves."""

    name: str
    revision: str
    backend: str
    slots: int
    version: int = 1
    sessions: tuple[Session, ...] = ()
    begun: int = 0
    """Calls that it ever had; names the next one."""
    reserved: int = 0
    cordoned: bool = False
    loop_lag_seconds: float = 0.0
    unreachable: bool = False
    """Closes every connection without an answer."""
    silent: bool = False
    """Accepts every connection and never answers."""
    ignores_cordon: bool = False
    """Answers a cordon with 200 and goes on as before."""

    def with_changes(self, changes: Mapping[str, Any], now: datetime) -> Self:
        """Return the worker after a change that a test asks for.

        Raises:
            ChangeError: A name or a value is not possible.
        """
        possible = {
            "sessions": int,
            "reserved": int,
            "slots": int,
            "cordoned": bool,
            "loopLagSeconds": float,
            "unreachable": bool,
            "silent": bool,
            "ignoresCordon": bool,
        }
        wanted = check_changes(changes, possible)
        sessions = wanted.pop("sessions", None)
        changed = replace(self, **wanted)
        if sessions is not None:
            changed = changed.with_sessions(sessions, now)
        return self if changed == self else replace(changed, version=self.version + 1)

    def with_cordon(self, *, cordoned: bool) -> Self:
        """Return the worker after a cordon or its end; the same again changes nothing."""
        if self.ignores_cordon or self.cordoned == cordoned:
            return self
        return replace(self, cordoned=cordoned, version=self.version + 1)

    def report(self) -> dict[str, Any]:
        """Return the answer of the worker endpoint."""
        oldest = min((session.started_at for session in self.sessions), default=None)
        return {
            "schemaVersion": SCHEMA_VERSION,
            "stateVersion": self.version,
            "revision": self.revision,
            "backend": self.backend,
            "slots": self.slots,
            "active": len(self.sessions),
            "reserved": self.reserved,
            "oldestSessionStart": oldest.isoformat() if oldest else None,
            "cordoned": self.cordoned,
            "loopLagSeconds": self.loop_lag_seconds,
            "sessions": [
                {"id": one.id, "room": one.room, "startedAt": one.started_at.isoformat()}
                for one in self.sessions
            ],
        }

    def metrics(self, fleet: str = "") -> str:
        """Return the Prometheus text of a worker; every series says whose it is."""
        return render_gauges(
            {
                "voicefleet_sessions_active": len(self.sessions),
                "voicefleet_session_slots": self.slots,
                "voicefleet_worker_draining": int(self.cordoned),
                "voicefleet_event_loop_lag_seconds": self.loop_lag_seconds,
            },
            labels=f'{{fleet="{fleet}"}}',
        )

    @property
    def free_slots(self) -> int:
        """Calls that it would still take; none while it is cordoned or does not answer."""
        if self.cordoned or self.unreachable or self.silent:
            return 0
        return max(0, self.slots - len(self.sessions) - self.reserved)

    @property
    def free_share(self) -> float:
        """1 - load: how likely LiveKit is to choose it."""
        return self.free_slots / self.slots if self.slots else 0.0

    @property
    def load(self) -> float:
        """Share of what it can physically hold that is in use, on which its answers depend.

        The same as in the simulator: 8 slots served well are 80 % of what fits. A cordon takes
        no processor time, so it does not count here.
        """
        limit = sessions_limit(self.slots)
        return (len(self.sessions) + self.reserved) / limit if limit else 1.0

    def with_session(self, session: Session) -> Self:
        """Return the worker with one more call."""
        sessions = (*self.sessions, session)
        return replace(self, sessions=sessions, begun=self.begun + 1, version=self.version + 1)

    def without_session(self, key: str) -> Self:
        """Return the worker without a call; one it does not have changes nothing."""
        sessions = tuple(session for session in self.sessions if session.id != key)
        if len(sessions) == len(self.sessions):
            return self
        return replace(self, sessions=sessions, version=self.version + 1)

    def with_sessions(self, count: int, now: datetime) -> Self:
        """Begin new calls, or end the oldest ones, until there are so many."""
        ended = max(0, len(self.sessions) - count)
        missing = max(0, count - len(self.sessions))
        begun = tuple(
            Session(f"{self.name}-{number}", f"room-{self.name}-{number}", now)
            for number in range(self.begun + 1, self.begun + missing + 1)
        )
        return replace(self, sessions=self.sessions[ended:] + begun, begun=self.begun + missing)


@dataclass(frozen=True, slots=True)
class Server:
    """One media server as its metrics show it."""

    name: str
    rooms: int = 0
    participants: int = 0
    unreachable: bool = False
    silent: bool = False

    def with_changes(self, changes: Mapping[str, Any]) -> Self:
        """Return the server after a change that a test asks for.

        Raises:
            ChangeError: A name or a value is not possible.
        """
        possible = {"rooms": int, "participants": int, "unreachable": bool, "silent": bool}
        return replace(self, **check_changes(changes, possible))

    def metrics(self) -> str:
        """Return the part of a LiveKit server's Prometheus text that others read."""
        return render_gauges(
            {"livekit_room_total": self.rooms, "livekit_participant_total": self.participants},
            labels=f'{{node_id="ND_{self.name}",node_type="SERVER"}}',
        )


def check_changes(
    changes: Mapping[str, Any], possible: Mapping[str, type[float]]
) -> dict[str, Any]:
    """Return the changes by field name.

    Raises:
        ChangeError: A name is unknown, or a value has the wrong type or is negative.
    """
    if unknown := sorted(set(changes) - set(possible)):
        raise ChangeError(f"{', '.join(unknown)}: unknown; possible are {', '.join(possible)}")
    for name, value in changes.items():
        if not _fits(value, possible[name]):
            raise ChangeError(
                f"{name} is {value!r}, wanted is {possible[name].__name__}, 0 or more"
            )
    return {_field(name): value for name, value in changes.items()}


def render_gauges(values: Mapping[str, float], *, labels: str) -> str:
    """Return gauges in the Prometheus text format."""
    lines = [f"# TYPE {name} gauge\n{name}{labels} {value}\n" for name, value in values.items()]
    return "".join(lines)


def _fits(value: Any, kind: type[float]) -> bool:
    """Say whether a value has a type; true is no 1, and 1 is a float."""
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    accepted = (int, float) if kind is float else kind
    return isinstance(value, accepted) and bool(value >= 0)


def _field(name: str) -> str:
    """Turn a JSON name into a field's: loopLagSeconds is loop_lag_seconds."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
