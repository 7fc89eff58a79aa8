"""Where histories are lived: one operator behind the fault proxy, many namespaces at once.

    async with Arena.open(cluster, installed, folder) as arena:
        verdicts = await arena.judge([History.parse("create plain: 409@write#3")])

Each history has a namespace; its faults strike only there, save that a killed operator and an
outage are everybody's (`History.strikes_all`). As soon as one history is judged the next one
begins, because most of a life is waiting. The undisturbed life of the same kind is lived before,
once.
"""

import asyncio
import itertools
import math
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self

import yaml

from support.cluster_fixtures import operator_for
from support.fault_proxy import FaultProxy
from support.faults import Trouble
from support.histories import History, Verdict, shorter, undisturbed
from support.lives import FLEET, LIVES, STAGE_SECONDS, Life
from support.mirror import Change, Mirror, OverdueError
from support.operator_log import CycleCount, LogReader
from support.oracles import (
    Calls,
    Claims,
    Shape,
    differences,
    is_memory,
    shape_of,
    unready_pods,
)
from support.references import References
from voicefleet_localcluster.cluster import LocalCluster
from voicefleet_localcluster.errors import LocalClusterError
from voicefleet_localcluster.installation import Installation
from voicefleet_localcluster.operator_process import OperatorProcess

CONVERGE_SECONDS: Final = 60.0
"""After the last stage. Twice the longest pause between two tries of one fleet's cycle."""
RESYNC_SECONDS: Final = 900
"""Longer than any history: what only the next resync heals was forgotten, and shows here."""
SETTLE_SECONDS: Final = 10.0
"""In which the last status may still be written, and controllers end their own work."""
STATUS_SECONDS: Final = 32.0
"""Half a minute after the last call a status may still tell that it has ended. Whoever wants more
than a few quiet seconds has to wait for that."""
QUIET_SECONDS: Final = 3.0
"""In which nothing may change after that."""
LEARN_QUIET_SECONDS: Final = 10.0
"""The same after an undisturbed life. Forty fleets that begin at once keep an operator behind for
seconds, and what is taken for the end too early would be asked of every other life."""
LONG_QUIET_SECONDS: Final = 20.0
"""A write that comes back later than the few seconds that most are watched for."""
WATCH_OVER_SECONDS: Final = 0.1
THREADS: Final = 32
"""For calls of the world, which wait for a pod's address: a life must not wait for another's."""
CLEARED_KINDS: Final = (
    "Deployment",
    "ReplicaSet",
    "Pod",
    "Service",
    "ConfigMap",
    "Secret",
    "ServiceAccount",
    "PodDisruptionBudget",
    "NetworkPolicy",
)
"""In this order, so that no controller replaces what has just been removed."""
LOG_LINES_MAX: Final = 20
"""Of the operator's log that a verdict repeats."""
AT_ONCE: Final = 24
"""Lives under way. Two cores are busy with half as many; the others wait for timers."""

_numbers = itertools.count(1)


