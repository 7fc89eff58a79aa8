"""Which media servers stand, which are new, and which may go: the media tier.

A server cannot be cordoned before there is a broker, so a surplus one is simply left alone
until its own counter has shown no room for a while; then its ReplicaSet is deleted, and the
pod with it. Called by `planning`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from voicefleet.api.labels import REVISION, TIER
from voicefleet.api.reasons import Reason
from voicefleet.api.status import VoiceFleetStatus
from voicefleet.core.children import find_replicasets, template_label
from voicefleet.core.servers import Server, number_of, view_servers
from voicefleet.core.sizes import Targets, split_rollout
from voicefleet.manifests import ObjectKey
from voicefleet.model.decision import Decision
from voicefleet.model.observed import Child, Children, Observed, Pod, Tier
from voicefleet.model.plan import DeleteChild, ScaleChild
from voicefleet.recall import remembered
from voicefleet.units import format_duration


@dataclass(frozen=True, slots=True)
class Servers:
    """The media servers of a fleet: those of the current revision, and older ones."""

    current: tuple[Server, ...]
    old: tuple[Server, ...]

    @property
    def all(self) -> tuple[Server, ...]:
        """Every server."""
        return (*self.current, *self.old)


@dataclass(frozen=True, slots=True)
class MediaDecision:
    """Everything one cycle does to the media servers."""

    create: tuple[int, ...] = ()
    """Numbers of the servers to create."""
    claims: tuple[ScaleChild, ...] = ()
    """Bring a server's ReplicaSet back to one replica; before any template write."""
    deletions: tuple[DeleteChild, ...] = ()
    decisions: tuple[Decision, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)
    wake_after: timedelta | None = None


def view_fleet_servers(
    observed: Observed, *, current: Collection[ObjectKey], fleet_uid: str, now: datetime
) -> Servers:
    """Return the servers; `current` are the ReplicaSets that are as the author wants them."""
    children = find_replicasets(observed.children, Tier.MEDIA, fleet_uid)
    servers = view_servers(children, observed, now)
    return Servers(
        tuple(server for server in servers if server.child.key in current),
        tuple(server for server in servers if server.child.key not in current),
    )


def find_last_number(
    status: VoiceFleetStatus, observed: Observed, *, created: Iterable[ObjectKey] = ()
) -> int:
    """Return the highest number that any server of this fleet is known to have had.

    Args:
        status: The last status, which remembers servers long gone.
        observed: The servers there are.
        created: Objects made since; the number is the end of a server's name.
    """
    names = [key.name.rpartition("-") for key in created if key.kind == "ReplicaSet"]
    made = [int(end) for start, _, end in names if start.endswith("-media") and end.isdecimal()]
    return max([status.media.last_server, _find_highest(observed.children), *made])


def find_media_revisions(children: Children, pods: Iterable[Pod]) -> frozenset[str]:
    """Return the revisions that any server still uses, even one on its way out."""
    return frozenset(
        template_label(child, REVISION) for child in _find_servers(children)
    ) | frozenset(pod.revision for pod in pods if pod.tier is Tier.MEDIA and not pod.is_finished)


@remembered(4)
def _find_highest(children: Children) -> int:
    """Return the highest number of a server there is, 0 without any."""
    return max((number_of(child) for child in _find_servers(children)), default=0)


@remembered(4)
def _find_servers(children: Children) -> tuple[Child, ...]:
    """Return every media server's ReplicaSet, whoever owns it."""
    return tuple(
        child
        for child in children.values()
        if child.key.kind == "ReplicaSet" and template_label(child, TIER) == Tier.MEDIA
    )


def current_media_size(status: VoiceFleetStatus, servers: Servers) -> int:
    """Return how many servers there were last meant to be, else how many there are."""
    return status.media.desired_replicas if status.observed_generation else len(servers.all)


def decide_media(
    servers: Servers, wanted: int, *, last_number: int, now: datetime
) -> MediaDecision:
    """Bring the servers to the wanted count, all of the current revision.

    Args:
        servers: The servers as observed, their room counts included.
        wanted: Servers the fleet should have.
        last_number: Highest number any server of this fleet ever had.
        now: The cycle's single clock reading.

    Returns:
        Servers to create, and surplus ones that are certainly empty. A server that does not
        tell its room count is taken to be busy.
    """
    targets = _split(servers, wanted)
    create = tuple(
        last_number + 1 + index for index in range(max(0, targets.current - len(servers.current)))
    )
    surplus = find_surplus(servers, wanted)
    leaving = tuple(server for server in surplus if server.is_empty)
    waiting = [server for server in surplus if not server.is_empty]
    return MediaDecision(
        create=create,
        claims=tuple(filter(None, map(_claim, servers.all))),
        deletions=tuple(
            DeleteChild(server.child.key, server.child.uid, _explain_removal(server, now))
            for server in leaving
        ),
        decisions=(
            *_explain_creation(create, servers, wanted),
            *_explain_removals(leaving, len(servers.all), now),
        ),
        notes={str(server.child.key): _explain_wait(server) for server in waiting},
        wake_after=_find_soonest(waiting),
    )


