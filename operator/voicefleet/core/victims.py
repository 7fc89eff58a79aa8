"""Who leaves first, and who is called back first.

Both orders are total, end with the pod's name, and prefer whatever an earlier cycle already
chose: a worker's report of being cordoned comes seconds after the request, and until then
the same question must get the same answer. Called by `core/agents`.
"""

from datetime import UTC, datetime
from enum import IntEnum

from voicefleet.core.workers import Worker

NOT_YET = datetime.max.replace(tzinfo=UTC)
"""Stands for an instant nobody knows, so that it sorts last."""


def order_victims(workers: tuple[Worker, ...]) -> list[Worker]:
    """Return workers, the one that can best be spared first."""
    return sorted(workers, key=_spare)


def order_recalls(workers: tuple[Worker, ...]) -> list[Worker]:
    """Return cordoned workers, the one most worth keeping first."""
    return sorted(workers, key=_keep)


class Loss(IntEnum):
    """What keeping new sessions away from a worker costs, the least first."""

    DOES_NOT_RUN = 0
    """It can hold no call."""
    NOT_READY = 1
    """It serves no new caller anyway."""
    IDLE = 2
    BUSY = 3
    """The oldest session first: it is expected to end soonest."""
    UNKNOWN = 4
    """Busy, with calls of unknown age."""


def _spare(worker: Worker) -> tuple[bool, Loss, datetime, str]:
    loss = _loss_of(worker)
    oldest = worker.report.oldest_session_started_at if worker.report is not None else None
    ends_after = oldest if loss is Loss.BUSY and oldest is not None else NOT_YET
    return (not worker.is_marked, loss, ends_after, worker.pod.name)


def _loss_of(worker: Worker) -> Loss:
    if not worker.pod.is_running:
        return Loss.DOES_NOT_RUN
    if not worker.pod.is_ready:
        return Loss.NOT_READY
    if worker.sessions is None:
        return Loss.UNKNOWN
    return Loss.BUSY if worker.sessions else Loss.IDLE


def _keep(worker: Worker) -> tuple[bool, bool, int, float, str]:
    """Rank by readiness to serve, then by calls it has anyway, then by how lately cordoned."""
    since = worker.report.cordoned_since if worker.report is not None else None
    return (
        worker.is_marked,
        not worker.pod.is_ready,
        -(worker.sessions or 0),
        -(since.timestamp() if since is not None else 0.0),
        worker.pod.name,
    )
