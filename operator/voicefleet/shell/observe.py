"""Reads everything one cycle decides on, once: the ports as they are → `Observed`.

Almost everything comes from caches and costs no request. Asked anew are only those whose
answer may lead to a removal, because nothing is removed on an old word. Called by
`shell/reconcile`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from voicefleet.api import labels
from voicefleet.manifests import ObjectKey
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import (
    Child,
    Observed,
    Pod,
    ServerReport,
    Tier,
    WorkerReport,
)
from voicefleet.model.signal import Sample, Signals
from voicefleet.ports import Clock, Cluster, MediaServers, MetricsProvider, Surges, Workers

logger = logging.getLogger(__name__)

GREETING_SECONDS = 1.0
"""How long a cycle waits for the first words of workers it has not met. They take milliseconds,
and who says nothing in this time is unknown until its long poll is answered. Without the wait
every start of the operator would mark all pods as busy, and a moment later as what they are."""

READS_AT_ONCE = 16
"""Workers and servers asked at the same time; a draining fleet of 1,000 is 63 rounds of
milliseconds, and no burst of connections."""

SERVER_REPORT_AGE_MAX = timedelta(seconds=4)
"""A server's count is read again when it is older, so at least once per 5 s while it matters.
Together with the 10 s that a count must stay zero, two readings always lie in between."""

SERVER_LOOK_SECONDS = 15.0
"""While nobody may have to go, a server's count is read again when it is older than this. A
fleet in which something happens has a cycle for it, and one more after the last happening; a
fleet at rest has its resync."""

SERVER_LOOK = timedelta(seconds=SERVER_LOOK_SECONDS)

T = TypeVar("T")


class Observer:
    """Makes the one snapshot that a plan rests on."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        workers: Workers,
        servers: MediaServers,
        metrics: MetricsProvider,
        surges: Surges,
        clock: Clock,
    ) -> None:
        self._cluster = cluster
        self._workers = workers
        self._servers = servers
        self._metrics = metrics
        self._surges = surges
        self._clock = clock
        self._met: dict[ObjectKey, frozenset[str]] = {}

    async def observe(self, fleet: Fleet, key: ObjectKey, *, secrets_due: bool) -> Observed:
        """Return the fleet's children, pods and reports of this moment.

        Args:
            fleet: The fleet, parsed.
            key: Its address.
            secrets_due: Whether this cycle posts the generated Secrets.
        """
        pods = tuple(self._cluster.pods(key))
        children = await self._find_children(key, pods)
        pods = disown_strangers(pods, children)
        agents = [pod for pod in pods if pod.tier is Tier.AGENTS and not pod.is_finished]
        await self._follow(key, [pod for pod in agents if pod.is_running and pod.ip])
        matter = may_remove_servers(fleet, children) or self._is_any_cordoned(agents)
        workers, servers, is_terminating = await asyncio.gather(
            self._read_workers(agents),
            self._read_servers(pods, age_max=SERVER_REPORT_AGE_MAX if matter else SERVER_LOOK),
            self._is_namespace_terminating(fleet),
        )
        return Observed(
            children=children,
            pods=pods,
            workers=workers,
            servers=servers,
            is_namespace_terminating=is_terminating,
            secrets_due=secrets_due,
            signals=join_connections(self._metrics.signals(fleet), servers),
            surges=self._surges.find(key, self._clock.now()),
        )

    def forget(self, key: ObjectKey) -> None:
        """Let go of a fleet that does not exist any more."""
        self._met.pop(key, None)
        self._metrics.forget(key)

    async def _follow(self, key: ObjectKey, running: Sequence[Pod]) -> None:
        """Ask new workers once, and keep asking all of them behind the cycles."""
        await self._meet(key, [pod for pod in running if pod.is_ready])
        self._workers.follow(key, running)

    async def _meet(self, key: ObjectKey, ready: Iterable[Pod]) -> None:
        """Ask each ready worker once, when it is first seen; from then on its poll tells."""
        met = self._met.get(key, frozenset())
        self._met[key] = frozenset(pod.uid for pod in ready)
        new = [pod for pod in ready if pod.uid not in met and self._workers.report(pod) is None]
        try:
            async with asyncio.timeout(GREETING_SECONDS):
                await _gather(self._workers.read, new)
        except TimeoutError:
            logger.debug("%s/%s: not every new worker has answered yet", key.namespace, key.name)

    async def _find_children(
        self, key: ObjectKey, pods: Iterable[Pod]
    ) -> Mapping[ObjectKey, Child]:
        """Return the children, those included that lost our labels while their pods kept them.

        The cache selects by label, so such a ReplicaSet looks deleted; a plan that believed
        it would start a second set of pods beside the one that runs.
        """
        for lost in find_lost_owners(self._cluster.children(key), pods):
            await self._cluster.refresh(lost)
        return dict(self._cluster.children(key))

    async def _read_workers(self, agents: Iterable[Pod]) -> Mapping[str, WorkerReport]:
        """Return every worker's newest word, asked anew where it may soon be removed."""
        reports = {pod.uid: self._workers.report(pod) for pod in agents}
        leaving = [pod for pod in agents if _may_leave(pod, reports[pod.uid])]
        fresh = await _gather(self._workers.read, leaving)
        return {**_known(reports), **_known(fresh)}

    def _is_any_cordoned(self, agents: Iterable[Pod]) -> bool:
        """Say whether a worker may soon be removed: rooms on the servers are the second witness."""
        reports = (self._workers.report(pod) for pod in agents)
        return any(report is not None and report.is_cordoned for report in reports)

    async def _read_servers(
        self, pods: Iterable[Pod], *, age_max: timedelta
    ) -> Mapping[str, ServerReport]:
        """Return every server's counts, asked anew where they are older than that."""
        servers = [pod for pod in pods if pod.tier is Tier.MEDIA and pod.is_running and pod.ip]
        reports = {pod.uid: self._servers.report(pod) for pod in servers}
        now = self._clock.now()
        old = [pod for pod in servers if _is_old(reports[pod.uid], now, age_max)]
        fresh = await _gather(self._servers.read, old)
        return {**_known(reports), **_known(fresh)}

    async def _is_namespace_terminating(self, fleet: Fleet) -> bool:
        """Ask only while the fleet is being deleted; nothing else depends on it."""
        if not fleet.is_deleting:
            return False
        return await self._cluster.is_namespace_terminating(fleet.namespace)


