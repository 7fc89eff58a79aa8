"""The lives of `support.lives` on fakes, in virtual time: a thousand of them in a minute.

    verdict = await judge(History.parse("rollout speech: kill@write#7"))

The shell is the operator's own; the API server, the workers and the clock are the fakes that
pass the same contract suites as the real ones. Nothing is resynchronised here, so what an
operator forgets stays forgotten.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from support.api import Manifest
from support.cycles import Shell
from support.fakes import FakeClock
from support.faults import WRITE, Trouble
from support.faults_in_memory import FaultyCluster, KilledError
from support.histories import History, Scenario, Verdict
from support.lives import FLEET, manifest_of
from support.manifests import NEXT_IMAGE, is_settled
from support.mirror import OverdueError
from support.oracles import (
    MEMORY,
    Objects,
    Shape,
    differences,
    faults_in_log,
    faults_in_status,
    shape_of,
)
from voicefleet.api import labels
from voicefleet.manifests import ObjectKey
from voicefleet.model.observed import Pod, Tier

STAGE_SECONDS: Final = 240.0
"""Virtual. Twice what a step may take on the real API server: backoffs add up."""
CONVERGE_SECONDS: Final = 120.0
SETTLE_SECONDS: Final = 100.0
"""In which the last status may still be written: a fleet is tried again after 60 s at the
latest, and counts wait for up to half a minute."""
QUIET_SECONDS: Final = 60.0
RESTART_SECONDS: Final = 2.0
"""From a kill until the next process has filled its caches."""
CYCLE_SECONDS: Final = 0.001
TICK_SECONDS: Final = 0.01
DISPATCH_SECONDS: Final = 2.9
"""After its cordon a worker may still get a call: psrpc gives up a dispatch after 3 s."""
SILENCE_SECONDS: Final = 20.0
"""Twice the age at which nobody believes a worker's last word any more."""

NAMESPACE: Final = "voice"
KEY: Final = ObjectKey("VoiceFleet", NAMESPACE, FLEET)

_wanted: dict[History, Shape] = {}


