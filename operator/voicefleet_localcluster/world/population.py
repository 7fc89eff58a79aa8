"""Who is there: every pod with an address, what it says, and who waits for it to say more.

Lives on one event loop and is changed by the watch (pods come and go), the endpoint (orders)
and the control port (tests). What a worker knew is forgotten with its pod, as in real life.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from voicefleet_localcluster.world.pods import PodFacts
from voicefleet_localcluster.world.turns import Turns
from voicefleet_localcluster.world.workers import Server, Worker

Actor = TypeVar("Actor", bound=Worker | Server)


class NobodyError(LookupError):
    """There is no such pod, or it does not play that part."""


@dataclass(slots=True)
class Inhabitant(Generic[Actor]):
    """One pod in one part, and an event that is set at its next change."""

    pod: PodFacts
    actor: Actor
    turns: Turns = field(default_factory=Turns)
    """What its callers waited for; counted beside the state, because nobody waits for it."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def become(self, actor: Actor) -> None:
        """Take a new state and wake whoever waits for one."""
        if actor != self.actor:
            self.actor = actor
            self.wake()

    def wake(self) -> None:
        """Wake everybody who waits, and let later ones wait for the next change."""
        self.changed.set()
        self.changed = asyncio.Event()


@dataclass(slots=True)
class Part(Generic[Actor]):
    """All pods that play one part: the workers, or the servers."""

    name: str
    by_uid: dict[str, Inhabitant[Actor]] = field(default_factory=dict)
    by_address: dict[str, Inhabitant[Actor]] = field(default_factory=dict)

    def at(self, address: str) -> Inhabitant[Actor] | None:
        """Return who lives at an address."""
        return self.by_address.get(address)

    def find(self, namespace: str, name: str) -> Inhabitant[Actor]:
        """Return a pod by its name, or by its owner's if that has just one.

        A media server is a ReplicaSet of one, and its name is the one that people know.

        Raises:
            NobodyError: There is no such pod, or several.
        """
        here = [one for one in self.by_uid.values() if one.pod.namespace == namespace]
        found = _called(name, here)
        if len(found) != 1:
            names = ", ".join(sorted(one.pod.name for one in here)) or "none"
            raise NobodyError(
                f"{namespace}/{name}: {len(found)} {self.name} of that name; "
                f"in this namespace are: {names}"
            )
        return found[0]

    def select(self, namespace: str, label: tuple[str, str] | None) -> Iterator[Inhabitant[Actor]]:
        """Yield the pods of a namespace (empty: of all) that carry a label, by name."""
        for one in sorted(self.by_uid.values(), key=lambda one: one.pod.name):
            if namespace in ("", one.pod.namespace) and (label is None or label in one.pod.labels):
                yield one

    def add(self, pod: PodFacts, actor: Actor) -> None:
        """Let a pod in, unless it already lives here."""
        if known := self.by_uid.get(pod.uid):
            known.pod = pod
            return
        inhabitant = Inhabitant(pod, actor)
        self.by_uid[pod.uid] = inhabitant
        self.by_address[pod.address] = inhabitant

    def remove(self, uid: str) -> None:
        """Let a pod go, and wake whoever waits for it."""
        gone = self.by_uid.pop(uid, None)
        if gone is None:
            return
        if self.by_address.get(gone.pod.address) is gone:
            del self.by_address[gone.pod.address]
        gone.wake()


@dataclass(slots=True)
class Population:
    """Everybody who answers."""

    changed: Callable[[], None]
    """Called after a pod came or went: sockets have to follow."""
    workers: Part[Worker] = field(default_factory=lambda: Part("workers"))
    servers: Part[Server] = field(default_factory=lambda: Part("servers"))
    pods: dict[str, PodFacts] = field(default_factory=dict)

    def note(self, pod: PodFacts) -> None:
        """Take note of a pod that has an address."""
        is_new = pod.uid not in self.pods
        self.pods[pod.uid] = pod
        if pod.is_worker:
            worker = Worker(pod.name, pod.revision, pod.backend, pod.slots)
            self.workers.add(pod, worker)
        if pod.is_server:
            self.servers.add(pod, Server(pod.name))
        if is_new:
            self.changed()

    def forget(self, uid: str) -> None:
        """Take note of a pod that is gone."""
        if self.pods.pop(uid, None) is not None:
            self.workers.remove(uid)
            self.servers.remove(uid)
            self.changed()

    def keep_only(self, uids: Iterable[str]) -> None:
        """Forget everybody else; called with a complete list."""
        for uid in set(self.pods) - set(uids):
            self.forget(uid)

    def sockets(self) -> set[tuple[str, int]]:
        """Return every address and port at which somebody listens."""
        return {(pod.address, port) for pod in self.pods.values() for port in pod.ports}


def _called(name: str, here: list[Inhabitant[Actor]]) -> list[Inhabitant[Actor]]:
    named = [one for one in here if one.pod.name == name]
    return named or [one for one in here if one.pod.owner == name]
