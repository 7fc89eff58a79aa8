"""How many connections the media servers carry, told apart from what nobody knows.

Servers count them themselves. Where one does not, the metrics provider may, and where nobody
does, the workers' sessions say how many there are at least. Called by `core/media_size`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from voicefleet.core.demand import Demand
from voicefleet.core.readings import read_sample
from voicefleet.core.servers import Server
from voicefleet.core.wording import count_of, list_some
from voicefleet.model.observed import Pod, ServerReport
from voicefleet.model.signal import Sample

PER_SESSION = 2
"""A one-to-one call: the caller and the agent. Who listens in comes on top."""


@dataclass(frozen=True, slots=True)
class Connections:
    """What is known about the load of all servers together."""

    counted: int
    """By the servers that tell."""
    by_sessions: int
    """What the workers' sessions make at least."""
    heard: int
    """Servers that tell their connections, and their rooms as well."""
    silent: tuple[str, ...] = ()
    """Pods of running servers of which nobody knows the connections, by name."""
    roomless: tuple[str, ...] = ()
    """Pods of running servers that do not tell their rooms, by name."""
    are_sessions_known: bool = True
    """Whether every worker told its sessions."""

    @property
    def count(self) -> int:
        """The connections to make room for; where two counts differ, the larger one."""
        return max(self.counted, self.by_sessions)

    @property
    def is_known(self) -> bool:
        """Whether there is anything to decide on."""
        return self.heard > 0 or self.are_sessions_known

    @property
    def faults(self) -> dict[str, str]:
        """What cannot be used, by signal."""
        faults = {}
        if self.silent and not self.are_sessions_known:
            faults["connections"] = _untold(self.silent)
        if self.roomless:
            faults["rooms"] = _untold(self.roomless)
        return faults

    @property
    def doubts(self) -> tuple[str, ...]:
        """Sentences that speak against fewer servers.

        Every server has to tell its rooms, and its connections, for which the sessions of all
        workers may stand in.
        """
        doubts = []
        if self.roomless:
            doubts.append(f"rooms are not known: {_untold(self.roomless)}")
        if self.silent and not self.are_sessions_known:
            doubts.append(
                f"connections are not known: {_untold(self.silent)}, and some workers do not "
                "tell their sessions"
            )
        return tuple(doubts)


def count_connections(
    servers: Iterable[Server],
    demand: Demand,
    provider: Mapping[str, Sample],
    now: datetime,
    *,
    stale_after: timedelta,
) -> Connections:
    """Count the connections of all servers that run.

    Args:
        servers: Every server, those of older revisions included.
        demand: The workers' sessions.
        provider: What the metrics provider says, by pod UID.
        now: The cycle's single clock reading.
        stale_after: Age at which a value says nothing about now any more.
    """

    def is_told(rooms: int, observed_at: datetime) -> bool:
        return read_sample(Sample(rooms, observed_at), now, stale_after=stale_after).is_fit

    counted = heard = 0
    silent: list[str] = []
    roomless: list[str] = []
    for pod, report in _find_running(servers):
        known = read_sample(_sample(report), now, stale_after=stale_after)
        if not known.is_fit:
            known = read_sample(provider.get(pod.uid), now, stale_after=stale_after)
        tells_rooms = report is not None and is_told(report.rooms, report.observed_at)
        heard += known.is_fit and tells_rooms
        counted += int(known.value if known.value is not None else _last_told(report))
        if not known.is_fit:
            silent.append(pod.name)
        if not tells_rooms:
            roomless.append(pod.name)
    return Connections(
        counted=counted,
        by_sessions=PER_SESSION * demand.sessions,
        heard=heard,
        silent=tuple(sorted(silent)),
        roomless=tuple(sorted(roomless)),
        are_sessions_known=demand.is_known and not demand.silent,
    )


def _find_running(servers: Iterable[Server]) -> Iterator[tuple[Pod, ServerReport | None]]:
    """Yield every pod that may carry connections, those on their way out included."""
    for server in servers:
        for pod, report in zip(server.pods, server.reports, strict=True):
            if pod.is_running:
                yield pod, report


def _sample(report: ServerReport | None) -> Sample | None:
    if report is None or report.participants is None:
        return None
    return Sample(report.participants, report.observed_at)


def _last_told(report: ServerReport | None) -> float:
    """Return what a server said before it fell silent: its calls have not ended with it."""
    sample = _sample(report)
    told = None if sample is None else read_sample(sample, sample.observed_at).value
    return told or 0.0


def _untold(pods: tuple[str, ...]) -> str:
    return f"{count_of(len(pods), 'server')} not telling ({list_some(pods)})"
