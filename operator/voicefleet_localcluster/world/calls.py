"""Callers: they ring, talk with a worker for a while, and hang up; nobody ends a call for them.

One `Line` per namespace. The same seed and the same rates bring the same callers with the same
patience to talk, whatever scales the workers there, so that two autoscalers can be compared.
A caller goes to a worker as LiveKit sends one: at random, weighted by 1 - load, among those
that are Ready, not cordoned and not full. One who finds none waits a little and is turned
away; one whose pod vanishes is cut. Everything is counted.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from voicefleet.sim.traffic import INTERVIEW_SIGMA
from voicefleet_localcluster.world.population import Inhabitant
from voicefleet_localcluster.world.workers import Server, Session, Worker, check_changes

SECONDS_PER_TURN: Final = 2.0
"""Callers of a compressed day talk fast, so that a minute holds enough turns for a P95."""
SLOW_SECONDS: Final = 0.4
"""An answer that takes longer is a bad one."""
CALLERS_KEPT: Final = 50_000
"""The newest callers that are remembered: an hour of the demo's rush."""


@dataclass(slots=True)
class Rang:
    """One caller as they came, whatever became of them."""

    at: datetime
    seconds: float
    """How long they want to talk; once the call has ended by itself, how long it lasted. Calls
    end ten times a second, which is a twentieth of a second late on average."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Who rings in one namespace, until told otherwise."""

    calls_per_second: float = 0.0
    median_seconds: float = 30.0
    """Middle duration of a call."""
    patience_seconds: float = 1.0
    """How long a caller waits for a free worker."""
    slowness: float = 1.0
    """Stretches every answer, as a slow provider behind the workers does."""
    seed: int = 1

    def with_changes(self, changes: Mapping[str, Any]) -> "Traffic":
        """Return other traffic.

        Raises:
            ChangeError: A name is unknown or a value is not possible.
        """
        possible = {
            "callsPerSecond": float,
            "medianSeconds": float,
            "patienceSeconds": float,
            "slowness": float,
            "seed": int,
        }
        return Traffic(**{**asdict(self), **check_changes(changes, possible)})


@dataclass(slots=True)
class Tally:
    """What became of the callers of one namespace."""

    offered: int = 0
    answered: int = 0
    completed: int = 0
    turned_away: int = 0
    cut: int = 0
    turns: int = 0
    slow_turns: int = 0
    worker_seconds: float = 0.0
    """Time that Ready workers existed, all together."""


@dataclass(slots=True)
class Call:
    """One call that runs."""

    session: Session
    caller: Rang
    worker: Inhabitant[Worker]
    server: Inhabitant[Server] | None

    @property
    def ends_at(self) -> datetime:
        """When the caller hangs up."""
        return self.session.started_at + timedelta(seconds=self.caller.seconds)


