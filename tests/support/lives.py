"""What happens in a fleet's life, played on a real API server: one coroutine per scenario.

A life changes the fleet, begins and ends calls as its callers would, and waits for what its
author would wait for. It judges nothing but patience; the oracles judge afterwards.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from support.api import CHILD_KINDS, Manifest
from support.histories import History, Scenario, Tier
from support.manifests import (
    NEXT_IMAGE,
    a_fleet_manifest,
    is_settled,
    with_evaluation,
    with_external_redis,
    with_spec,
    with_speech,
)
from support.mirror import Mirror
from support.oracles import Calls
from voicefleet.api import labels
from voicefleet_localcluster.world.client import WorldClient

FLEET: Final = "interviews"
STAGE_SECONDS: Final = 120.0
"""How long one step of a life may take; undisturbed the longest takes twenty."""
MEDIA_SERVER: Final = f"{FLEET}-media-1"


@dataclass(frozen=True, slots=True)
class Life:
    """One fleet in a namespace of its own, and who can call it."""

    namespace: str
    history: History
    mirror: Mirror
    world: WorldClient
    calls: Calls
    stage_seconds: float = STAGE_SECONDS

    @property
    def fleet(self) -> Manifest | None:
        """Return the fleet as it stands."""
        return self.mirror.find("VoiceFleet", self.namespace, FLEET)

    def manifest(self) -> Manifest:
        """Return what the fleet's author applies first."""
        return manifest_of(self.history, self.namespace)

    def workers(self) -> list[Manifest]:
        """Return the agents pods that nobody has told to go, by name."""
        found = [
            item
            for (kind, _), item in sorted(self.mirror.of(self.namespace).items())
            if kind == "Pod"
            and item["metadata"].get("labels", {}).get(labels.TIER) == "agents"
            and "deletionTimestamp" not in item["metadata"]
        ]
        return [pod for pod in found if pod.get("status", {}).get("podIP")]

    async def until(self, what: str, check: Callable[[], Any]) -> Any:
        """Wait for one step of this life."""
        return await self.mirror.until(self.namespace, what, check, seconds=self.stage_seconds)

    async def settled(self, what: str, *, workers: int | None = None) -> None:
        """Wait until the operator has done all it was asked, and says so."""

        def check() -> bool:
            fleet = self.fleet
            if fleet is None or not is_settled(fleet):
                return False
            shown = fleet["status"].get("summary", {}).get("agents")
            return workers is None or shown == f"{workers}/{workers}"

        await self.until(what, check)

    async def change(self, **spec: Any) -> None:
        """Merge into the fleet's spec, as its author."""
        await self.mirror.patch("VoiceFleet", self.namespace, FLEET, {"spec": spec})

    async def begin_call(self, pod: str, count: int = 1) -> None:
        """Let a worker hold so many calls."""
        await asyncio.to_thread(self.world.set_sessions, self.namespace, pod, count)
        self.calls.now[self.namespace, pod] = count

    async def end_call(self, pod: str) -> None:
        """Let a worker's calls end."""
        self.calls.now[self.namespace, pod] = 0
        await asyncio.to_thread(self.world.set_sessions, self.namespace, pod, 0)

    async def set_rooms(self, count: int) -> None:
        """Let the first media server have so many rooms."""
        self.calls.now[self.namespace, MEDIA_SERVER] = count
        await asyncio.to_thread(self.world.set_rooms, self.namespace, MEDIA_SERVER, count)

    async def open_worker(self) -> str | None:
        """Return a worker that takes new calls, as the dispatcher would find it."""
        told = await asyncio.to_thread(self.world.workers, self.namespace)
        here = {pod["metadata"]["name"] for pod in self.workers()}
        found = [one["pod"] for one in told if not one["cordoned"] and one["pod"] in here]
        return max(found, default=None)


def manifest_of(history: History, namespace: str) -> Manifest:
    """Return the fleet of a history as its author applies it first."""
    made = with_spec(a_fleet_manifest(namespace), "agents.maxReplicas", 6)
    parts = {
        Tier.SPEECH: with_speech,
        Tier.EVALUATION: with_evaluation,
        Tier.EXTERNAL_REDIS: with_external_redis,
    }
    for tier in sorted(history.tiers):
        made = parts[tier](made)
    return made


async def live_create(life: Life) -> None:
    """Create a fleet and wait until it is Ready."""
    await life.mirror.create(life.manifest())
    await life.settled("Ready after its creation", workers=2)
    await life.until("no idle worker is marked as busy", lambda: not _marked_busy(life))


