"""What was measured from outside the workers: each value with its own time, or its absence.

Missing, stale and zero are three different things. Nothing here is judged: whether a sample
may be used is `core/readings`' answer. Filled in by an adapter behind `ports.Signals`, read by
the deciding parts of `core`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Stage(StrEnum):
    """The parts of a turn's latency, in the order in which they happen."""

    ENDPOINTING = "endpointing"
    STT = "stt"
    LLM = "llm"
    TTS = "tts"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one signal, as it was delivered: it may be NaN, negative or from tomorrow."""

    value: float
    observed_at: datetime
    count: int | None = None
    """How many measurements stand behind it (turns of a percentile); None where that is moot."""


@dataclass(frozen=True, slots=True)
class PoolSignals:
    """What is known about one speech pool's GPUs and queue."""

    utilization: tuple[Sample, ...] = ()
    """GPU utilisation in percent, averaged over the pool, one sample per minute, the oldest
    first, at most 15."""
    coverage: Sample | None = None
    """Share (0..1) of the pool's ready replicas that the newest average stands on."""
    waiting: Sample | None = None
    """Requests in flight or waiting, all replicas together."""


@dataclass(frozen=True, slots=True)
class DueWork:
    """Evaluation work that must be done by one time."""

    due_at: datetime
    work_seconds: float


@dataclass(frozen=True, slots=True)
class EvaluationQueue:
    """What waits to be evaluated, and how much is being worked on."""

    observed_at: datetime
    work: tuple[DueWork, ...] = ()
    """By due time; at most 64 entries, neighbours joined."""
    in_flight: int = 0
    """Evaluations that have begun and have not written their last result."""


@dataclass(frozen=True, slots=True)
class Signals:
    """Everything that one read of a metrics provider brought for one fleet."""

    ttfb_milliseconds: Sample | None = None
    """P95 over the last 2 minutes, all pipelines together."""
    stages: Mapping[Stage, Sample] = field(default_factory=dict)
    """P95 in milliseconds over the last 2 minutes."""
    error_ratio: Sample | None = None
    """Share (0..1) of turns of the last 5 minutes that ended in an error."""
    drop_off_ratio: Sample | None = None
    """Share (0..1) of sessions ended in the last 30 minutes in which the caller gave up."""
    rate_limit_hits: Sample | None = None
    """Requests of the last 2 minutes that a provider refused because of its rate limit."""
    pools: Mapping[str, PoolSignals] = field(default_factory=dict)
    """By the pool's name."""
    connections: Mapping[str, Sample] = field(default_factory=dict)
    """Participants connected to each media server, by pod UID."""
    evaluation: EvaluationQueue | None = None
    faults: Mapping[str, str] = field(default_factory=dict)
    """Why a signal has no sample, by the signal's name: `timeout after 5 s`, `HTTP 503`."""
