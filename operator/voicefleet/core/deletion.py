"""When a deleted fleet may be let go: the end of its last call, or of our patience.

Called by `planning` for a fleet whose deletion was requested and that carries our finalizer.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from voicefleet.api.voicefleet import DeletionPolicy
from voicefleet.core.removal import is_removable
from voicefleet.core.servers import LOOK_AGAIN
from voicefleet.core.wording import list_some
from voicefleet.core.workers import view_worker
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import REPORT_AGE_MAX, Observed, Pod, Tier
from voicefleet.units import format_duration


@dataclass(frozen=True, slots=True)
class Farewell:
    """Whether the finalizer comes off now, and the sentence why or why not."""

    is_due: bool
    because: str
    wake_after: timedelta | None = None


def decide_farewell(
    fleet: Fleet, observed: Observed, now: datetime, *, grace: timedelta
) -> Farewell:
    """Decide whether a deleted fleet is released.

    Args:
        fleet: A fleet whose deletion was requested.
        observed: Its pods and their reports.
        now: The cycle's single clock reading.
        grace: The longest call and the margins for saying goodbye.

    Returns:
        Due at once where the author or the namespace leaves no choice, or where no container
        can hold a call; else due once the longest call must have ended.
    """
    if fleet.spec.deletion_policy is DeletionPolicy.NOW:
        return Farewell(is_due=True, because=f"{fleet} is deleted with deletionPolicy Now")
    if observed.is_namespace_terminating:
        return Farewell(
            is_due=True, because=f"{fleet} is deleted: namespace {fleet.namespace} terminates"
        )
    holders = find_holders(observed, now)
    if not holders:
        return Farewell(is_due=True, because=f"{fleet} is deleted: no call is left")
    requested = fleet.deletion_requested_at or now
    rest = requested + grace - now
    if rest <= timedelta(0):
        because = (
            f"{fleet} is deleted: {len(holders)} pods may still hold calls, but the longest "
            f"allowed one ended {format_duration(-rest)} ago"
        )
        return Farewell(is_due=True, because=because)
    because = (
        f"{fleet} waits for calls on {list_some(pod.name for pod in holders)}, "
        f"{format_duration(rest)} at most; set spec.deletionPolicy to Now to cut them"
    )
    asked = any(pod.tier is Tier.MEDIA for pod in holders)
    wake_after = min(rest, LOOK_AGAIN) if asked else rest
    return Farewell(is_due=False, because=because, wake_after=wake_after)


def find_holders(observed: Observed, now: datetime) -> tuple[Pod, ...]:
    """Return the pods that hold a call or may hold one, by name.

    Workers count while they run, even when idle, unless they are confirmed empty: one that
    has not been cordoned may get a call the next moment. Servers count while their own fresh
    reading is not 0. Pods on their way out count too: their calls go on until their grace ends.
    """
    return tuple(
        pod
        for pod in sorted(observed.pods, key=lambda pod: pod.name)
        if pod.is_running and not pod.is_finished and _may_hold(pod, observed, now)
    )


def _may_hold(pod: Pod, observed: Observed, now: datetime) -> bool:
    if pod.tier is Tier.AGENTS:
        worker = view_worker(pod, observed, now)
        return not (is_removable(worker) or (pod.is_deleting and worker.is_idle))
    if pod.tier is Tier.MEDIA:
        report = observed.report_of_server(pod)
        is_known = report is not None and now - report.observed_at <= REPORT_AGE_MAX
        return not is_known or report is None or report.rooms > 0
    return False