@dataclass(slots=True)
class Line:
    """The callers of one namespace."""

    namespace: str
    traffic: Traffic = field(default_factory=Traffic)
    tally: Tally = field(default_factory=Tally)
    running: dict[str, Call] = field(default_factory=dict)
    waiting: deque[Rang] = field(default_factory=deque)
    callers: deque[Rang] = field(default_factory=lambda: deque(maxlen=CALLERS_KEPT))
    """Everybody who ever rang, in order, so that the same day can be simulated."""
    _arrivals: Random = field(default_factory=Random)
    _chances: Random = field(default_factory=Random)
    _until_next: float = 0.0
    """Calls' worth of time until the next caller; each is exponential with mean 1."""
    _turn_share: float = 0.0

    def __post_init__(self) -> None:
        self._begin(self.traffic.seed)

    def change(self, traffic: Traffic) -> None:
        """Let others ring from now on; another seed begins another day."""
        if traffic.seed != self.traffic.seed:
            self._begin(traffic.seed)
        self.traffic = traffic

    def _begin(self, seed: int) -> None:
        self._arrivals = Random(seed)
        self._chances = Random(seed + 1)
        self._until_next = self._arrivals.expovariate(1)

    @property
    def demand(self) -> int:
        """Callers who talk or wait."""
        return len(self.running) + len(self.waiting)

    def advance(
        self,
        now: datetime,
        seconds: float,
        workers: Iterable[Inhabitant[Worker]],
        servers: Iterable[Inhabitant[Server]],
    ) -> None:
        """Let a little time pass: calls end, callers ring, find a worker, or give up."""
        here = {worker.pod.uid: worker for worker in workers}
        places = {server.pod.uid: server for server in servers}
        self._end_calls(now, here, places)
        self._ring(now, seconds)
        self._dispatch(now, here.values(), places.values())
        self._talk(seconds)
        self._settle_rooms(places.values())
        ready = sum(worker.pod.is_ready for worker in here.values())
        self.tally.worker_seconds += ready * seconds

    def _end_calls(
        self,
        now: datetime,
        workers: Mapping[str, Inhabitant[Worker]],
        servers: Mapping[str, Inhabitant[Server]],
    ) -> None:
        for key, call in list(self.running.items()):
            is_lost = call.worker.pod.uid not in workers or (
                call.server is not None and call.server.pod.uid not in servers
            )
            if not is_lost and call.ends_at > now:
                continue
            del self.running[key]
            self.tally.cut += is_lost
            self.tally.completed += not is_lost
            if not is_lost:
                call.caller.seconds = (now - call.session.started_at).total_seconds()
            call.worker.become(call.worker.actor.without_session(key))

    def _ring(self, now: datetime, seconds: float) -> None:
        self._until_next -= self.traffic.calls_per_second * seconds
        while self._until_next <= 0:
            self._until_next += self._arrivals.expovariate(1)
            talk = self._arrivals.lognormvariate(0, INTERVIEW_SIGMA) * self.traffic.median_seconds
            self.waiting.append(Rang(now, talk))
            self.callers.append(self.waiting[-1])
            self.tally.offered += 1

    def _dispatch(
        self,
        now: datetime,
        workers: Iterable[Inhabitant[Worker]],
        servers: Iterable[Inhabitant[Server]],
    ) -> None:
        able = [worker for worker in workers if worker.pod.is_ready]
        rooms = [server for server in servers if server.pod.is_ready]
        while self.waiting:
            caller = self.waiting[0]
            worker = self._choose(able)
            if worker is None:
                if now - caller.at <= timedelta(seconds=self.traffic.patience_seconds):
                    return
                self.tally.turned_away += 1
                self.waiting.popleft()
                continue
            self.waiting.popleft()
            self._answer(now, caller, worker=worker, rooms=rooms)

    def _choose(self, workers: list[Inhabitant[Worker]]) -> Inhabitant[Worker] | None:
        """Return a worker at random, weighted by what it has free."""
        weights = [worker.actor.free_share for worker in workers]
        if not any(weights):
            return None
        return self._chances.choices(workers, weights)[0]

    def _answer(
        self,
        now: datetime,
        caller: Rang,
        *,
        worker: Inhabitant[Worker],
        rooms: list[Inhabitant[Server]],
    ) -> None:
        self.tally.answered += 1
        key = f"{self.namespace}-{self.tally.answered}"
        session = Session(key, f"room-{key}", now)
        worker.become(worker.actor.with_session(session))
        server = min(rooms, key=lambda each: (each.actor.rooms, each.pod.name), default=None)
        self.running[key] = Call(session, caller, worker, server)

    def _talk(self, seconds: float) -> None:
        """Let every call have its turns of this time, each at its worker's load."""
        self._turn_share += seconds / SECONDS_PER_TURN
        turns, self._turn_share = divmod(self._turn_share, 1)
        for call in self.running.values():
            for _ in range(int(turns)):
                spoken = call.worker.turns
                took = spoken.answer(
                    call.worker.actor.load, self._chances, slow=self.traffic.slowness
                )
                self.tally.turns += 1
                self.tally.slow_turns += took > SLOW_SECONDS

    def _settle_rooms(self, servers: Iterable[Inhabitant[Server]]) -> None:
        rooms: dict[str, int] = {}
        for call in self.running.values():
            if call.server is not None:
                rooms[call.server.pod.uid] = rooms.get(call.server.pod.uid, 0) + 1
        for server in servers:
            count = rooms.get(server.pod.uid, 0)
            server.become(server.actor.with_changes({"rooms": count, "participants": 2 * count}))

    def report(self) -> dict[str, Any]:
        """Return what the control port shows."""
        return {
            "namespace": self.namespace,
            "running": len(self.running),
            "waiting": len(self.waiting),
            "traffic": asdict(self.traffic),
            **asdict(self.tally),
        }
