"""What a simulation found, as plain values: a timeline, the decisions, a score per policy.

The one contract between the simulator and everything that shows its results (the terminal,
the HTML report, the benches). Everything is JSON-able by `as_json` and comes back by
`from_json`; times are seconds since the simulation's own start.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Moment:
    """The world at the end of one interval of the timeline."""

    at_seconds: float
    sessions: int
    """Running on workers; those in a cloud are in `overflowed`."""
    waiting: int
    """Callers who are being asked to hold the line at this instant."""
    capacity: int
    """Sessions that the ready workers which take new ones may hold together."""
    workers_wanted: int
    """What the policy wants, drained ones excluded."""
    workers_ready: int
    """Ready and taking new sessions."""
    workers_starting: int
    workers_draining: int
    """Cordoned or told to stop, and still there."""
    nodes: int
    rejected: int
    """Callers who gave up during the interval."""
    overflowed: int
    """Sessions running in a cloud."""
    ttfb_p50_milliseconds: float
    ttfb_p95_milliseconds: float
    ttfb_p99_milliseconds: float
    stages_milliseconds: dict[str, float] = field(default_factory=dict)
    """The P95 divided among the stages of a turn, by stage name."""
    servers_wanted: int = 0
    servers_ready: int = 0
    connections: int = 0
    connection_limit: int = 0
    """Connections that the ready media servers carry well together."""
    speech_ready: dict[str, int] = field(default_factory=dict)
    """Ready replicas by speech pool."""
    gpu_percent: dict[str, float] = field(default_factory=dict)
    """GPU utilisation by speech pool."""
    evaluators: int = 0
    cost: float = 0.0
    """Spent since the start, in `Simulation.currency`."""
    incident: str = ""
    """What was done to the world at this time: `Prometheus is away`; empty when nothing."""


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision of a policy, with its own sentence."""

    at_seconds: float
    tier: str
    replicas_from: int
    replicas_to: int
    reason: str
    because: str
    """The formula with its numbers, as in status and Events."""


@dataclass(frozen=True, slots=True)
class Score:
    """How well callers were served, and what it took."""

    sessions: int
    """Callers in all."""
    rejected: int
    """Gave up before anybody took the call."""
    cut: int
    """Ended by scaling: the pod was taken or its grace ran out during the call."""
    lost: int
    """Ended because a node died, which no policy can prevent."""
    slow: int
    """More than a tenth of the call on a worker whose P95 is above the target."""
    overflowed: int
    """Served by the cloud."""
    bad_percent: float
    """Callers rejected, cut or slow, of all; each counts once."""
    worker_hours: float
    """From each pod's creation to its end, drained time included."""
    ideal_hours: float
    """What a fleet that knew every call beforehand would have needed."""
    worker_starts: int
    node_starts: int
    changes: int
    """How often the wanted count of workers moved."""
    longest_unserved_seconds: float
    """Longest stretch without a free slot while somebody waited for one."""
    over_target_minutes: int
    """Minutes in which more than 5 % of session time was above the target."""
    cost: float
    """Of workers and cloud; the other tiers are in the timeline's."""

    @property
    def ratio(self) -> float:
        """Worker-hours over those of the ideal fleet."""
        return self.worker_hours / self.ideal_hours if self.ideal_hours else 0.0


@dataclass(frozen=True, slots=True)
class PolicyRun:
    """One policy over the whole trace."""

    policy: str
    """Name with its setting: `VoiceFleet`, `HPA 70 %`, `Agones buffer 40 %`, `fixed 20`."""
    slots: int
    """Sessions that a worker admits."""
    score: Score
    timeline: tuple[Moment, ...] = ()
    """Evenly spaced, at most `TIMELINE_MAX`; may be left out to save room."""
    decisions: tuple[Decided, ...] = ()


TIMELINE_MAX = 2000
"""Points of one timeline: more than a screen has pixels."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """Everything that one call of the simulator brought."""

    fleet: str
    """`namespace/name` of the VoiceFleet."""
    fleet_manifest: str
    """The YAML that was simulated."""
    trace: str
    """Name of the trace: a file's name or a generator's."""
    seed: int
    starts_at: datetime
    seconds: float
    """Length of the simulated time."""
    target_milliseconds: float
    curve: str
    """Formula of TTFB over load, with its numbers."""
    frozen_hash: str
    """Of the curve, the conditions and our settings: results of equal hashes may be compared."""
    currency: str
    version: str
    """Of VoiceFleet."""
    assumptions: dict[str, str]
    """What the world was made of: `pod start` → `40 s`."""
    runs: tuple[PolicyRun, ...]
    """Ours first."""
    verdict: tuple[str, ...] = ()
    """Sentences, the most important first; they say also where ours ties or loses."""

    @property
    def ours(self) -> PolicyRun:
        """The run of the operator's own planner."""
        return self.runs[0]


def as_json(simulation: Simulation) -> str:
    """Return one JSON document; `from_json` gives the same value back."""
    document = dataclasses.asdict(simulation)
    document["starts_at"] = simulation.starts_at.isoformat()
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def from_json(text: str) -> Simulation:
    """Return what `as_json` was given."""
    document: dict[str, Any] = json.loads(text)
    return Simulation(
        **{
            **document,
            "starts_at": datetime.fromisoformat(document["starts_at"]),
            "runs": tuple(_read_run(run) for run in document["runs"]),
            "verdict": tuple(document["verdict"]),
        }
    )


def _read_run(document: dict[str, Any]) -> PolicyRun:
    return PolicyRun(
        policy=document["policy"],
        slots=document["slots"],
        score=Score(**document["score"]),
        timeline=tuple(Moment(**moment) for moment in document["timeline"]),
        decisions=tuple(Decided(**decided) for decided in document["decisions"]),
    )
