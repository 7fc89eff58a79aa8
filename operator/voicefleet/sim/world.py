"""The simulated world: callers, dispatch, workers, nodes and media servers in virtual time.

It plays callers, LiveKit's dispatch, kubelets, the ReplicaSet controller and the cluster
autoscaler. Who decides about counts (the operator's planner or a peer) acts through `scale`,
`cordon` and `uncordon`. Called by `sim/simulate`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

from voicefleet.sim.agenda import Agenda
from voicefleet.sim.conditions import Conditions, NodeLoss
from voicefleet.sim.latency import sessions_limit, slow_from
from voicefleet.sim.ledger import Ledger
from voicefleet.sim.nodes import Nodes
from voicefleet.sim.pods import ReplicaSet, Worker, order_of_removal
from voicefleet.sim.servers import Servers
from voicefleet.sim.traffic import Caller

REPLACE_SECONDS = 1.0
"""How soon a ReplicaSet controller misses a pod that nobody asked it to remove."""


class World:
    """Everything that exists besides the one who decides.

    Args:
        callers: Who will call, by time.
        conditions: Start times, patience, what goes wrong.
        starts_at: The instant that second 0 stands for.
        slots: Calls that one worker admits.
        safe_slots: Calls that one worker serves well; its physical limit follows from them.
        seed: For start times of pods.
    """

    def __init__(
        self,
        callers: Sequence[Caller],
        conditions: Conditions,
        *,
        starts_at: datetime,
        slots: int,
        safe_slots: int,
        seed: int,
    ) -> None:
        self.agenda = Agenda()
        self.conditions = conditions
        self.starts_at = starts_at
        self.slots = slots
        self.limit = sessions_limit(safe_slots)
        self.ledger = Ledger()
        self.nodes = Nodes(self.agenda, conditions, self.ledger)
        self.servers = Servers(
            self.agenda,
            conditions,
            self.ledger,
            on_change=self._note_move,
            end_call=lambda caller: self.break_call(caller, by_node=False),
        )
        self.sets: dict[str, ReplicaSet] = {}
        self.workers: dict[str, Worker] = {}
        self.waiting: dict[int, None] = {}
        self.sessions = 0
        self.in_cloud = 0
        self.on_unserved: Callable[[], None] = lambda: None
        """Is told when a caller finds no free slot."""
        self.on_idle: Callable[[Worker], None] = lambda _: None
        """Is told when a worker's last call has ended."""
        self.on_news: Callable[[], None] = lambda: None
        """Is told when a call has begun or ended, or a worker takes calls or no more."""
        self._callers = callers
        self._next_caller = 0
        self.moves = 0
        """Counts up with everything that an operator could see."""
        self.free_slots = 0
        """Calls that could be taken at once."""
        self._open: list[Worker] = []
        self._on: dict[int, tuple[Worker, float]] = {}
        """Where each running call is, and how slow that worker had been before it."""
        self._slow_from = slow_from(self.limit, conditions.target_milliseconds)
        self._slow_sessions = 0
        self._counted_at = 0.0
        self._starts = Random(f"{seed}/starts")
        self._serial = 0
        for loss in conditions.losses:
            self.agenda.at(loss.at, self._lose_node, loss)

    # Time.

    @property
    def now(self) -> float:
        """Seconds since the start."""
        return self.agenda.now

    def instant(self, seconds: float | None = None) -> datetime:
        """Return the instant that a second stands for, by default this one."""
        return self.starts_at + timedelta(seconds=self.now if seconds is None else seconds)

    def run_until(self, end: float) -> None:
        """Let callers call and everything else happen until `end`."""
        callers, agenda = self._callers, self.agenda
        while self._next_caller < len(callers) and callers[self._next_caller].at < end:
            agenda.run_until(callers[self._next_caller].at)
            self._take_call(self._next_caller)
            self._next_caller += 1
        agenda.run_until(end)
        self._count_time()

    def _note_move(self) -> None:
        self.moves += 1

    # What whoever decides can do.

    def add_set(self, replica_set: ReplicaSet) -> None:
        """Let there be a ReplicaSet; its controller acts at once."""
        self.sets[replica_set.name] = replica_set
        self.control(replica_set)

    def scale(self, name: str, replicas: int) -> None:
        """Change a ReplicaSet's count."""
        self.sets[name].replicas = replicas
        self.control(self.sets[name])

    def cordon(self, uid: str) -> None:
        """Stop new calls on a worker, reversibly."""
        worker = self.workers.get(uid)
        if worker is None or worker.started_at is None or worker.cordoned_since is not None:
            return
        worker.cordoned_since = self.now
        self._refresh_open(worker)

    def uncordon(self, uid: str) -> None:
        """Let a worker take calls again."""
        worker = self.workers.get(uid)
        if worker is None or worker.cordoned_since is None:
            return
        worker.cordoned_since = None
        self._refresh_open(worker)
        self._serve_waiting()

    def mark(self, uid: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> None:
        """Set what the operator notes on a pod."""
        worker = self.workers.get(uid)
        if worker is not None:
            worker.labels, worker.annotations = labels, annotations
            worker.facts += 1

    # What can be seen of it.

    @property
    def capacity(self) -> int:
        """Calls that the open workers may hold together."""
        return len(self._open) * self.slots

    @property
    def serving(self) -> int:
        """Workers that take new calls."""
        return len(self._open)

    def members(self, name: str) -> list[Worker]:
        """Return the workers that a ReplicaSet's controller counts."""
        return [
            worker
            for worker in self.workers.values()
            if worker.owner == name and worker.stopping_since is None
        ]

    # Calls.

    def _take_call(self, caller: int) -> None:
        if self._dispatch(caller):
            return
        self.ledger.note_unserved(self.now)
        cloud = self.conditions.cloud
        if cloud is not None and self.in_cloud < cloud.sessions_max:
            self._overflow(caller)
        else:
            self.waiting[caller] = None
            self.agenda.after(self.conditions.patience_seconds, self._give_up, caller)
        self.on_unserved()

    def _overflow(self, caller: int) -> None:
        seconds = self._callers[caller].seconds
        self.in_cloud += 1
        self.ledger.overflowed += 1
        self.ledger.cloud_seconds += seconds
        self.agenda.after(seconds, self._leave_cloud)

    def _leave_cloud(self) -> None:
        self.in_cloud -= 1

    def _dispatch(self, caller: int) -> bool:
        """Give the call to an open worker, at random weighted by 1 - load, as LiveKit does."""
        free = self.free_slots
        if not free:
            return False
        draw = self._callers[caller].dice * free
        for worker in self._open:
            draw -= self.slots - len(worker.calls)
            if draw < 0:
                self._begin_call(caller, worker)
                return True
        return False

    def _begin_call(self, caller: int, worker: Worker) -> None:
        now = self.now
        self._count_time()
        self.ledger.note_served(now)
        worker.calls[caller] = self.instant()
        worker.told_starts = None
        self.sessions += 1
        self._note_load(worker, before=len(worker.calls) - 1)
        self._on[caller] = (worker, worker.slow_until(now))
        self.servers.join(caller, self._callers[caller].dice)
        self.agenda.after(self._callers[caller].seconds, self._end_call, caller)

    def _end_call(self, caller: int) -> None:
        place = self._on.pop(caller, None)
        if place is None:
            return
        worker, slow_before = place
        slow = worker.slow_until(self.now) - slow_before
        seconds = self._callers[caller].seconds
        self.ledger.note_ended(caller, seconds=seconds, slow_seconds=slow)
        self._leave(caller, worker)
        if worker.stopping_since is not None and not worker.calls:
            self._vanish(worker)
        elif not worker.calls:
            self.on_idle(worker)
        self._serve_waiting()

    def _leave(self, caller: int, worker: Worker) -> None:
        self._count_time()
        del worker.calls[caller]
        worker.told_starts = None
        self.sessions -= 1
        self._note_load(worker, before=len(worker.calls) + 1)
        self.servers.leave(caller)

    def break_call(self, caller: int, *, by_node: bool) -> None:
        """End a call before its time: its worker or its media server is taken."""
        place = self._on.pop(caller, None)
        if place is not None:
            self.ledger.note_broken(caller, by_node=by_node)
            self._leave(caller, place[0])

    def _give_up(self, caller: int) -> None:
        if caller in self.waiting:
            del self.waiting[caller]
            self.ledger.note_rejected(caller, self.now)

    def _serve_waiting(self) -> None:
        while self.waiting:
            caller = next(iter(self.waiting))
            if not self._dispatch(caller):
                return
            del self.waiting[caller]

    def _note_load(self, worker: Worker, *, before: int) -> None:
        """Keep count of sessions above the latency target."""
        self.moves += 1
        self.on_news()
        after = len(worker.calls)
        if worker.is_open:
            self.free_slots += before - after
        was_slow, is_slow = before >= self._slow_from, after >= self._slow_from
        self._slow_sessions += (after if is_slow else 0) - (before if was_slow else 0)
        if is_slow and not was_slow:
            worker.slow_since = self.now
        elif was_slow and not is_slow and worker.slow_since is not None:
            worker.slow_seconds += self.now - worker.slow_since
            worker.slow_since = None

    def _count_time(self) -> None:
        elapsed = self.now - self._counted_at
        if elapsed > 0:
            self.ledger.session_seconds += elapsed * self.sessions
            self.ledger.slow_session_seconds += elapsed * self._slow_sessions
            self._counted_at = self.now

    # Pods.

    def control(self, replica_set: ReplicaSet) -> None:
        """Play the ReplicaSet controller once."""
        members = self.members(replica_set.name)
        for _ in range(replica_set.replicas - len(members)):
            self._create_worker(replica_set)
        surplus = len(members) - replica_set.replicas
        if surplus <= 0:
            return
        if replica_set.idle_only:
            members = [worker for worker in members if not worker.calls]
        for worker in sorted(members, key=order_of_removal)[:surplus]:
            self.stop(worker, replica_set.grace_seconds)

    def _create_worker(self, replica_set: ReplicaSet) -> None:
        self._serial += 1
        self.ledger.worker_starts += 1
        name = f"{replica_set.name}-{self._serial:05d}"
        node = self.nodes.place()
        worker = Worker(f"uid-{name}", name, replica_set.name, self.now, node)
        self.workers[worker.uid] = worker
        factor = math.exp(self._starts.gauss(0.0, self.conditions.pod_start_sigma))
        began = max(self.now, node.ready_at)
        self.agenda.at(began + 0.1, self._run_worker, worker)
        self.agenda.at(
            began + self.conditions.pod_start_seconds * factor, self._ready_worker, worker
        )

    def _run_worker(self, worker: Worker) -> None:
        if not worker.is_gone:
            worker.started_at = self.now
            worker.facts += 1
            self.moves += 1

    def _ready_worker(self, worker: Worker) -> None:
        if worker.is_gone or worker.stopping_since is not None:
            return
        worker.ready_at = self.now
        worker.facts += 1
        self._refresh_open(worker)
        self._serve_waiting()

    def ripen(self, age_seconds: float) -> None:
        """Make all workers Ready and that old: how a simulation begins, with nobody waiting."""
        for worker in self.workers.values():
            worker.created_at = self.now - age_seconds
            worker.started_at = worker.created_at + 1.0
            worker.ready_at = worker.created_at + self.conditions.pod_start_seconds
            worker.node.ready_at = min(worker.node.ready_at, self.now)
            worker.facts += 1
            self._refresh_open(worker)

    def stop(self, worker: Worker, grace_seconds: float) -> None:
        """Send SIGTERM: no new calls, the running ones have the grace period."""
        if worker.stopping_since is not None:
            return
        worker.stopping_since = self.now
        worker.facts += 1
        self._refresh_open(worker)
        if not worker.calls:
            self._vanish(worker)
            return
        self.ledger.busy_victims += not worker.is_lost
        self.agenda.after(grace_seconds, self._kill, worker)

    def _kill(self, worker: Worker) -> None:
        if worker.is_gone:
            return
        for caller in list(worker.calls):
            self.break_call(caller, by_node=worker.is_lost)
        self._vanish(worker)

    def _vanish(self, worker: Worker) -> None:
        worker.is_gone = True
        del self.workers[worker.uid]
        self._refresh_open(worker)
        self.ledger.worker_seconds += self.now - max(0.0, worker.created_at)
        self.nodes.release(worker.node)

    def _refresh_open(self, worker: Worker) -> None:
        self.moves += 1
        self.on_news()
        is_open = worker.is_open and not worker.is_gone
        if is_open == (worker in self._open):
            return
        room = self.slots - len(worker.calls)
        if is_open:
            self._open.append(worker)
            self.free_slots += room
        else:
            self._open.remove(worker)
            self.free_slots -= room

    # What goes wrong.

    def _lose_node(self, loss: NodeLoss) -> None:
        """Take the node that holds most calls; ReplicaSets replace its pods."""
        calls: dict[int, int] = {}
        for worker in self.workers.values():
            calls[worker.node.number] = calls.get(worker.node.number, 0) + len(worker.calls)
        if not calls:
            return
        number = max(calls, key=lambda node: (calls[node], -node))
        for worker in [one for one in self.workers.values() if one.node.number == number]:
            worker.node.is_leaving = True
            worker.is_lost = True
            self.stop(worker, loss.notice_seconds)
            self.agenda.after(REPLACE_SECONDS, self.control, self.sets[worker.owner])

    def close(self) -> None:
        """Book what is still in use at the end."""
        for worker in self.workers.values():
            self.ledger.worker_seconds += self.now - max(0.0, worker.created_at)
        self.servers.close()
        self.ledger.close(self.now)
