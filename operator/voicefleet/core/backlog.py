"""How many evaluators the waiting evaluations need to be done in time.

Earliest deadline first: whatever order the evaluators take, all work due by one deadline has
to fit into the time until then, so the deadline that needs the most evaluators decides. Where
the author named off-peak windows, evaluators work then, and outside them only for what would
otherwise be late. Called by `core/evaluation_size` and, for the condition, by
`core/conditions`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from voicefleet.core.readings import STALE_AFTER, read_sample
from voicefleet.core.week_windows import Span
from voicefleet.model.signal import EvaluationQueue, Sample

LEAD_TIME = timedelta(seconds=180)
"""From wanting an evaluator until it works: 120 s for a spot node, 40 s for the pod, and one
look at the queue (the figures of the scaling benchmark)."""

SPOT_LOSS = 0.05
"""Share of a spot evaluator's time that is lost: a reclaimed one costs the 3 minutes until
another one works, and one an hour is more than clouds report."""

WORTH_STARTING = timedelta(minutes=15)
"""Started to work for less than this, an evaluator costs much of its time in starting. So what
is late already, or waits near the end of a window, is spread over so much time."""

WINDOW_SHARE = 0.8
"""Share of the future off-peak hours that is relied upon; more calls will end until then."""

QUEUE = "evaluation queue"
"""How the queue as a whole is called where it cannot be believed."""

ROUNDING = 1e-9
"""7200 s of work in 7200 s are one evaluator, whatever binary fractions say."""


@dataclass(frozen=True, slots=True)
class Due:
    """All work that has to be done by one time, everything due earlier included."""

    at: datetime
    work_seconds: float


@dataclass(frozen=True, slots=True)
class Backlog:
    """The queue as far as it can be believed."""

    dues: tuple[Due, ...] = ()
    """By time."""
    in_flight: int = 0
    faults: Mapping[str, str] = field(default_factory=dict)
    """What cannot be believed; while there is any, nobody is sent away."""

    @property
    def is_known(self) -> bool:
        """Whether there is a queue to go by, parts of which may still be unknown."""
        return QUEUE not in self.faults

    @property
    def work_seconds(self) -> float:
        """All work that waits."""
        return self.dues[-1].work_seconds if self.dues else 0.0

    @property
    def is_empty(self) -> bool:
        """Whether certainly nothing waits and nobody works."""
        return not self.faults and self.work_seconds == 0 and self.in_flight == 0


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the tier may use, and when."""

    evaluators_max: int
    loss: float
    """Share of evaluators' time that the cloud takes."""
    spans: tuple[Span, ...] = ()
    """Off-peak hours from now on, apart from each other."""

    def present(self, now: datetime) -> Span | None:
        """Return the off-peak hours of now; None outside of them."""
        return next((span for span in self.spans if now in span), None)


@dataclass(frozen=True, slots=True)
class Task:
    """Work that evaluators started now have some time for."""

    work_seconds: float
    rest: timedelta
    """Time that an evaluator started now has for it; none or less where it is too late."""
    loss: float

    def count(self, current: int, *, is_urgent: bool) -> int:
        """Return the evaluators it takes.

        Args:
            current: Evaluators there are: those that run need not be worth starting.
            is_urgent: Whether it is worth any price, because it can still be done in time.
        """
        exact = self._over(max(self.rest, LEAD_TIME))
        if is_urgent:
            return exact
        return max(self._over(max(self.rest, WORTH_STARTING)), min(current, exact))

    def _over(self, time_left: timedelta) -> int:
        share = self.work_seconds / time_left.total_seconds() / (1 - self.loss)
        return math.ceil(share - ROUNDING)

    def __str__(self) -> str:
        """Read as the division it is."""
        lost = f" / {1 - self.loss:.2f} left by spot" if self.loss else ""
        time_left = max(self.rest, LEAD_TIME).total_seconds()
        return f"{self.work_seconds:.0f} s / {time_left:.0f} s{lost}"


