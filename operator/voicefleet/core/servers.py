"""The media servers as decisions see them: one ReplicaSet of one each, and its room count.

Called by `core/media`, `core/deletion` and `core/status`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from voicefleet.api.labels import REVISION, SERVER
from voicefleet.core.children import template_label
from voicefleet.model.observed import REPORT_AGE_MAX, Child, Observed, Pod, ServerReport

EMPTY_FOR = timedelta(seconds=10)
"""A server leaves after its room count has read 0 twice, this far apart.
Nothing keeps new rooms away before the broker exists, so one reading would say little."""

LOOK_AGAIN = timedelta(seconds=10)
"""A worker announces its last call's end; a server is only asked, so nothing announces its."""


@dataclass(frozen=True, slots=True)
class Server:
    """One media server."""

    child: Child
    pods: tuple[Pod, ...]
    """Its pods, those on their way out included: a call may still be in one."""
    reports: tuple[ServerReport | None, ...]
    """The newest reading of each of `pods`."""
    now: datetime
    number: int
    """Its number, never used twice in a fleet."""

    @property
    def revision(self) -> str:
        """Which configuration it was made from."""
        return template_label(self.child, REVISION)

    @property
    def is_ready(self) -> bool:
        """Whether it takes calls."""
        return any(pod.is_ready and not pod.is_deleting for pod in self.pods)

    @property
    def is_running(self) -> bool:
        """Whether it may hold a room at all.

        The ReplicaSet's own status counts too: the pod cache may lag behind it.
        """
        return any(pod.is_running for pod in self.pods) or (
            not self.pods and self.child.ready_replicas > 0
        )

    @property
    def rooms(self) -> int | None:
        """Rooms on it, by fresh readings of all its running pods; None while unknown."""
        if not self.is_running:
            return 0
        counted = self._fresh_reports()
        return sum(report.rooms for report in counted) if counted else None

    @property
    def empty_since(self) -> datetime | None:
        """Start of the unbroken row of zero readings; None while there are rooms or doubts."""
        reports = self._fresh_reports()
        starts = [report.empty_since for report in reports if report.empty_since is not None]
        return max(starts) if reports and len(starts) == len(reports) else None

    @property
    def is_empty(self) -> bool:
        """Whether deleting it certainly ends no call."""
        if not self.is_running:
            return True
        since = self.empty_since
        return self.rooms == 0 and since is not None and since <= self.now - EMPTY_FOR

    @property
    def rest_of_wait(self) -> timedelta:
        """When to look at a server again that has to go and is not empty for long enough."""
        if self.rooms != 0 or self.empty_since is None:
            return LOOK_AGAIN
        return max(self.empty_since + EMPTY_FOR - self.now, timedelta(seconds=1))

    def _fresh_reports(self) -> list[ServerReport]:
        """Return the readings of all running pods, or nothing if one of them is missing."""
        reports = []
        for pod, report in zip(self.pods, self.reports, strict=True):
            if not pod.is_running:
                continue
            if report is None or self.now - report.observed_at > REPORT_AGE_MAX:
                return []
            reports.append(report)
        return reports


def number_of(child: Child) -> int:
    """Return the number in a server's ReplicaSet; 0 where it has none."""
    written = template_label(child, SERVER)
    return int(written) if written.isdecimal() else 0


def view_servers(
    children: Iterable[Child], observed: Observed, now: datetime
) -> tuple[Server, ...]:
    """Return one server for each given ReplicaSet, by number."""
    servers = []
    owned: dict[str, list[Pod]] = {}
    for pod in observed.pods:
        if not pod.is_finished:
            owned.setdefault(pod.owner_name, []).append(pod)
    for child in children:
        pods = tuple(sorted(owned.get(child.key.name, ()), key=attrgetter("name")))
        reports = tuple(observed.report_of_server(pod) for pod in pods)
        servers.append(Server(child, pods, reports, now, number_of(child)))
    return tuple(sorted(servers, key=lambda server: (server.number, server.child.key)))
