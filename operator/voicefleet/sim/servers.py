"""Media servers of the simulated world: rooms stay on the server that they began on.

A server's own limits are not modelled; what counts is that none goes while it has rooms.
Called by `sim/world` for each call and by `sim/cluster` for the operator's ReplicaSets.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from voicefleet.sim.agenda import Agenda
from voicefleet.sim.conditions import Conditions
from voicefleet.sim.ledger import Ledger

SERVER_START_SECONDS = 30.0
"""A server's own start; its node comes on top."""

CONNECTIONS_PER_SESSION = 2
"""The caller and the agent."""


@dataclass(slots=True, eq=False)
class Server:
    """One media server: the only pod of its ReplicaSet."""

    name: str
    created_at: float
    ready_at: float | None = None
    rooms: set[int] = field(default_factory=set)
    empty_since: float | None = None
    facts: int = 0

    @property
    def connections(self) -> int:
        """Participants connected to it."""
        return len(self.rooms) * CONNECTIONS_PER_SESSION


class Servers:
    """All media servers of the fleet; peers have none, and calls then need none.

    Args:
        agenda: What is going to happen, and the time.
        conditions: How long a node takes.
        ledger: Where their hours are booked.
        on_change: Is told when something has changed that an operator could see.
        end_call: Ends the call of a caller whose server is taken away.
    """

    def __init__(
        self,
        agenda: Agenda,
        conditions: Conditions,
        ledger: Ledger,
        *,
        on_change: Callable[[], None],
        end_call: Callable[[int], None],
    ) -> None:
        self._agenda = agenda
        self._conditions = conditions
        self._ledger = ledger
        self._on_change = on_change
        self._end_call = end_call
        self.all: dict[str, Server] = {}
        self._of: dict[int, Server] = {}

    def add(self, name: str) -> None:
        """Start a server on a node of its own."""
        server = Server(name, self._agenda.now)
        self.all[name] = server
        wait = self._conditions.node_start_seconds + SERVER_START_SECONDS
        self._agenda.after(wait, self._make_ready, server)

    def _make_ready(self, server: Server) -> None:
        if server.ready_at is None and server.name in self.all:
            server.ready_at = server.empty_since = self._agenda.now
            server.facts += 1
            self._on_change()

    def ripen(self, age_seconds: float) -> None:
        """Make all servers Ready and that old."""
        for server in self.all.values():
            server.created_at = server.ready_at = server.empty_since = (
                self._agenda.now - age_seconds
            )
            server.facts += 1

    def remove(self, name: str) -> None:
        """Take a server away, with every call on it."""
        server = self.all.pop(name)
        for caller in list(server.rooms):
            self._end_call(caller)
        self._book(server)

    def join(self, caller: int, dice: float) -> None:
        """Open a room on a Ready server, any of them alike."""
        ready = [server for server in self.all.values() if server.ready_at is not None]
        if not ready:
            return
        # The digits after those that chose the worker choose the server.
        server = ready[int(dice * 7919 % 1.0 * len(ready))]
        server.rooms.add(caller)
        server.empty_since = None
        self._of[caller] = server

    def leave(self, caller: int) -> None:
        """Close a room."""
        server = self._of.pop(caller, None)
        if server is None:
            return
        server.rooms.discard(caller)
        if not server.rooms:
            server.empty_since = self._agenda.now

    def close(self) -> None:
        """Book what is still in use at the end."""
        for server in self.all.values():
            self._book(server)

    def _book(self, server: Server) -> None:
        self._ledger.server_seconds += self._agenda.now - max(0.0, server.created_at)