@dataclass(frozen=True, slots=True)
class Need:
    """Evaluators that one deadline, or the end of a window, asks for."""

    evaluators: int
    because: str
    due: Due | None = None


def read_backlog(
    queue: EvaluationQueue | None,
    now: datetime,
    *,
    deadline: timedelta,
    stale_after: timedelta = STALE_AFTER,
) -> Backlog:
    """Return what of the queue can be believed.

    Args:
        queue: As delivered, or None where nothing was.
        now: The cycle's single clock reading.
        deadline: No evaluation may take longer than this from now, whatever its own due time.
        stale_after: Oldest age that is still now.
    """
    if queue is None:
        return Backlog(faults={QUEUE: "missing"})
    counted = read_sample(Sample(queue.in_flight, queue.observed_at), now, stale_after=stale_after)
    if counted.value is None:
        return Backlog(faults={QUEUE: str(counted.unfit)})
    faults: dict[str, str] = {}
    amounts: dict[datetime, float] = {}
    for entry in queue.work:
        work = read_sample(Sample(entry.work_seconds, now), now)
        if work.value is None:
            faults["evaluation work"] = str(work.unfit)
            continue
        at = min(entry.due_at, now + deadline)
        amounts[at] = amounts.get(at, 0.0) + work.value
    total = 0.0
    dues = []
    for at in sorted(amounts):
        total += amounts[at]
        dues.append(Due(at, total))
    return Backlog(tuple(dues), int(counted.value), faults)


def need_for_deadlines(backlog: Backlog, outlook: Outlook, now: datetime, *, current: int) -> Need:
    """Return what the tightest deadline asks for.

    36,000 s of work due in 2 h: 36,000 / (7,200 - 180) = 5.2, so 6 evaluators. With an
    off-peak hour before the deadline in which 20 evaluators may run, that hour does it all
    and the answer is 0 until it begins.
    """
    dues = (due for due in backlog.dues if due.work_seconds > 0)
    needs = (_need_by(due, outlook, now, current) for due in dues)
    return max(needs, key=lambda need: need.evaluators, default=Need(0, "nothing waits"))


def need_for_window(
    backlog: Backlog, outlook: Outlook, now: datetime, *, current: int
) -> Need | None:
    """Return what it takes to be done with everything before the present window ends.

    None outside of any window, and where nothing waits.
    """
    span = outlook.present(now)
    if span is None or not backlog.work_seconds:
        return None
    task = Task(backlog.work_seconds, span.ends_at - now - LEAD_TIME, outlook.loss)
    return Need(
        task.count(current, is_urgent=False),
        f"{_hours(task.work_seconds)} of work wait and the off-peak window lasts until "
        f"{_clock(span.ends_at)}: {task}",
    )


def seconds_within(spans: tuple[Span, ...], start: datetime, end: datetime) -> float:
    """Return how long evaluators can work in windows during a time.

    Each window loses the lead time at its begin: evaluators are wanted from then on.
    """
    useful = (
        min(span.ends_at, end) - max(span.starts_at, start) - LEAD_TIME
        for span in spans
        if span.starts_at < end and span.ends_at > start
    )
    return sum(max(0.0, part.total_seconds()) for part in useful)


def _need_by(due: Due, outlook: Outlook, now: datetime, current: int) -> Need:
    cheap = 0.0
    if outlook.present(now) is None:
        cheap = seconds_within(outlook.spans, now, due.at)
    absorbed = cheap * outlook.evaluators_max * (1 - outlook.loss) * WINDOW_SHARE
    rest = due.at - now - timedelta(seconds=cheap) - LEAD_TIME
    task = Task(max(0.0, due.work_seconds - absorbed), rest, outlook.loss)
    told = f"{_hours(due.work_seconds)} of work due by {_clock(due.at)}"
    if absorbed:
        told += f", {_hours(min(absorbed, due.work_seconds))} of it in off-peak windows before"
    return Need(task.count(current, is_urgent=rest > timedelta(0)), f"{told}: {task}", due)


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h"


def _clock(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%MZ")