def find_server_look(observed: Observed, now: datetime) -> float | None:
    """Return in how many seconds the servers' counts should be read again, None if by resync.

    Counts that were read in this cycle are as new as everything else. Older ones may lack what
    this cycle was about.

    Args:
        observed: The cycle's snapshot.
        now: When the cycle began.
    """
    ages = [(now - report.observed_at).total_seconds() for report in observed.servers.values()]
    waits = [SERVER_LOOK_SECONDS - age for age in ages if 0 < age < SERVER_LOOK_SECONDS]
    return min(waits, default=None)


def join_connections(signals: Signals, servers: Mapping[str, ServerReport]) -> Signals:
    """Return the signals with what the media servers themselves say about their connections."""
    connections = {
        uid: Sample(float(report.participants), report.observed_at)
        for uid, report in servers.items()
        if report.participants is not None
    }
    return replace(signals, connections=connections)


def find_lost_owners(
    children: Mapping[ObjectKey, Child], pods: Iterable[Pod]
) -> tuple[ObjectKey, ...]:
    """Return the ReplicaSets that pods name as their owner and that the cache does not have."""
    owners = {
        ObjectKey("ReplicaSet", pod.namespace, pod.owner_name)
        for pod in pods
        if pod.owner_name and not pod.is_deleting and not pod.is_finished
    }
    return tuple(sorted(owners - children.keys()))


def disown_strangers(pods: Iterable[Pod], children: Mapping[ObjectKey, Child]) -> tuple[Pod, ...]:
    """Return the pods; those that only name a ReplicaSet of ours as their owner have none.

    The ReplicaSet controller goes by the UID. A pod that it does not count must not count as
    a worker either: with it the operator would see one more than there is, and might remove
    another one for it. It stays in sight, because it may hold calls.
    """
    return tuple(
        replace(pod, owner_name="") if _is_stranger(pod, children) else pod for pod in pods
    )


def _is_stranger(pod: Pod, children: Mapping[ObjectKey, Child]) -> bool:
    owner = children.get(ObjectKey("ReplicaSet", pod.namespace, pod.owner_name))
    return owner is not None and bool(pod.owner_uid) and pod.owner_uid != owner.uid


def may_remove_servers(fleet: Fleet, children: Mapping[ObjectKey, Child]) -> bool:
    """Say whether a media server may be one too many: then room counts must be known.

    Any of: the fleet is being deleted, there are more servers than the minimum, or servers of
    more than one revision.
    """
    servers = [
        child
        for key, child in children.items()
        if key.kind == "ReplicaSet" and child.labels.get(labels.TIER) == Tier.MEDIA
    ]
    revisions = {child.labels.get(labels.REVISION) for child in servers}
    return fleet.is_deleting or len(servers) > fleet.spec.media.min_replicas or len(revisions) > 1


def _may_leave(pod: Pod, report: WorkerReport | None) -> bool:
    """Say whether a removal may rest on this worker's word: cordoned, and empty when it spoke.

    A worker that has never answered stays unknown, thus busy; its long poll is still tried.
    """
    if report is None or not pod.is_running or not pod.ip:
        return False
    return report.is_cordoned and report.active + report.reserved == 0


def _is_old(report: ServerReport | None, now: datetime, age_max: timedelta) -> bool:
    return report is None or now - report.observed_at > age_max


def _known(reports: Mapping[str, T | None]) -> dict[str, T]:
    """Leave out who has said nothing: an absent report is not a report of zero."""
    return {uid: report for uid, report in reports.items() if report is not None}


async def _gather(read: Callable[[Pod], Awaitable[T]], pods: Iterable[Pod]) -> dict[str, T]:
    """Ask several pods at once, but never all of a large fleet."""
    limit = asyncio.Semaphore(READS_AT_ONCE)

    async def ask(pod: Pod) -> T:
        async with limit:
            return await read(pod)

    asked = list(pods)
    answers = await asyncio.gather(*(ask(pod) for pod in asked))
    return {pod.uid: answer for pod, answer in zip(asked, answers, strict=True)}
