"""What plans want remembered: kept in the process, and in a ConfigMap for the next one.

The ConfigMap is read when a fleet is first seen and written at most once a minute, only when
its content changed. What is in it only makes decisions better, so whatever cannot be read is
lost and said in the log, and a write that fails waits for the next minute. Called by
`shell/reconcile`.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from voicefleet.core.children import find_child, is_owned
from voicefleet.errors import RefusedError, VoiceFleetError
from voicefleet.manifests import ObjectKey
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Child, Observed
from voicefleet.model.plan import ApplyChild, CreateChild, Plan
from voicefleet.ports import Clock
from voicefleet.render.memory_config_map import MEMORY_FILE, render_memory_config_map
from voicefleet.render.names import memory_name
from voicefleet.shell.memory import FleetMemory

logger = logging.getLogger(__name__)

WRITE_INTERVAL_SECONDS = 60.0
"""So much may be forgotten when a process dies: a minute of what led to the next decisions."""

CALM_SECONDS = 10.0
"""A change is seldom alone. It is written once nothing has changed for so long, or after a whole
interval of changes; so a new fleet's first memory is written once, and then rests with it."""

RUNNING_SUMS = frozenset({"area", "until", "watched"})
"""Of the quarter of an hour that is not over yet (`core/season`): they move in every cycle of a
fleet with calls. They are written together with what lasts, and never for their own sake."""

TEXT_MAX = 200_000
"""Characters. Four weeks in quarters of an hour are 40,000; the API server refuses 1,000,000."""

Write = Callable[[CreateChild | ApplyChild, Fleet], Awaitable[bool]]
"""Writes one object; says whether this replica may write at all."""


class MemoryKeeper:
    """Hands each plan what the last one wanted remembered.

    Args:
        write: Writes the ConfigMap.
        clock: Measures the interval between two writes.
    """

    def __init__(self, write: Write, clock: Clock) -> None:
        self._write = write
        self._clock = clock

    def recall(self, fleet: Fleet, observed: Observed, memory: FleetMemory) -> Mapping[str, Any]:
        """Return what is remembered; the first time, what the ConfigMap holds."""
        if memory.planned is None:
            child = find_child(observed.children, memory_key(fleet), fleet.uid)
            memory.planned = load_memory(fleet, child)
            memory.kept = memory.planned
            # Another process may have written it a moment ago; a new fleet's has no time to lose.
            memory.kept_at = self._clock.monotonic() if child is not None else None
        return memory.planned

    def note(self, plan: Plan, memory: FleetMemory) -> None:
        """Take up what a plan that was carried out wants remembered; each part replaces its own."""
        if plan.memory is None:
            return
        known = memory.planned or {}
        memory.planned = {**known, **plan.memory}
        if lasting(memory.planned) != lasting(known):
            memory.changed_at = self._clock.monotonic()
            if memory.unkept_since is None:
                memory.unkept_since = memory.changed_at

    async def keep(self, fleet: Fleet, observed: Observed, memory: FleetMemory) -> float | None:
        """Write it if it is due; return in how many seconds it is, None where nothing waits."""
        if not memory.planned or fleet.is_deleting or fleet.spec.paused:
            return None
        child = find_child(observed.children, memory_key(fleet), fleet.uid)
        is_whole = child is not None and is_owned(child, fleet.uid)
        if is_whole and lasting(memory.planned) == lasting(memory.kept):
            return None
        wait = find_due(memory) - self._clock.monotonic()
        if wait > 0:
            return wait
        await self._keep_now(fleet, child, memory=memory, is_whole=is_whole)
        return None

    async def _keep_now(
        self, fleet: Fleet, child: Child | None, *, memory: FleetMemory, is_whole: bool
    ) -> None:
        """Write what is remembered, unless just that is written there."""
        planned = memory.planned or {}
        text = to_text(planned)
        if len(text) > TEXT_MAX:
            self._tell_once(memory, f"{fleet}: {len(text)} characters to remember, {TEXT_MAX} kept")
            return
        memory.kept_at, memory.unkept_since = self._clock.monotonic(), None
        if not is_whole or text != to_text(memory.kept):
            await self._write_text(fleet, child, text, memory=memory)
        else:
            memory.kept = planned

    async def _write_text(
        self, fleet: Fleet, child: Child | None, text: str, *, memory: FleetMemory
    ) -> None:
        manifest = render_memory_config_map(fleet, text)
        because = f"keep what {fleet} remembers"
        step = CreateChild(manifest, because) if child is None else ApplyChild(manifest, because)
        try:
            if await self._write(step, fleet):
                memory.kept = memory.planned or {}
        except RefusedError as error:
            self._tell_once(memory, f"{fleet}: a restart forgets what led to its size: {error}")
        except VoiceFleetError as error:
            logger.debug("%s: what is remembered is written a minute later: %s", fleet, error)

    def _tell_once(self, memory: FleetMemory, sentence: str) -> None:
        if memory.keeping_error != sentence:
            memory.keeping_error = sentence
            logger.warning("%s", sentence)


def find_due(memory: FleetMemory) -> float:
    """Return when a changed memory is to be written, in monotonic seconds."""
    calm = memory.changed_at + CALM_SECONDS
    if memory.unkept_since is not None:
        calm = min(calm, memory.unkept_since + WRITE_INTERVAL_SECONDS)
    return calm if memory.kept_at is None else max(calm, memory.kept_at + WRITE_INTERVAL_SECONDS)


def memory_key(fleet: Fleet) -> ObjectKey:
    """Return the address of the ConfigMap."""
    return ObjectKey("ConfigMap", fleet.namespace, memory_name(fleet))


def load_memory(fleet: Fleet, child: Child | None) -> Mapping[str, Any]:
    """Return what a ConfigMap holds; what cannot be read is lost, and the log says so."""
    if child is None:
        return {}
    text = str((child.manifest.get("data") or {}).get(MEMORY_FILE))
    try:
        found = json.loads(text[: TEXT_MAX + 1], parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        logger.info("%s: %s cannot be read and is begun anew: %s", fleet, child.key, error)
        return {}
    if not isinstance(found, dict) or not all(isinstance(part, dict) for part in found.values()):
        logger.info("%s: %s holds no parts of a memory and is begun anew", fleet, child.key)
        return {}
    return found


def lasting(planned: Mapping[str, Any]) -> dict[str, Any]:
    """Return a memory without its running sums: what is worth a write when it changes."""
    return {
        name: lasting(value) if isinstance(value, dict) else value
        for name, value in planned.items()
        if name not in RUNNING_SUMS
    }


def to_text(planned: Mapping[str, Any]) -> str:
    """Return the one text of a memory: the same memory, the same text."""
    return json.dumps(planned, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number that we write")
