"""The media servers as decisions see them: one ReplicaSet of one each, and its room count.

Called by `core/media`, `core/deletion` and `core/status`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter

from voicefleet.api.labels import REVISION, SERVER
from voicefleet.core.children import template_label
from voicefleet.model.observed import REPORT_AGE_MAX, Child, Observed, Pod, ServerReport
from voicefleet.recall import remembered

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
    is_running: bool = field(init=False)
    """Whether it may hold a room at all. Asked over and over, as the two below, and said once."""
    rooms: int | None = field(init=False)
    """Rooms on it, by fresh readings of all its running pods; None while unknown."""
    is_ready: bool = field(init=False)
    """Whether it takes calls."""

    def __post_init__(self) -> None:
        """Read what the pods and their reports say.

        Whether it runs, the ReplicaSet's own status tells as well: the pod cache may lag behind
        it.
        """
        running = any(pod.is_running for pod in self.pods)
        running = running or (not self.pods and self.child.ready_replicas > 0)
        rooms: int | None = 0
        if running:
            counted = self._fresh_reports()
            rooms = sum([report.rooms for report in counted]) if counted else None
        ready = any(pod.is_ready and not pod.is_deleting for pod in self.pods)
        object.__setattr__(self, "is_running", running)
        object.__setattr__(self, "rooms", rooms)
        object.__setattr__(self, "is_ready", ready)

    @property
    def revision(self) -> str:
        """Which configuration it was made from."""
        return template_label(self.child, REVISION)

    @property
    def empty_since(self) -> datetime | None:
        """Start of the unbroken row of zero readings; None while there are rooms or doubts."""
        reports = self._fresh_reports()
        starts = [report.empty_since for report in reports if report.empty_since is not None]
        return max(starts) if reports and len(starts) == len(reports) else None

    @property
    def is_empty(self) -> bool:
        """Whether deleting it certainly ends no call."""
        if self.rooms != 0:
            return False
        since = self.empty_since
        is_empty_long = since is not None and since <= self.now - EMPTY_FOR
        return is_empty_long or not self.is_running

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
    children: tuple[Child, ...], observed: Observed, now: datetime
) -> tuple[Server, ...]:
    """Return one server for each given ReplicaSet, by number."""
    owned = _find_pods(observed.pods)
    servers = []
    for number, child in _number_servers(children):
        pods = owned.get(child.key.name, ())
        reports = tuple([observed.report_of_server(pod) for pod in pods])
        servers.append(Server(child, pods, reports, now, number))
    return tuple(servers)


@remembered(4)
def _number_servers(children: tuple[Child, ...]) -> tuple[tuple[int, Child], ...]:
    """Return the servers' ReplicaSets in the order of their numbers."""
    numbered = ((number_of(child), child) for child in children)
    return tuple(sorted(numbered, key=lambda pair: (pair[0], pair[1].key)))


@remembered(4)
def _find_pods(pods: tuple[Pod, ...]) -> Mapping[str, tuple[Pod, ...]]:
    """Return the pods that have not finished, by the ReplicaSet they belong to and by name."""
    owned: dict[str, list[Pod]] = {}
    for pod in sorted(pods, key=attrgetter("name")):
        if not pod.is_finished:
            owned.setdefault(pod.owner_name, []).append(pod)
    return {name: tuple(each) for name, each in owned.items()}