async def live_rollout(life: Life) -> None:
    """Change the image during a call; another call comes in the middle of it."""
    await live_create(life)
    busy = life.workers()[0]["metadata"]["name"]
    await life.begin_call(busy, 2)
    await life.change(agents={"image": NEXT_IMAGE})
    await life.until("a worker of the new image", lambda: _new_workers(life))
    late = await life.open_worker()
    if late is not None and late != busy:
        await life.begin_call(late)
    await life.until("two workers of the new image", lambda: len(_new_workers(life)) >= 2)
    await asyncio.sleep(2)
    for pod in filter(None, (busy, late)):
        await life.end_call(pod)
    await life.until(
        "only the new image",
        lambda: len(life.workers()) == 2 == len(_new_workers(life)),
    )
    await life.settled("Ready after its rollout", workers=2)


def _new_workers(life: Life) -> list[Manifest]:
    return [pod for pod in life.workers() if pod["spec"]["containers"][0]["image"] == NEXT_IMAGE]


async def live_scale(life: Life) -> None:
    """Raise the floor, then lower the maximum while one of those in excess is in a call."""
    await live_create(life)
    await life.change(agents={"floorReplicas": 4})
    await life.settled("four workers", workers=4)
    busy = [pod["metadata"]["name"] for pod in life.workers()][:3]
    for pod in busy:
        await life.begin_call(pod)
    await life.until("the operator knows of the calls", lambda: _marked_busy(life) == busy)
    await life.change(agents={"floorReplicas": 0, "maxReplicas": 2})
    await life.until("the idle one has gone", lambda: len(life.workers()) == 3)
    for pod in busy:
        await life.end_call(pod)
    await life.until("two are left", lambda: len(life.workers()) == 2)
    await life.settled("Ready with two workers", workers=2)


def _marked_busy(life: Life) -> list[str]:
    marked = (pod["metadata"] for pod in life.workers())
    return [one["name"] for one in marked if one["labels"].get(labels.BUSY) == "true"]


async def live_media(life: Life) -> None:
    """Change a media port while the server has a room."""
    await live_create(life)
    await life.set_rooms(1)
    await life.change(media={"network": {"tcpPort": 7891}})
    await life.until("a second server", lambda: len(_servers(life)) == 2)
    await asyncio.sleep(2)
    await life.set_rooms(0)
    await life.until("the second server alone", lambda: _servers(life) == [f"{FLEET}-media-2"])
    await life.settled("Ready with the new server", workers=2)


def _servers(life: Life) -> list[str]:
    return sorted(
        name
        for (kind, name), item in life.mirror.of(life.namespace).items()
        if kind == "ReplicaSet" and item["metadata"].get("labels", {}).get(labels.TIER) == "media"
    )


async def live_drift(life: Life) -> None:
    """Delete and edit children by hand; the end is as if nobody had."""
    await live_create(life)
    await life.mirror.delete("Service", life.namespace, f"{FLEET}-media")
    await life.mirror.delete("ServiceAccount", life.namespace, f"{FLEET}-agents")
    await life.mirror.patch(
        "NetworkPolicy", life.namespace, f"{FLEET}-agents", {"spec": {"policyTypes": ["Ingress"]}}
    )
    await life.mirror.patch(
        "PodDisruptionBudget",
        life.namespace,
        f"{FLEET}-agents-busy",
        {"metadata": {"labels": {labels.FLEET: None}}},
    )
    await asyncio.sleep(1)
    await life.settled("Ready after repairs", workers=2)


async def live_delete(life: Life) -> None:
    """Delete the fleet during a call, which ends before the fleet does."""
    await live_create(life)
    busy = life.workers()[0]["metadata"]["name"]
    await life.begin_call(busy)
    await life.mirror.delete("VoiceFleet", life.namespace, FLEET)
    await life.until("only the busy worker is left", lambda: len(life.workers()) == 1)
    await asyncio.sleep(1)
    await life.end_call(busy)
    await life.until("the fleet is gone", lambda: life.fleet is None)
    await life.until("nothing is left", lambda: _nothing_left(life))


def _nothing_left(life: Life) -> bool:
    return not any(
        kind in (*CHILD_KINDS, "Pod") and labels.FLEET in item["metadata"].get("labels", {})
        for (kind, _), item in life.mirror.of(life.namespace).items()
    )


async def live_again(life: Life) -> None:
    """Delete the fleet, and create another of its name before its children are gone."""
    await live_create(life)
    await life.mirror.delete("VoiceFleet", life.namespace, FLEET)
    await life.until("the first fleet is gone", lambda: life.fleet is None)
    await live_create(life)


LIVES: Final[Mapping[Scenario, Callable[[Life], Awaitable[None]]]] = {
    Scenario.CREATE: live_create,
    Scenario.ROLLOUT: live_rollout,
    Scenario.SCALE: live_scale,
    Scenario.MEDIA: live_media,
    Scenario.DRIFT: live_drift,
    Scenario.DELETE: live_delete,
    Scenario.AGAIN: live_again,
}
