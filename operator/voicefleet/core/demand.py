"""How many sessions the workers hold, told apart from what nobody knows.

A session on a cordoned worker counts: it will end there, but its successors call elsewhere.
The worker's room does not count. A silent worker has the sessions it last told of when more
capacity is asked for, and all its slots in use when capacity is to be taken away, so not
knowing never shrinks. Called by `core/agents_size`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from voicefleet.core.readings import FUTURE_TOLERANCE
from voicefleet.core.wording import count_of, list_some
from voicefleet.model.observed import Observed, Pod, Tier, WorkerReport
from voicefleet.recall import remembered

GREETING = timedelta(seconds=15)
"""A worker that became Ready a moment ago may not have been asked yet."""

BEGAN_AGE_MAX = timedelta(minutes=10)
"""Sessions that began earlier have been counted among the arrivals long ago."""

SESSIONS_MAX = 10_000
"""No worker holds more; the API allows 200 slots."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Sessions of one fleet, with what is missing from the count."""

    sessions: int
    """Running and reserved ones; of silent workers those that they last told of."""
    at_most: int
    """The same with every slot of silent workers in use."""
    heard: int
    """Workers whose report can be used."""
    serving: int
    """Workers that take new sessions."""
    silent: tuple[str, ...] = ()
    """Pods that may hold sessions and do not tell, by name."""
    new: int = 0
    """How many of the silent ones are Ready so briefly that they may not have been asked."""
    free: int | None = None
    """Slots free on workers that take new sessions; None where nobody counted them."""
    began: tuple[datetime, ...] = ()
    """When running sessions began, as far as that is recent."""
    tells_beginnings: bool = False
    """Whether any worker tells when its sessions began."""

    @property
    def is_known(self) -> bool:
        """Whether there is anything to decide on: a report, or certainly no session."""
        return self.heard > 0 or not self.silent

    @property
    def fault(self) -> str:
        """What is wrong with the count, for people; empty where nothing is."""
        overdue = len(self.silent) - self.new
        if overdue <= 0:
            return ""
        every = count_of(self.heard + len(self.silent), "worker")
        return f"{overdue} of {every} tell nothing of their sessions ({list_some(self.silent)})"


def view_demand(observed: Observed, now: datetime, *, slots: int, stale_after: timedelta) -> Demand:
    """Count the sessions of every agents pod that can hold one.

    Args:
        observed: The snapshot; workers on their way out count with their calls.
        now: The cycle's single clock reading.
        slots: Sessions that a worker may hold, for those that never told.
        stale_after: Age at which a report says nothing about now any more.
    """
    tally = _Tally(slots, now, now - stale_after)
    for pod in _callable_pods(observed.pods):
        tally.note(pod, observed.report_of_worker(pod))
    return Demand(
        sessions=tally.sessions,
        at_most=tally.at_most,
        heard=tally.heard,
        serving=tally.serving,
        silent=tuple(sorted(tally.silent)),
        new=tally.new,
        free=tally.free,
        began=tuple(tally.began),
        tells_beginnings=tally.tells_beginnings,
    )


class _Tally:
    """Counts worker by worker; a thousand of them in every cycle, so without objects for each."""

    def __init__(self, slots: int, now: datetime, oldest: datetime) -> None:
        """Begin at nothing.

        Args:
            slots: Sessions that a worker may hold.
            now: The cycle's single clock reading.
            oldest: When a report that can be used was made at the earliest.
        """
        self.sessions = self.at_most = self.heard = self.serving = self.new = self.free = 0
        self.silent: list[str] = []
        self.began: list[datetime] = []
        self.tells_beginnings = False
        self._slots, self._now = slots, now
        self._oldest, self._newest = oldest, now + FUTURE_TOLERANCE
        self._recent = now - BEGAN_AGE_MAX

    def note(self, pod: Pod, report: WorkerReport | None) -> None:
        """Count one worker that may hold sessions."""
        told = _sessions_of(report)
        if report is None or told is None or not self._is_usable(report):
            self._miss(pod, report, told)
            return
        self.heard += 1
        self.sessions += told
        self.at_most += told
        if _is_serving(pod, report):
            self.serving += 1
            if told < self._slots:
                self.free += self._slots - told
        if report.session_starts:
            self._note_beginnings(report)

    def _note_beginnings(self, report: WorkerReport) -> None:
        self.tells_beginnings = True
        recent = self._recent
        self.began += [start for start in report.session_starts if start >= recent]

    def _miss(self, pod: Pod, report: WorkerReport | None, told: int | None) -> None:
        """Count one that says nothing that can be used now, with what it last told."""
        if report is not None and report.session_starts:
            self._note_beginnings(report)
        self.serving += _is_serving(pod, report)
        if told is None and not pod.is_ready:
            return
        self.silent.append(pod.name)
        self.new += report is None and self._is_new(pod)
        self.sessions += told or 0
        self.at_most += max(told or 0, self._slots)

    def _is_usable(self, report: WorkerReport) -> bool:
        return self._oldest <= report.observed_at <= self._newest

    def _is_new(self, pod: Pod) -> bool:
        return self._now - (pod.ready_at or pod.created_at) < GREETING


@remembered(8)
def count_rooms(observed: Observed, now: datetime, *, age_max: timedelta) -> int | None:
    """Return the rooms on all media servers, or None where a running one does not tell."""
    servers = _running_servers(observed.pods)
    rooms = 0
    for pod in servers:
        report = observed.report_of_server(pod)
        if report is None or not abs(now - report.observed_at) <= age_max:
            return None
        rooms += report.rooms
    return rooms if servers else None


@remembered(4)
def _running_servers(pods: tuple[Pod, ...]) -> tuple[Pod, ...]:
    """Return the media servers in which a container runs."""
    return tuple(pod for pod in pods if pod.tier is Tier.MEDIA and pod.is_running)


@remembered(4)
def _callable_pods(pods: tuple[Pod, ...]) -> tuple[Pod, ...]:
    """Return the workers in which a container runs, those being deleted included."""
    return tuple(
        pod for pod in pods if pod.tier is Tier.AGENTS and pod.is_running and not pod.is_finished
    )


def _is_serving(pod: Pod, report: WorkerReport | None) -> bool:
    """Say whether a worker takes new sessions."""
    return pod.is_ready and not (report is not None and report.is_cordoned)


def _sessions_of(report: WorkerReport | None) -> int | None:
    """Return a report's sessions, or None where there is none that can be believed."""
    if report is None:
        return None
    active, reserved = report.active, report.reserved
    # A bool is an int to Python, and no count; asking for the type itself is also quicker.
    if type(active) is not int or type(reserved) is not int:
        return None
    is_possible = active >= 0 and reserved >= 0 and active + reserved <= SESSIONS_MAX
    return active + reserved if is_possible else None