class Life:
    """One fleet, alone with its operator, and who can call it."""

    def __init__(self, history: History) -> None:
        """Begin with an empty cluster."""
        self.history = history
        clock = FakeClock()
        self.cluster = FaultyCluster(Trouble(history.faults), clock)
        self.shell = Shell(cluster=self.cluster, clock=clock)
        self.calls: Counter[str] = Counter()
        """Calls by pod, as the callers know them."""
        self.failures: list[str] = []
        self._met: set[str] = set()
        self._judged = 0

    @property
    def fleet(self) -> Manifest | None:
        """Return the fleet as it stands."""
        return self.cluster.get(KEY) if self.cluster.exists(KEY) else None

    def pods(self, tier: Tier) -> list[Pod]:
        """Return a tier's pods as they stand, by name."""
        found = [pod for pod in self.cluster.true_pods(KEY) if pod.tier is tier]
        return sorted(found, key=lambda pod: pod.name)

    def children(self, kind: str, tier: str) -> list[Manifest]:
        """Return the children of a kind in a tier, by name."""
        found = [
            item
            for item in self.cluster.of_kind(kind)
            if item["metadata"].get("labels", {}).get(labels.TIER) == tier
        ]
        return sorted(found, key=lambda item: str(item["metadata"]["name"]))

    def change(self, **spec: Any) -> None:
        """Merge into the fleet's spec, as its author."""
        self.cluster.edit(KEY, {"spec": spec})

    def hold_calls(self, pod: Pod, count: int) -> None:
        """Let a pod hold so many calls, or rooms."""
        self.calls[pod.name] = count
        if pod.tier is Tier.MEDIA:
            self.shell.servers.answer(pod, rooms=count)
        else:
            self.shell.workers.answer(pod, active=count)

    def hang_up(self, pod: Pod) -> None:
        """End the calls of a pod, if it is still there."""
        self.calls[pod.name] = 0
        if any(one.uid == pod.uid for one in self.cluster.true_pods(KEY)):
            self.hold_calls(pod, 0)

    def takes_calls(self, pod: Pod) -> bool:
        """Say whether a worker would take a call now."""
        return not self.shell.workers.is_cordoned(pod)

    async def settled(self, what: str, *, workers: int) -> None:
        """Wait until the operator has done all it was asked, and says so."""

        def check() -> bool:
            fleet = self.fleet
            if fleet is None or not is_settled(fleet):
                return False
            return fleet["status"].get("summary", {}).get("agents") == f"{workers}/{workers}"

        await self.until(what, check)

    async def until(
        self, what: str, check: Callable[[], Any], *, seconds: float = STAGE_SECONDS
    ) -> None:
        """Let time pass until the check holds.

        Raises:
            OverdueError: It did not in time.
        """
        deadline = self.shell.clock.monotonic() + seconds
        while not check():
            if self.shell.clock.monotonic() >= deadline:
                raise OverdueError(f"not within {seconds:.0f} s: {what}")
            await self._step(deadline)

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        deadline = self.shell.clock.monotonic() + seconds
        while self.shell.clock.monotonic() < deadline:
            await self._step(deadline)

    async def _step(self, deadline: float) -> None:
        """Let the next thing happen: controllers, a cycle, or time."""
        self._meet_pods()
        if self.cluster.is_stirred:
            self.cluster.is_stirred = False
            self.cluster.run_controllers()
            self._judge_removals()
            return
        key = self.shell.queue.take()
        if key is not None:
            await self._cycle(key)
            return
        moments = (self._due_at(), self.cluster.speaks_again_at, deadline)
        now = self.shell.clock.monotonic()
        rest = min(moment for moment in moments if moment is not None) - now
        self.shell.clock.advance(timedelta(seconds=max(rest, TICK_SECONDS)))
        self.cluster.look_again()

    async def _cycle(self, key: ObjectKey) -> None:
        try:
            await self.shell.reconciler.reconcile(key)
        except KilledError:
            await _bury()
            self.shell.clock.advance(timedelta(seconds=RESTART_SECONDS))
            self.shell.start()
            for fleet in self.cluster.fleet_keys():
                self.shell.queue.add(fleet)
        else:
            self.shell.queue.done(key)
            self._judge_status()
        # A cycle takes time. In a world where it takes none, one that has to look again in a
        # billionth of a second does so for ever, because 7.6 + 60 is a little more than 67.6.
        self.shell.clock.advance(timedelta(seconds=CYCLE_SECONDS))

    def _due_at(self) -> float | None:
        later = self.shell.queue._later
        return later[0][0] if later else None

    def _meet_pods(self) -> None:
        """Let every new worker and server say that it is empty."""
        for pod in self.cluster.true_pods(KEY):
            if pod.uid not in self._met and pod.ip and pod.tier in (Tier.AGENTS, Tier.MEDIA):
                self._met.add(pod.uid)
                self.hold_calls(pod, 0)

    async def written_in(self, seconds: float) -> list[str]:
        """Let time pass, and return what is written in it."""
        before = len(self.cluster.writes)
        await self.wait(seconds)
        return list(map(str, self.cluster.writes[before:]))

    def _judge_removals(self) -> None:
        """Note every pod that went while somebody was calling through it."""
        for key in self.cluster.removed_pods[self._judged :]:
            if count := self.calls.pop(key.name, 0):
                self.failures.append(f"a pod was removed in a call: {key} with {count} calls")
        self._judged = len(self.cluster.removed_pods)

    def _judge_status(self) -> None:
        for fault in faults_in_status(self.objects("VoiceFleet", "ReplicaSet")):
            if fault not in self.failures:
                self.failures.append(fault)

    def shape(self) -> Shape:
        """Return what the fleet has come to."""
        return shape_of(self.objects(), NAMESPACE)

    def objects(self, *kinds: str) -> Objects:
        """Return everything in the namespace by kind and name, or what is of some kinds."""
        return {
            (key.kind, key.name): self.cluster.get(key)
            for key in self.cluster.addresses()
            if not kinds or key.kind in kinds
        }


