"""From a provider's answers to one fleet's signals: joined, dated, and refused where unsure.

A percentile needs its count and the time of its newest sample beside it, because Prometheus
dates every answer with the moment of asking. Pure; called by `adapters/prometheus`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from voicefleet.adapters.prometheus_answers import Fault, Found, Group, Labels, Point, Row
from voicefleet.adapters.prometheus_client import FaultCause
from voicefleet.adapters.prometheus_queries import GPU_MINUTES, LATENCY_WINDOW, Query
from voicefleet.model.fleet import Fleet
from voicefleet.model.signal import (
    DueWork,
    EvaluationQueue,
    PoolSignals,
    Sample,
    Signals,
    Stage,
)
from voicefleet.render.names import fleet_label, speech_name

TURNS_MIN = 20
"""Fewer turns have no P95: of 19 it is their maximum."""

FUTURE_TOLERANCE = timedelta(seconds=15)
"""Clocks of a provider and of the operator differ by so much in healthy clusters."""

PERCENT_MAX = 100.0

DUE_ENTRIES_MAX = 64
"""Due times of one fleet that are told apart."""

DUE_SECONDS_MAX = 30 * 86400
"""Work that is due later than in a month is due in a month."""

MILLISECONDS = 1000.0

NOT_ASKED = Fault(FaultCause.EMPTY, "not asked yet")
NO_SERIES = Fault(FaultCause.EMPTY, "no such series")


@dataclass(slots=True)
class Answers:
    """The newest successful answer to each question, and what went wrong since."""

    vectors: dict[Query, Mapping[Labels, Found]] = field(default_factory=dict)
    rows: dict[Query, Mapping[Labels, Row | Fault]] = field(default_factory=dict)
    groups: dict[Query, Mapping[Labels, Group]] = field(default_factory=dict)
    faults: dict[Query, Fault] = field(default_factory=dict)
    """Of the last round, by question; a kept answer may be beside it and grows old."""
    asked: frozenset[Query] = frozenset(Query)
    """Questions that are not switched off."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Looks values up for one fleet at one moment."""

    answers: Answers
    fleet: Fleet
    now: datetime
    stale_after: timedelta
    names: tuple[str, ...]
    """What the fleet's series may be called: its name, or the label that its pods carry."""

    def find(self, query: Query, *more: str) -> Found | None:
        """Return the fleet's value; None where the question is switched off."""
        if query not in self.answers.asked:
            return None
        answer = self.answers.vectors.get(query)
        if answer is None:
            return self._unanswered(query)
        for name in self.names:
            if (found := answer.get((self.fleet.namespace, name, *more))) is not None:
                return found
        return NO_SERIES

    def find_workload(self, query: Query, workload: str) -> Row | Found | None:
        """Return what is said of one Deployment; None where the question is switched off."""
        if query not in self.answers.asked:
            return None
        answer: Mapping[Labels, Row | Found] | None = self.answers.rows.get(
            query, self.answers.vectors.get(query)
        )
        if answer is None:
            return self._unanswered(query)
        return answer.get((self.fleet.namespace, workload), NO_SERIES)

    def date(self, found: Found | None, seen_at: Found | None, query: Query) -> Found | None:
        """Return a value with the time of the newest sample behind it, if that is of now."""
        if not isinstance(found, Point):
            return found
        if isinstance(seen_at, Fault):
            return Fault(seen_at.cause, f"the time of its newest sample: {seen_at.detail}")
        at = found.at
        if seen_at is not None:
            at = min(at, datetime.fromtimestamp(seen_at.value, UTC))
        return self.judge(Point(found.value, at), query)

    def judge(self, point: Point, query: Query) -> Found:
        """Refuse what is not of now."""
        if point.at > self.now + FUTURE_TOLERANCE:
            ahead = (point.at - self.now).total_seconds()
            return Fault(FaultCause.PARSE, f"{ahead:.0f} s from the future; compare the clocks")
        age = self.now - point.at
        if age > self.stale_after:
            why = self.answers.faults.get(query)
            since = f"{age.total_seconds():.0f} s old, {self.stale_after.total_seconds():.0f} s"
            told = f"{since} allowed"
            return Fault(FaultCause.STALE, f"{told}; {why}" if why else told)
        return point

    def _unanswered(self, query: Query) -> Fault:
        return self.answers.faults.get(query) or NOT_ASKED


