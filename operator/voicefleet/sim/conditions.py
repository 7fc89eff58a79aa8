"""What the simulated world is like: start times, prices, lags, and what goes wrong in it.

All values are frozen and named, shown in every result, and part of its hash. Called by
`sim/simulate`; `cli/simulate` and the benches choose them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum

from voicefleet.sim.latency import curve_hash


class Witness(StrEnum):
    """Who can fall silent in an outage."""

    PROMETHEUS = "Prometheus"
    WORKERS = "worker reports"


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which some source of numbers says nothing."""

    starts_at: float
    seconds: float
    silent: tuple[Witness, ...]

    def covers(self, now: float) -> bool:
        """Say whether it is on."""
        return self.starts_at <= now < self.starts_at + self.seconds

    def __str__(self) -> str:
        """Say who is away."""
        return f"{' and '.join(self.silent)} away"


@dataclass(frozen=True, slots=True)
class NodeLoss:
    """The fullest node goes; with a notice it is a spot node that the cloud takes back."""

    at: float
    notice_seconds: float = 0.0
    """0 for a node that dies; clouds announce a spot reclaim 120 s before."""

    def __str__(self) -> str:
        """Say what happens."""
        return "spot node reclaimed" if self.notice_seconds else "node lost"


@dataclass(frozen=True, slots=True)
class CloudOverflow:
    """A managed cloud takes the calls that find no free worker."""

    price_per_minute: float = 0.014
    """LiveKit Cloud's agent session minute of 0.01 and two participants' minutes, rounded up."""
    sessions_max: int = 10_000


@dataclass(frozen=True, slots=True)
class Conditions:
    """The world that all policies of one simulation share."""

    pod_start_seconds: float = 40.0
    """Image on the node, process up, registered: from a place on a node to Ready."""
    pod_start_sigma: float = 0.2
    """Of its logarithm; the P99 start takes 64 s."""
    node_start_seconds: float = 120.0
    """From an unplaced pod to a Ready node, as cloud autoscalers deliver it."""
    workers_per_node: int = 4
    node_idle_seconds: float = 300.0
    """How long an empty node is kept."""
    patience_seconds: float = 10.0
    """How long a caller holds the line before giving up."""
    metric_lag_seconds: float = 20.0
    """Age of what a metrics pipeline delivers: scrape, rule and query together."""
    sync_seconds: float = 15.0
    """How often controllers look; the HPA's own default, and ours here."""
    target_milliseconds: float = 400.0
    worker_price_per_hour: float = 0.17
    """Two dedicated cores and 4 GiB on demand in a large public cloud."""
    server_price_per_hour: float = 0.17
    speech_price_per_hour: float = 0.80
    """One small inference GPU on demand."""
    evaluator_price_per_hour: float = 0.03
    """A core on a spot node."""
    turns_per_minute: float = 4.0
    """Turns of one session; they are the samples behind a percentile."""
    cloud: CloudOverflow | None = None
    outages: tuple[Outage, ...] = ()
    losses: tuple[NodeLoss, ...] = ()

    def silent(self, witness: Witness, now: float) -> bool:
        """Say whether a source of numbers is away."""
        return any(witness in outage.silent and outage.covers(now) for outage in self.outages)

    def incident(self, now: float) -> str:
        """Say what is being done to the world at that time; empty when nothing."""
        told = [str(outage) for outage in self.outages if outage.covers(now)]
        return "; ".join(told)

    def describe(self) -> dict[str, str]:
        """Return every value in words, for people who want to know what a result rests on."""
        values: dict[str, str] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (int, float)):
                words = field.name.split("_")
                unit = {"seconds": " s", "milliseconds": " ms"}.get(words[-1], "")
                name = " ".join(words[:-1] if unit else words)
                values[name] = f"{value:g}{unit}"
        values["cloud overflow"] = (
            f"{self.cloud.price_per_minute:g} per minute" if self.cloud else "no"
        )
        return values


def frozen_hash(conditions: Conditions, settings: Mapping[str, object]) -> str:
    """Return 12 hex digits for the curve, the conditions and the planner's settings."""
    text = repr((curve_hash(), asdict(conditions), sorted(settings.items())))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
