"""When a cordoned worker may go, and how its ReplicaSet is made to take that very one.

The law of two-phase removal: first new sessions are kept away and one dispatch settle time
passes; only a report read after that can confirm that the worker is empty. Then the pod gets
a deletion cost, and once its ReplicaSet's controller has seen that, `replicas` drops by exactly
the number of confirmed workers. Called by `core/agents`.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from voicefleet.core.wording import list_some
from voicefleet.core.workers import Worker, WorkerSet
from voicefleet.units import format_duration

SETTLE = timedelta(seconds=5)
"""How long a session may still arrive after a cordon: psrpc gives up a dispatch after 3 s
(livekit/psrpc, DefaultClientTimeout), and the worker's new load takes up to 2 s to arrive."""

LOOK_AGAIN = timedelta(seconds=1)
"""Wait for a report that is only just not new enough."""

POLL_LENGTH = timedelta(seconds=5)
"""A worker answers its long poll after this at the latest (docs/worker-endpoint.md)."""

SIGNALS_LENGTH = timedelta(seconds=15)
"""A metrics provider, or a silent server, is asked again after so long."""


def is_removable(worker: Worker) -> bool:
    """Say whether a worker is confirmed empty and cannot become busy again."""
    if not worker.is_cordoned:
        return False
    if not worker.pod.is_running:
        return True
    report = worker.report
    return (
        worker.is_idle
        and report is not None
        and report.cordoned_since is not None
        and report.observed_at >= report.cordoned_since + SETTLE
    )


def rest_of_wait(leavers: Iterable[Worker], now: datetime) -> timedelta | None:
    """Return when to look again at cordoned workers which nothing else may announce.

    A busy worker announces its last call's end itself. Time passing, and a silent worker
    speaking again without a change, announce nothing.
    """
    waits = [
        POLL_LENGTH if worker.sessions is None else _rest_of_settle(worker, now)
        for worker in leavers
        if not worker.sessions and not is_removable(worker)
    ]
    return min(waits, default=None)


def _rest_of_settle(worker: Worker, now: datetime) -> timedelta:
    since = worker.report.cordoned_since if worker.report is not None else None
    return max(LOOK_AGAIN, since + SETTLE - now) if since is not None else SETTLE


def find_priced(workers: Iterable[Worker]) -> tuple[Worker, ...]:
    """Return the confirmed workers whose deletion cost is visible on their pods."""
    return tuple(worker for worker in workers if is_removable(worker) and worker.is_priced)


def explain_hold(workers: WorkerSet, leaving: Iterable[Worker]) -> str | None:
    """Say why this ReplicaSet must not shrink now, or None if it may.

    The controller takes pods that are not Ready before it looks at deletion costs, and among
    Ready ones those of lowest cost. So nothing that stays may be one of either, unless it can
    hold no call at all.
    """
    if workers.is_shrinking:
        return f"{workers.child.key} has more pods than replicas; waiting for its controller"
    if workers.counted > len(workers.workers):
        return (
            f"{workers.child.key} counts {workers.counted} pods, but {len(workers.workers)} are "
            "known; waiting for both to agree"
        )
    expected = workers.child.replicas - workers.missing
    if expected > len(workers.workers):
        return (
            f"{workers.child.key} wants {expected} pods and has {len(workers.workers)}; fewer "
            "replicas would now only mean fewer new pods"
        )
    names = {worker.pod.name for worker in leaving}
    for worker in workers.workers:
        if worker.pod.name in names or not worker.pod.is_running:
            continue
        if not worker.pod.is_ready:
            return (
                f"Pod/{worker.pod.name} is not Ready and may hold calls, and {workers.child.key} "
                "would take it first; delete that pod if it holds none"
            )
        if worker.is_priced:
            return (
                f"Pod/{worker.pod.name} carries a deletion cost although it stays; "
                f"{workers.child.key} waits until it is gone"
            )
    return None


def explain_removal(workers: Iterable[Worker], now: datetime) -> str:
    """Say which workers go and what confirmed it."""
    return list_some(
        f"{worker.pod.name} ({_evidence(worker, now)})"
        for worker in sorted(workers, key=lambda worker: worker.pod.name)
    )


def _evidence(worker: Worker, now: datetime) -> str:
    report = worker.report
    if not worker.pod.is_running or report is None or report.cordoned_since is None:
        return "does not run"
    return f"0 sessions, cordoned {format_duration(now - report.cordoned_since)} ago"