async def _bury() -> None:
    """End what a killed operator was still doing."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


async def live_create(life: Life) -> None:
    """Create a fleet and wait until it is Ready."""
    life.cluster.create(manifest_of(life.history, NAMESPACE))
    await life.settled("Ready after its creation", workers=2)
    await life.until("no idle worker is marked as busy", lambda: not marked_busy(life))


async def live_rollout(life: Life) -> None:
    """Change the image during a call; one that was sent to the other worker arrives late."""
    await live_create(life)
    busy, late = life.pods(Tier.AGENTS)
    life.hold_calls(busy, 2)
    life.change(agents={"image": NEXT_IMAGE})
    await life.until("a worker of the new image", lambda: new_workers(life))
    await life.until("the idle worker is cordoned", lambda: not life.takes_calls(late))
    await life.wait(DISPATCH_SECONDS)
    if all(pod.uid != late.uid for pod in life.pods(Tier.AGENTS)):
        life.failures.append(f"a call was lost: {late.name} went before it could arrive")
    else:
        life.hold_calls(late, 1)
    await life.until("two workers of the new image", lambda: len(new_workers(life)) >= 2)
    await life.wait(2)
    for pod in (busy, late):
        life.hang_up(pod)
    await life.until(
        "only the new image",
        lambda: len(life.pods(Tier.AGENTS)) == 2 == len(new_workers(life)),
    )
    await life.settled("Ready after its rollout", workers=2)


async def live_scale(life: Life) -> None:
    """Raise the floor, then lower the maximum during calls; those workers fall silent as well.

    The idle one is the oldest, which a ReplicaSet left to itself would keep.
    """
    await live_create(life)
    life.change(agents={"floorReplicas": 4})
    await life.settled("four workers", workers=4)
    busy = life.pods(Tier.AGENTS)[1:]
    for pod in busy:
        life.hold_calls(pod, 1)
    names = [pod.name for pod in busy]
    await life.until("the operator knows of the calls", lambda: marked_busy(life) == names)
    life.change(agents={"floorReplicas": 0, "maxReplicas": 2})
    await life.until("the idle one has gone", lambda: len(life.pods(Tier.AGENTS)) == 3)
    for pod in busy:
        life.shell.workers.silence(pod)
    await life.wait(SILENCE_SECONDS)
    # Something else makes the operator look at the fleet while it knows nothing of them.
    life.cluster.remove(ObjectKey("Service", NAMESPACE, f"{FLEET}-media"))
    await life.until("the Service is back", lambda: life.children("Service", "media"))
    if marked_busy(life) != names:
        life.failures.append("a silent worker in a call lost its mark")
    for pod in busy:
        life.hang_up(pod)
    await life.until("two are left", lambda: len(life.pods(Tier.AGENTS)) == 2)
    await life.settled("Ready with two workers", workers=2)


async def live_media(life: Life) -> None:
    """Change a media port while the server has a room."""
    await live_create(life)
    server = life.pods(Tier.MEDIA)[0]
    life.hold_calls(server, 1)
    life.change(media={"network": {"tcpPort": 7891}})
    await life.until("a second server", lambda: len(life.children("ReplicaSet", "media")) == 2)
    await life.wait(2)
    life.hang_up(server)
    await life.until(
        "the second server alone",
        lambda: (
            [one["metadata"]["name"] for one in life.children("ReplicaSet", "media")]
            == [f"{FLEET}-media-2"]
        ),
    )
    await life.settled("Ready with the new server", workers=2)


async def live_drift(life: Life) -> None:
    """Delete and edit children by hand; the end is as if nobody had."""
    await live_create(life)
    for kind, name in (("Service", f"{FLEET}-media"), ("ServiceAccount", f"{FLEET}-agents")):
        life.cluster.remove(ObjectKey(kind, NAMESPACE, name))
    life.cluster.edit(
        ObjectKey("NetworkPolicy", NAMESPACE, f"{FLEET}-agents"),
        {"spec": {"policyTypes": ["Ingress"]}},
    )
    life.cluster.edit(
        ObjectKey("PodDisruptionBudget", NAMESPACE, f"{FLEET}-agents-busy"),
        {"metadata": {"labels": {labels.FLEET: None}}},
    )
    await life.wait(1)
    await life.settled("Ready after repairs", workers=2)


async def live_delete(life: Life) -> None:
    """Delete the fleet during a call, which ends before the fleet does."""
    await live_create(life)
    busy = life.pods(Tier.AGENTS)[0]
    life.hold_calls(busy, 1)
    life.cluster.remove(KEY)
    await life.until(
        "only the busy worker is left",
        lambda: [pod.name for pod in life.pods(Tier.AGENTS)] == [busy.name],
    )
    await life.wait(1)
    life.hang_up(busy)
    await life.until("the fleet is gone", lambda: life.fleet is None)
    await life.until("nothing is left", lambda: not life.objects())


async def live_again(life: Life) -> None:
    """Delete the fleet, and create another of its name before its children are gone."""
    await live_create(life)
    life.cluster.remove(KEY)
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


def marked_busy(life: Life) -> list[str]:
    """Return the workers that carry the mark of a call."""
    return [pod.name for pod in life.pods(Tier.AGENTS) if pod.labels.get(labels.BUSY) == "true"]


def new_workers(life: Life) -> list[str]:
    """Return the workers whose pods are of the new image."""
    items = life.cluster.of_kind("Pod")
    images = {one["metadata"]["name"]: one["spec"]["containers"][0]["image"] for one in items}
    return [pod.name for pod in life.pods(Tier.AGENTS) if images[pod.name] == NEXT_IMAGE]


class Listener(logging.Handler):
    """Keeps what the operator says about itself."""

    def __init__(self) -> None:
        """Begin with nothing heard."""
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line, with its traceback."""
        trace = " Traceback" if record.exc_info else ""
        self.lines.append(f"{record.levelname} {record.getMessage()}{trace}")