def _find_soonest(waiting: list[Server]) -> timedelta | None:
    return min((server.rest_of_wait for server in waiting), default=None)


def _explain_removals(
    leaving: tuple[Server, ...], count: int, now: datetime
) -> tuple[Decision, ...]:
    return tuple(
        Decision(
            Tier.MEDIA,
            count - index,
            count - index - 1,
            Reason.SERVER_DRAINED,
            _explain_removal(server, now),
        )
        for index, server in enumerate(leaving)
    )


def order_surplus(servers: tuple[Server, ...]) -> list[Server]:
    """Return servers, the one that can best be spared first.

    Those that do not run come first, then certainly empty ones, then by rooms, the unknown
    last; among equals the newest, because the oldest have the addresses people know.
    """

    def spare(server: Server) -> tuple[bool, bool, bool, int, int]:
        rooms = server.rooms
        return (server.is_running, not server.is_empty, rooms is None, rooms or 0, -server.number)

    return sorted(servers, key=spare)


@remembered(4)
def find_surplus(servers: Servers, wanted: int) -> tuple[Server, ...]:
    """Return the servers that are not wanted any more, whether or not they are empty yet.

    Old ones that serve leave one by one for each new Ready one; old ones that do not run
    also have to make room for the surge.
    """
    targets = _split(servers, wanted)
    ready = sum(server.is_ready for server in servers.current)
    serving_surplus = max(0, len(servers.old) - max(0, wanted - ready))
    idle_surplus = max(0, len(servers.old) - targets.old)
    old = order_surplus(servers.old)
    chosen = old[:serving_surplus] + [
        server for server in old[serving_surplus:idle_surplus] if not server.is_running
    ]
    too_many = len(servers.current) - wanted
    newest = order_surplus(servers.current)[:too_many] if too_many > 0 else []
    return (*newest, *chosen)


def _split(servers: Servers, wanted: int) -> Targets:
    return split_rollout(
        wanted,
        new_ready=sum(server.is_ready for server in servers.current),
        old_ready=sum(server.is_ready for server in servers.old),
    )


def _claim(server: Server) -> ScaleChild | None:
    """Keep a server's ReplicaSet at exactly one replica, and the field in our hands."""
    child = server.child
    if child.replicas == 1 and child.scaler_owns_replicas:
        return None
    if child.replicas > 1 and not _is_doubled_safely(server):
        return None
    guard = child.resource_version if child.replicas > 1 else None
    because = f"scale {child.key} {child.replicas}→1: a media server is one pod"
    return ScaleChild(child.key, child.replicas, 1, because, guard)


def _is_doubled_safely(server: Server) -> bool:
    """Say whether a second pod of a server can go without a doubt about which one it will be.

    The controller takes pods that do not run first; so at most one may run, it has to be
    Ready, and there must be no pod that only the controller has seen.
    """
    pods = [pod for pod in server.pods if not pod.is_deleting]
    running = [pod for pod in pods if pod.is_running]
    counted = int((server.child.manifest.get("status") or {}).get("replicas", 0))
    return counted <= len(pods) and len(running) <= 1 and all(pod.is_ready for pod in running)


def _explain_creation(
    create: tuple[int, ...], servers: Servers, wanted: int
) -> tuple[Decision, ...]:
    if not create or not servers.old:
        return ()
    count = len(servers.all)
    because = (
        f"media servers {', '.join(map(str, create))} of a new revision start beside "
        f"{len(servers.old)} old ones; {wanted} wanted"
    )
    return (Decision(Tier.MEDIA, count, count + len(create), Reason.NEW_REVISION, because),)


def _explain_removal(server: Server, now: datetime) -> str:
    since = server.empty_since
    if not server.is_running or since is None:
        return f"delete {server.child.key}: surplus, and its pod does not run"
    lasted = format_duration(now - since)
    return f"delete {server.child.key}: surplus, and without a room for {lasted}"


def _explain_wait(server: Server) -> str:
    match server.rooms:
        case None:
            return "surplus, but its room count is unknown, so it counts as busy"
        case 0:
            return "surplus and empty; removed once that has lasted 10 s"
        case rooms:
            return f"surplus; waits for {rooms} rooms to close"