class Gathering:
    """Collects samples, and the reasons for those that are missing."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.faults: dict[str, str] = {}

    def keep(
        self, name: str, found: Found | None, *, scale: float = 1.0, count: int | None = None
    ) -> Sample | None:
        """Return a value as a sample, or note why it is none."""
        if isinstance(found, Fault):
            self.faults[name] = str(found)
        if not isinstance(found, Point):
            return None
        return Sample(found.value * scale, found.at, count)

    def keep_percentile(self, name: str, queries: tuple[Query, Query], *more: str) -> Sample | None:
        """Return a P95 in milliseconds, if enough turns stand behind it."""
        value_query, count_query = queries
        reader = self.reader
        counted = reader.find(count_query, *more)
        count = round(counted.value) if isinstance(counted, Point) else None
        seen_at = reader.find(Query.TURNS_SEEN_AT)
        found = reader.date(reader.find(value_query, *more), seen_at, value_query)
        if isinstance(counted, Fault):
            found = found and counted
        elif count is not None and count < TURNS_MIN and not _is_outage(found):
            told = f"{count} turns in {LATENCY_WINDOW}, {TURNS_MIN} needed"
            found = found and Fault(FaultCause.FEW, told)
        return self.keep(name, found, scale=MILLISECONDS, count=count)

    def keep_dated(self, name: str, query: Query, seen_at: Query) -> Sample | None:
        """Return a value whose time is that of another question's answer."""
        reader = self.reader
        return self.keep(name, reader.date(reader.find(query), reader.find(seen_at), query))

    def keep_gauge(self, name: str, query: Query, *more: str) -> Sample | None:
        """Return a value whose expression looks back no further than a minute."""
        reader = self.reader
        return self.keep(name, reader.date(reader.find(query, *more), None, query))


def read_signals(
    answers: Answers, fleet: Fleet, now: datetime, *, stale_after: timedelta
) -> Signals:
    """Return one fleet's signals as the answers have them.

    Args:
        answers: What the provider said in this round and in earlier ones.
        fleet: Whose; with its speech pools, and the ready replicas in its status.
        now: What ages are counted from.
        stale_after: A value older than this is none.
    """
    names = tuple(dict.fromkeys((fleet.name, fleet_label(fleet))))
    gathering = Gathering(Reader(answers, fleet, now, stale_after, names))
    ttfb = gathering.keep_percentile("ttfb", (Query.TTFB, Query.TURNS))
    return Signals(
        ttfb_milliseconds=ttfb,
        stages=_read_stages(gathering),
        error_ratio=gathering.keep_dated("error_ratio", Query.ERROR_RATIO, Query.TURNS_SEEN_AT),
        drop_off_ratio=gathering.keep_dated(
            "drop_off_ratio", Query.DROP_OFF_RATIO, Query.SESSIONS_SEEN_AT
        ),
        rate_limit_hits=gathering.keep_dated(
            "rate_limit_hits", Query.RATE_LIMIT_HITS, Query.REQUESTS_SEEN_AT
        ),
        pools={pool.name: _read_pool(gathering, pool.name) for pool in fleet.spec.speech},
        evaluation=_read_evaluation(gathering) if fleet.spec.evaluation is not None else None,
        faults=gathering.faults,
    )


def _read_stages(gathering: Gathering) -> Mapping[Stage, Sample]:
    """Return the stages that the fleet reports; which it has depends on its pipeline.

    So a stage that nobody reports is no fault, unless that is how the whole answer is.
    """
    found = {}
    for stage in Stage:
        name = f"stages/{stage}"
        sample = gathering.keep_percentile(name, (Query.STAGES, Query.STAGE_TURNS), stage.value)
        if sample is not None:
            found[stage] = sample
        elif gathering.faults.get(name, "").startswith((FaultCause.EMPTY, FaultCause.FEW)):
            del gathering.faults[name]
    return found


def _read_pool(gathering: Gathering, pool: str) -> PoolSignals:
    reader, fleet = gathering.reader, gathering.reader.fleet
    workload = speech_name(fleet, pool)
    row = reader.find_workload(Query.GPU_UTILIZATION, workload)
    utilization: tuple[Sample, ...] = ()
    if isinstance(row, Fault):
        gathering.faults[f"utilization/{pool}"] = str(row)
    elif isinstance(row, tuple):
        utilization = _read_row(gathering, row, pool)
    return PoolSignals(
        utilization=utilization,
        coverage=_read_coverage(gathering, workload, pool),
        waiting=gathering.keep_gauge(f"waiting/{pool}", Query.SPEECH_WAITING, pool),
    )