async def judge(history: History) -> Verdict:
    """Live a history to its end and judge how it ended."""
    undisturbed = history.undisturbed
    if undisturbed not in _wanted:
        alone = await _live(undisturbed, None)
        if alone.failures:
            return Verdict(undisturbed, tuple(alone.failures))
        _wanted[undisturbed] = alone.shape()
    life = await _live(history, _wanted[undisturbed])
    trouble = life.cluster.trouble
    return Verdict(
        history,
        tuple(life.failures),
        tuple(trouble.fired),
        writes=trouble.seen[WRITE],
        cycles=len(life.shell.meter.cycles),
    )


async def _live(history: History, wanted: Shape | None) -> Life:
    """Live a history; what is wrong with it is in the life's failures."""
    life = Life(history)
    listener, ours = Listener(), logging.getLogger("voicefleet")
    ours.addHandler(listener)
    try:
        await LIVES[history.scenario](life)
        if wanted is not None:
            await life.until(
                "the same end as undisturbed",
                lambda: not differences(wanted, life.shape()),
                seconds=CONVERGE_SECONDS,
            )
        await life.wait(SETTLE_SECONDS)
        noise = [one for one in await life.written_in(QUIET_SECONDS) if not one.endswith(MEMORY)]
        # The memory is written a minute after it was written last, and then rests as well.
        noise += await life.written_in(QUIET_SECONDS)
        life.failures += [f"written without need: {one}" for one in noise]
    except OverdueError as error:
        life.failures.append(str(error))
    finally:
        ours.removeHandler(listener)
    life.failures += [] if wanted is None else differences(wanted, life.shape())
    life.failures += [f"the log says: {line}" for line in faults_in_log(listener.lines)]
    return life


async def written_after_lease_loss(history: History, *, at: int) -> list[str]:
    """Return which children an operator writes that lost its Lease after its write number `at`.

    The step that was being carried out may be finished, and the cycle may still be reported.
    """
    life = Life(history)
    cluster = life.cluster
    last: list[str] = []

    def note(verb: str, key: ObjectKey) -> None:
        if cluster.trouble.seen[WRITE] < at:
            return
        life.shell.may_write = False
        last.append(f"{verb} {key}")

    cluster.listeners.append(note)
    with contextlib.suppress(OverdueError):
        await LIVES[history.scenario](life)
    step = last[0].partition(" ")[2] if last else ""
    return [line for line in last if not line.endswith(step) and not line.startswith("status")]
