"""The cluster autoscaler of the simulated world: nodes come when pods have no place.

Called by `sim/world`.
"""

from voicefleet.sim.agenda import Agenda
from voicefleet.sim.conditions import Conditions
from voicefleet.sim.ledger import Ledger
from voicefleet.sim.pods import Node


class Nodes:
    """All nodes, with room for so many workers each."""

    def __init__(self, agenda: Agenda, conditions: Conditions, ledger: Ledger) -> None:
        self._agenda = agenda
        self._conditions = conditions
        self._ledger = ledger
        self._nodes: list[Node] = []
        self._serial = 0

    @property
    def count(self) -> int:
        """Nodes that exist or are on their way."""
        return len(self._nodes)

    def place(self) -> Node:
        """Return the node for one more pod: the fullest Ready one with room, else a new one."""
        open_nodes = [
            node for node in self._nodes if node.pods < node.places and not node.is_leaving
        ]
        if open_nodes:
            now = self._agenda.now
            node = max(open_nodes, key=lambda one: (one.ready_at <= now, one.pods, -one.number))
        else:
            node = self._provide()
        node.pods += 1
        return node

    def release(self, node: Node) -> None:
        """Note that a pod has left; an empty node goes after a while."""
        node.pods -= 1
        if node.pods == 0:
            wait = 0.0 if node.is_leaving else self._conditions.node_idle_seconds
            self._agenda.after(wait, self._remove_if_empty, node)

    def _provide(self) -> Node:
        self._serial += 1
        self._ledger.node_starts += 1
        node = Node(
            self._serial,
            self._agenda.now + self._conditions.node_start_seconds,
            self._conditions.workers_per_node,
        )
        self._nodes.append(node)
        return node

    def _remove_if_empty(self, node: Node) -> None:
        if node.pods == 0 and node in self._nodes:
            self._nodes.remove(node)