def _read_row(gathering: Gathering, row: Row, pool: str) -> tuple[Sample, ...]:
    """Return the averages of each minute, if the newest is of now."""
    fit = [point for point in row if point.value <= PERCENT_MAX]
    newest: Found = Fault(FaultCause.PARSE, f"above {PERCENT_MAX:g} percent")
    if fit:
        newest = gathering.reader.judge(fit[-1], Query.GPU_UTILIZATION)
    if isinstance(newest, Fault):
        gathering.faults[f"utilization/{pool}"] = str(newest)
        return ()
    return tuple(Sample(point.value, point.at) for point in fit[-GPU_MINUTES:])


def _read_coverage(gathering: Gathering, workload: str, pool: str) -> Sample | None:
    """Return how much of the pool the average stands on; without ready pods nobody can say."""
    reader = gathering.reader
    found = reader.find_workload(Query.GPU_REPLICAS, workload)
    if isinstance(found, tuple):
        return None
    ready = [one.ready_replicas for one in reader.fleet.status.speech if one.name == pool]
    if isinstance(found, Point):
        if not ready or ready[0] == 0:
            return None
        found = Point(min(1.0, found.value / ready[0]), found.at)
    return gathering.keep(f"coverage/{pool}", reader.date(found, None, Query.GPU_REPLICAS))


def _read_evaluation(gathering: Gathering) -> EvaluationQueue | None:
    """Return the queue; an unknown number in flight makes it unknown, because that ends pods."""
    reader = gathering.reader
    in_flight = gathering.keep_gauge("evaluation_in_flight", Query.EVALUATION_IN_FLIGHT)
    work = _find_work(reader)
    if isinstance(work, Fault):
        gathering.faults["evaluation"] = str(work)
        return None
    if in_flight is None or work is None:
        return None
    return EvaluationQueue(
        observed_at=min(in_flight.observed_at, *(point.at for _, point in work)),
        work=_due_work(work),
        in_flight=round(in_flight.value),
    )


def _find_work(reader: Reader) -> tuple[tuple[float, Point], ...] | Fault | None:
    """Return the work by the seconds within which it is due, growing, or what is wrong with it."""
    query = Query.EVALUATION_WORK
    if query not in reader.answers.asked:
        return None
    answer = reader.answers.groups.get(query)
    if answer is None:
        return reader.answers.faults.get(query) or NOT_ASKED
    found: list[tuple[float, Point]] = []
    groups = (answer.get((reader.fleet.namespace, name)) for name in reader.names)
    for due_within, point in next(filter(None, groups), ()):
        judged = reader.judge(point, query) if isinstance(point, Point) else point
        seconds = _parse_seconds(due_within)
        if isinstance(judged, Fault):
            return judged
        if seconds is None:
            return Fault(FaultCause.PARSE, f"due_within is {due_within[:20]!r}, no seconds")
        found.append((seconds, judged))
    return _growing(found)


def _growing(found: list[tuple[float, Point]]) -> tuple[tuple[float, Point], ...] | Fault:
    ordered = tuple(sorted(found, key=lambda one: one[0]))
    if not ordered:
        return NO_SERIES
    if len(ordered) > DUE_ENTRIES_MAX:
        return Fault(FaultCause.PARSE, f"{len(ordered)} due times, {DUE_ENTRIES_MAX} allowed")
    if any(later.value < earlier.value for (_, earlier), (_, later) in pairwise(ordered)):
        return Fault(FaultCause.PARSE, "less work is due within a longer time")
    return ordered


def _parse_seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return min(seconds, DUE_SECONDS_MAX) if seconds >= 0 else None


def _due_work(work: Iterable[tuple[float, Point]]) -> tuple[DueWork, ...]:
    """Return what is due at each time and not before it.

    600 s within 1 h and 900 s within 2 h are 600 s in 1 h and 300 s in 2 h.
    """
    due, before = [], 0.0
    for seconds, point in work:
        if point.value > before:
            due.append(DueWork(point.at + timedelta(seconds=seconds), point.value - before))
        before = point.value
    return tuple(due)


def _is_outage(found: Found | None) -> bool:
    """Say whether a fault is the provider's and not that of too few turns."""
    return isinstance(found, Fault) and found.cause not in {FaultCause.EMPTY, FaultCause.FEW}
