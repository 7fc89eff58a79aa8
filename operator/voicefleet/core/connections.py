"""How many connections the media servers carry, told apart from what nobody knows.

Servers count them themselves. Where one does not, the metrics provider may, and where nobody
does, the workers' sessions say how many there are at least. Called by `core/media_size`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from voicefleet.core.demand import Demand
from voicefleet.core.readings import find_unfit, read_sample
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
    counted = heard = 0
    silent: list[str] = []
    roomless: list[str] = []
    for pod, report in _find_running(servers):
        count = _read_count(report, provider.get(pod.uid), now, stale_after=stale_after)
        tells_rooms = _tells_rooms(report, now, stale_after=stale_after)
        heard += count is not None and tells_rooms
        counted += int(_last_told(report) if count is None else count)
        if count is None:
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


def _read_count(
    report: ServerReport | None, sample: Sample | None, now: datetime, *, stale_after: timedelta
) -> float | None:
    """Return a server's connections by its own word, else by the provider's, else None."""
    if report is not None and report.participants is not None:
        at, told = report.observed_at, report.participants
        if find_unfit(told, at, now, stale_after=stale_after) is None:
            return told
    return read_sample(sample, now, stale_after=stale_after).value


def _tells_rooms(report: ServerReport | None, now: datetime, *, stale_after: timedelta) -> bool:
    if report is None:
        return False
    return find_unfit(report.rooms, report.observed_at, now, stale_after=stale_after) is None


def _last_told(report: ServerReport | None) -> float:
    """Return what a server said before it fell silent: its calls have not ended with it."""
    if report is None or report.participants is None:
        return 0.0
    sample = Sample(report.participants, report.observed_at)
    return read_sample(sample, sample.observed_at).value or 0.0


def _untold(pods: tuple[str, ...]) -> str:
    return f"{count_of(len(pods), 'server')} not telling ({list_some(pods)})"