@dataclass(slots=True)
class Arena:
    """One operator, its proxy, the true picture, and what undisturbed lives ended with."""

    mirror: Mirror
    proxy: FaultProxy
    operator: OperatorProcess
    cluster: LocalCluster
    log: LogReader
    references: References = field(default_factory=References)
    calls: Calls = field(default_factory=Calls)
    claims: Claims = field(default_factory=Claims)
    cycles: CycleCount = field(default_factory=CycleCount)
    places: dict[str, Life] = field(default_factory=dict)
    """Lives that are under way, by namespace."""
    starts: int = 0
    """How often the operator had to be started again."""
    stage_seconds: float = STAGE_SECONDS
    converge_seconds: float = CONVERGE_SECONDS

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        cluster: LocalCluster,
        installed: Installation,
        folder: Path,
        *,
        identity: str = "arena",
        make: Callable[..., OperatorProcess] = OperatorProcess,
    ) -> AsyncIterator[Self]:
        """Start the operator behind a proxy, and keep it started.

        Args:
            cluster: Where lives are lived.
            installed: The chart on it.
            folder: For the operator's configuration and log.
            identity: The operator's name in the Lease.
            make: The kind of process.
        """
        with FaultProxy(installed.kubeconfig, folder) as proxy:
            platform = with_resync(installed.platform, folder, seconds=RESYNC_SECONDS)
            behind = replace(installed, kubeconfig=proxy.kubeconfig, platform=platform)
            operator = operator_for(behind, make, identity=identity)
            async with Mirror(cluster.kubeconfig) as mirror:
                arena = cls(mirror, proxy, operator, cluster, LogReader(operator.log_file))
                mirror.listeners += [arena.calls.watch, arena.claims.watch]
                loop = asyncio.get_running_loop()
                loop.set_default_executor(ThreadPoolExecutor(THREADS))
                proxy.kill = arena.kill_operator
                guard = None
                try:
                    await asyncio.to_thread(operator.start)
                    guard = asyncio.create_task(arena.keep_operator())
                    yield arena
                finally:
                    if guard is not None:
                        guard.cancel()
                        await asyncio.gather(guard, return_exceptions=True)
                    await asyncio.to_thread(operator.stop)

    def kill_operator(self) -> None:
        """SIGKILL, once it was read how many cycles this process has run."""
        if self.operator.is_running:
            self.cycles.end(self.operator)
            # It may have ended by itself, and be reaped, while it was asked.
            with suppress(ProcessLookupError):
                os.killpg(self.operator.pid, signal.SIGKILL)

    async def keep_operator(self) -> None:
        """Start the operator again whenever it has ended, as a kubelet does."""
        while True:
            await asyncio.sleep(WATCH_OVER_SECONDS)
            if not self.operator.is_running:
                self.starts += 1
                try:
                    await asyncio.to_thread(self.operator.start)
                except LocalClusterError:
                    self.operator.kill()

    async def judge(
        self,
        histories: Sequence[History],
        *,
        quiet_seconds: float = QUIET_SECONDS,
        at_once: int = AT_ONCE,
        long_quiet_every: int = 0,
        until: float = math.inf,
        tell: Callable[[Verdict], None] = lambda verdict: None,
    ) -> list[Verdict]:
        """Live histories in their order, so many at once, and judge how each ended.

        Args:
            histories: What is to be lived.
            quiet_seconds: How long nothing may change afterwards.
            at_once: How many are under way.
            long_quiet_every: Histories of which one is watched for `LONG_QUIET_SECONDS`.
            until: Moment of the event loop's clock after which no further one begins.
            tell: Is told of each verdict at once.
        """
        await self.learn(histories, at_once=at_once)
        window, clock = asyncio.Semaphore(at_once), asyncio.get_running_loop().time

        async def live(number: int, history: History) -> Verdict | None:
            is_long = long_quiet_every > 0 and number % long_quiet_every == 0
            async with window:
                if clock() > until:
                    return None
                verdict = await self._judge(
                    history, LONG_QUIET_SECONDS if is_long else quiet_seconds
                )
            tell(verdict)
            return verdict

        lived = await asyncio.gather(*itertools.starmap(live, enumerate(histories)))
        verdicts = [verdict for verdict in lived if verdict is not None]
        if strays := self.log.strays():
            # A line of the log that names no namespace may belong to any of them.
            told = tuple(f"the log says: {line}" for line in strays[:LOG_LINES_MAX])
            verdicts[0] = replace(verdicts[0], failures=(*verdicts[0].failures, *told))
        return verdicts

    async def learn(self, histories: Iterable[History], *, at_once: int = AT_ONCE) -> None:
        """Live the undisturbed life of each history, unless it was lived before."""
        window = asyncio.Semaphore(at_once)

        async def learn(life: History) -> None:
            async with window:
                await self._learn(life)

        missing = [life for life in undisturbed(histories) if self.references.find(life) is None]
        await asyncio.gather(*map(learn, missing))

    async def find_failure(self, histories: Sequence[History]) -> Verdict | None:
        """Live all histories at once until the first of them fails; give up the others."""
        failed: list[Verdict] = []
        is_over = asyncio.Event()

        def tell(verdict: Verdict) -> None:
            if verdict.failures:
                failed.append(verdict)
                is_over.set()

        judging = asyncio.create_task(self.judge(histories, at_once=len(histories), tell=tell))
        judging.add_done_callback(lambda _: is_over.set())
        await is_over.wait()
        if judging.done():
            failed += [verdict for verdict in judging.result() if verdict.failures]
        judging.cancel()
        await asyncio.gather(judging, return_exceptions=True)
        for place in tuple(self.places.values()):
            await self._clear(place)
        return failed[0] if failed else None

    async def shrink(self, verdict: Verdict, *, quiet_seconds: float = QUIET_SECONDS) -> Verdict:
        """Leave out one fault after the other while what is left still fails."""
        while candidates := shorter(verdict.history):
            verdicts = await self.judge(candidates, quiet_seconds=quiet_seconds)
            failing = [one for one in verdicts if one.failures]
            if not failing:
                break
            verdict = failing[0]
        return verdict

    async def _learn(self, life: History) -> None:
        """Live an undisturbed life; what it ends with is wanted of every disturbed one."""
        place = await self._place(life)
        try:
            await LIVES[life.scenario](place)
            noise = await self._find_noise(place, LEARN_QUIET_SECONDS, STATUS_SECONDS)
        except (OverdueError, LocalClusterError) as error:
            noise = [str(error), *unready_pods(self.mirror.of(place.namespace))]
        if noise:
            status = (place.fleet or {}).get("status")
            raise AssertionError(f"{life} fails without a fault: {noise}; status: {status}")
        writes = len(self.proxy.writes_in(place.namespace))
        self.references.keep(life, self._shape(place), writes=writes)
        await self._clear(place)

    async def _judge(self, history: History, quiet_seconds: float) -> Verdict:
        place = await self._place(history)
        failures = await self._live(place)
        settle = STATUS_SECONDS if quiet_seconds >= LONG_QUIET_SECONDS else SETTLE_SECONDS
        failures += await self._find_noise(place, quiet_seconds, settle)
        failures += [
            f"a pod was removed in a call: {line}" for line in self.calls.cut_in(place.namespace)
        ]
        failures += self.claims.false_in(place.namespace)
        said = self.log.about(place.namespace)
        failures += [f"the log says: {line}" for line in said[:LOG_LINES_MAX]]
        verdict = self._conclude(place, failures)
        await self._clear(place)
        return verdict

    def _conclude(self, place: Life, failed: list[str]) -> Verdict:
        trouble = self.proxy.troubles[place.namespace]
        writes = self.proxy.writes_in(place.namespace)
        failed = failed + [
            f"deleted whatever has that name: {one}" for one in writes if not one.is_guarded
        ]
        if failed:
            writes_told = [f"wrote {write}" for write in writes[-4:]]
            failed = [f"in {place.namespace}:", *failed, *writes_told]
        return Verdict(
            place.history,
            tuple(failed),
            tuple(trouble.fired),
            len(writes),
            suffered=tuple(trouble.suffered),
        )

    async def _live(self, place: Life) -> list[str]:
        """Live one history to its end; return what did not come."""
        wanted = self.references.shape(place.history.undisturbed)
        try:
            await LIVES[place.history.scenario](place)
            await self.mirror.until(
                place.namespace,
                "the same end as undisturbed",
                lambda: not differences(wanted, self._shape(place)),
                seconds=self.converge_seconds,
            )
        except (OverdueError, LocalClusterError) as error:
            objects = self.mirror.of(place.namespace)
            return [str(error), *differences(wanted, self._shape(place)), *unready_pods(objects)]
        return []

    async def _find_noise(
        self, place: Life, quiet_seconds: float, settle_seconds: float = SETTLE_SECONDS
    ) -> list[str]:
        """Return what still changed after the time in which it may."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while True:
            since = loop.time() - quiet_seconds
            changes = self._changes(max(begun, since), place)
            if not changes and since >= begun:
                return []
            if since > begun + settle_seconds:
                return [f"changed without need: {change}" for change in changes[:4]]
            await asyncio.sleep(quiet_seconds / 4)

    def _changes(self, since: float, place: Life) -> list[Change]:
        changes = self.mirror.changes_since(since, place.namespace)
        return [one for one in changes if not is_memory(one.kind, one.name)]

    async def _place(self, history: History) -> Life:
        namespace = f"faults-{next(_numbers)}"
        self.proxy.troubles[namespace] = Trouble(history.faults)
        marks = {"pod-security.kubernetes.io/enforce": "restricted"}
        await self.mirror.create(
            {"kind": "Namespace", "metadata": {"name": namespace, "labels": marks}}
        )
        place = Life(
            namespace, history, self.mirror, self.cluster.world, self.calls, self.stage_seconds
        )
        self.places[namespace] = place
        return place

    def _shape(self, place: Life) -> Shape:
        return shape_of(self.mirror.of(place.namespace), place.namespace)

    async def _clear(self, place: Life) -> None:
        """Remove what is left of a life; whom that ends is no harm to anybody.

        The namespace itself stays, because deleting one makes the server search it for every
        kind that there is. The fleet is paused first, and goes last: with its children still
        there the garbage collector would delete them one by one.
        """
        namespace = place.namespace
        del self.places[namespace]
        self.proxy.troubles.pop(namespace)
        for key in list(self.calls.now):
            if key[0] == namespace:
                del self.calls.now[key]
        if place.fleet is not None:
            await self.mirror.change("VoiceFleet", namespace, FLEET, {"spec": {"paused": True}})
        for kind in CLEARED_KINDS:
            await self.mirror.empty(kind, namespace)
        await self.mirror.delete("VoiceFleet", namespace, FLEET)
        await self.mirror.change("VoiceFleet", namespace, FLEET, {"metadata": {"finalizers": None}})


def with_resync(platform: Path, folder: Path, *, seconds: int) -> Path:
    """Return the operator's configuration with another resync interval."""
    changed = folder / "platform.yaml"
    settings = {**yaml.safe_load(platform.read_text()), "resyncSeconds": seconds}
    changed.write_text(yaml.safe_dump(settings))
    return changed
