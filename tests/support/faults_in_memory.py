"""The fake API server with the same faults as the proxy: for histories that cost milliseconds.

What the operator sees is a cache of its own here, fed event by event, so a watch can stand
still. A fault on a write is what is left of it after the session's own tries: an error of the
port. Whoever is killed gets no further answer, not even to requests under way.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from support.fake_cluster import FakeCluster, Stored
from support.fakes import FakeClock
from support.faults import READ, STATUSES, WRITE, Fault, FaultKind, Trouble
from voicefleet.adapters.kubernetes.pods import parse_pod
from voicefleet.adapters.kubernetes.resources import BY_KIND
from voicefleet.adapters.kubernetes.session import RetryPolicy
from voicefleet.errors import ConflictError, UnavailableError
from voicefleet.manifests import ObjectKey, key_of
from voicefleet.model.observed import Child, Pod

BLIND_SECONDS: Final = 2.0
"""How long a disturbed watch says nothing; as in the proxy."""
TRIES: Final = RetryPolicy().tries
BEFORE: Final = frozenset({*STATUSES, FaultKind.REFUSED, FaultKind.OUTAGE})
"""Faults with which the server does nothing."""


class KilledError(BaseException):
    """The operator's process is dead; nothing in it may catch that."""


class FaultyCluster(FakeCluster):
    """A fake API server that knows which write is to be the operator's last.

    Args:
        trouble: What goes wrong, and when.
        clock: The world's time.
    """

    def __init__(self, trouble: Trouble, clock: FakeClock) -> None:
        super().__init__()
        self.trouble = Trouble(tuple(map(as_seen_by_port, trouble.faults)))
        self.clock = clock
        self.is_stirred = False
        """Whether anything has changed since controllers last looked."""
        self.removed_pods: list[ObjectKey] = []
        self.listeners: list[Callable[[str, ObjectKey], None]] = []
        """Each is told of every write that was carried out: its verb and object."""
        self._cache: dict[ObjectKey, Stored] = {}
        self._blind: dict[str, float] = {}
        self._is_dead = False

    def restart(self, on_change: Any) -> None:
        """Serve a new operator, whose caches begin with a list."""
        super().restart(on_change)
        self._is_dead = False
        self._blind.clear()
        self._cache = {key: stored.copied() for key, stored in self._objects.items()}

    def addresses(self) -> tuple[ObjectKey, ...]:
        """Return the address of everything that exists."""
        return tuple(self._objects)

    def true_pods(self, fleet: ObjectKey) -> list[Pod]:
        """Return a fleet's pods as they stand, whatever the operator sees."""
        parsed = (parse_pod(item) for item in self.of_kind("Pod"))
        return [pod for pod in parsed if pod is not None and pod.namespace == fleet.namespace]

    @property
    def speaks_again_at(self) -> float | None:
        """When the next silent watch goes on, in monotonic seconds."""
        return min(self._blind.values(), default=None)

    def look_again(self) -> None:
        """Let watches whose silence is over tell what happened meanwhile."""
        now = self.clock.monotonic()
        for kind in [kind for kind, until in self._blind.items() if until <= now]:
            del self._blind[kind]
            of_kind = {key for key in (*self._objects, *self._cache) if key.kind == kind}
            for key in sorted(of_kind):
                stored = self._objects.get(key) or self._cache[key]
                self._learn(key)
                super()._tell(stored)

    async def refresh(self, key: ObjectKey) -> Child | None:
        """Read past the cache; the answer is remembered."""
        self._die_if_dead()
        fault = self.trouble.meet(READ)
        if fault is not None:
            raise UnavailableError(f"get {key}: {fault}")
        child = await super().refresh(key)
        self._learn(key)
        return child

    def _seen(self) -> Mapping[ObjectKey, Stored]:
        return self._cache

    def _write(self, verb: str, key: ObjectKey, act: Any, *, has_effect: bool = True) -> None:
        self._die_if_dead()
        fault = self.trouble.meet(WRITE)
        if fault is not None and fault.kind in BEFORE:
            raise _error_of(verb, key, fault)
        super()._write(verb, key, act, has_effect=has_effect)
        for listener in self.listeners:
            listener(verb, key)
        if fault is not None and fault.kind is FaultKind.KILL:
            self._is_dead = True
            raise KilledError
        if fault is not None:
            raise UnavailableError(f"{verb} {key}: {fault}")
        self._learn(key)

    def _tell(self, stored: Stored) -> None:
        key = key_of(stored.manifest)
        self.is_stirred = True
        if key.kind == "Pod" and key not in self._objects:
            self.removed_pods.append(key)
        fault = self.trouble.meet(BY_KIND[key.kind].plural)
        if fault is not None:
            self._blind.setdefault(key.kind, self.clock.monotonic() + BLIND_SECONDS)
        if key.kind not in self._blind:
            self._learn(key)
            super()._tell(stored)

    def _learn(self, key: ObjectKey) -> None:
        if key in self._objects:
            self._cache[key] = self._objects[key].copied()
        else:
            self._cache.pop(key, None)

    def _die_if_dead(self) -> None:
        if self._is_dead:
            raise KilledError


def as_seen_by_port(fault: Fault) -> Fault:
    """Return what is left of a row of faults: the session itself tries five times."""
    is_row = fault.times > 1 and fault.kind is not FaultKind.CONFLICT
    return replace(fault, times=math.ceil(fault.times / TRIES)) if is_row else fault


def _error_of(verb: str, key: ObjectKey, fault: Fault) -> ConflictError | UnavailableError:
    kind = ConflictError if fault.kind is FaultKind.CONFLICT else UnavailableError
    return kind(f"{verb} {key}: {fault}")
