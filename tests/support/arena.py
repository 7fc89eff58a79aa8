"""Where histories are lived: one operator behind the fault proxy, many namespaces at once.

    async with Arena.open(cluster, installed, folder) as arena:
        verdicts = await arena.judge([History.parse("create plain: 409@write#3")])

Each history has a namespace; its faults strike only there, save that a killed operator and an
outage are everybody's. The undisturbed life of the same kind is lived first, once.
"""

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self

import yaml

from support.cluster_fixtures import operator_for
from support.fault_proxy import FaultProxy
from support.faults import Trouble
from support.histories import History, Verdict, shorter, undisturbed
from support.lives import LIVES, STAGE_SECONDS, Life
from support.mirror import Change, Mirror, OverdueError
from support.oracles import Calls, Shape, differences, faults_in_log, is_memory, shape_of
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
WATCH_OVER_SECONDS: Final = 0.1
AT_ONCE: Final = 24

_numbers = itertools.count(1)


@dataclass(slots=True)
class Arena:
    """One operator, its proxy, the true picture, and what undisturbed lives ended with."""

    mirror: Mirror
    proxy: FaultProxy
    operator: OperatorProcess
    cluster: LocalCluster
    calls: Calls = field(default_factory=Calls)
    wanted: dict[History, Shape] = field(default_factory=dict)
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
    ) -> AsyncIterator[Self]:
        """Start the operator behind a proxy, and keep it started."""
        with FaultProxy(installed.kubeconfig, folder) as proxy:
            platform = with_resync(installed.platform, folder, seconds=RESYNC_SECONDS)
            behind = replace(installed, kubeconfig=proxy.kubeconfig, platform=platform)
            operator = operator_for(behind, identity=identity)
            async with Mirror(cluster.kubeconfig) as mirror:
                arena = cls(mirror, proxy, operator, cluster)
                mirror.listeners.append(arena.calls.watch)
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
        """SIGKILL at this very moment."""
        if self.operator.is_running:
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
        self, histories: Sequence[History], *, quiet_seconds: float = 3.0, at_once: int = AT_ONCE
    ) -> list[Verdict]:
        """Live every history, so many at once, and judge how each ended."""
        await self.learn(histories, quiet_seconds=quiet_seconds, at_once=at_once)
        verdicts: list[Verdict] = []
        for batch in _batches(histories, at_once):
            verdicts += await self._judge_batch(batch, quiet_seconds)
        return verdicts

    async def learn(
        self, histories: Iterable[History], *, quiet_seconds: float = 3.0, at_once: int = AT_ONCE
    ) -> None:
        """Live the undisturbed life of each history, unless it was lived here before."""
        missing = [life for life in undisturbed(histories) if life not in self.wanted]
        for batch in _batches(missing, at_once):
            await self._learn(batch, quiet_seconds)

    async def shrink(self, verdict: Verdict, *, quiet_seconds: float = 3.0) -> Verdict:
        """Leave out one fault after the other while what is left still fails."""
        while candidates := shorter(verdict.history):
            verdicts = await self.judge(candidates, quiet_seconds=quiet_seconds)
            failing = [one for one in verdicts if one.failures]
            if not failing:
                break
            verdict = failing[0]
        return verdict

    async def _learn(self, lives: Sequence[History], quiet_seconds: float) -> None:
        """Live undisturbed lives; what they end with is wanted of every disturbed one."""
        places = [self._place(life) for life in lives]
        await asyncio.gather(*map(self._live_undisturbed, places))
        await asyncio.sleep(quiet_seconds)
        for place in places:
            self.wanted[place.history] = self._shape(place)
            await self._clear(place)

    async def _live_undisturbed(self, place: Life) -> None:
        try:
            await LIVES[place.history.scenario](place)
        except OverdueError as error:
            fleet = place.fleet or {}
            raise AssertionError(
                f"{place.history} fails without a fault: {error}; status: {fleet.get('status')}"
            ) from error

    async def _judge_batch(
        self, histories: Sequence[History], quiet_seconds: float
    ) -> list[Verdict]:
        begun = len(self.operator.log)
        places = [self._place(history) for history in histories]
        failures = list(await asyncio.gather(*map(self._live, places)))
        noise = await self._find_noise(places, quiet_seconds)
        log = faults_in_log(self.operator.log[begun:].splitlines())
        for number, place in enumerate(places):
            failures[number] += noise[number] + [
                f"a pod was removed in a call: {line}"
                for line in self.calls.cut_in(place.namespace)
            ]
        verdicts = [
            self._conclude(place, failed) for place, failed in zip(places, failures, strict=True)
        ]
        if log:
            # A line of the log may belong to any of them; the first carries it for all.
            first = verdicts[0]
            lines = tuple(f"the log says: {line}" for line in log[:6])
            verdicts[0] = replace(first, failures=(*first.failures, *lines))
        for place in places:
            await self._clear(place)
        return verdicts

    def _conclude(self, place: Life, failed: list[str]) -> Verdict:
        trouble = self.proxy.troubles[place.namespace]
        writes = self.proxy.writes_in(place.namespace)
        failed = failed + [
            f"deleted whatever has that name: {one}" for one in writes if not one.is_guarded
        ]
        if failed:
            writes_told = [f"wrote {write}" for write in writes[-4:]]
            failed = [f"in {place.namespace}:", *failed, *writes_told]
        return Verdict(place.history, tuple(failed), tuple(trouble.fired), len(writes))

    async def _live(self, place: Life) -> list[str]:
        """Live one history to its end; return what did not come."""
        wanted = self.wanted[place.history.undisturbed]
        try:
            await LIVES[place.history.scenario](place)
            await self.mirror.until(
                place.namespace,
                "the same end as undisturbed",
                lambda: not differences(wanted, self._shape(place)),
                seconds=self.converge_seconds,
            )
        except (OverdueError, LocalClusterError) as error:
            return [str(error), *differences(wanted, self._shape(place))]
        return []

    async def _find_noise(self, places: Sequence[Life], quiet_seconds: float) -> list[list[str]]:
        """Return, for each place, what still changed after the time in which it may."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SETTLE_SECONDS + quiet_seconds
        while loop.time() < deadline:
            await asyncio.sleep(quiet_seconds / 4)
            since = loop.time() - quiet_seconds
            if not any(self._changes(since, place) for place in places):
                break
        since = loop.time() - quiet_seconds
        return [
            [f"changed without need: {change}" for change in self._changes(since, place)[:4]]
            for place in places
        ]

    def _changes(self, since: float, place: Life) -> list[Change]:
        changes = self.mirror.changes_since(since, place.namespace)
        return [one for one in changes if not is_memory(one.kind, one.name)]

    def _place(self, history: History) -> Life:
        namespace = f"faults-{next(_numbers)}"
        self.proxy.troubles[namespace] = Trouble(history.faults)
        self.cluster.api.call(
            "POST",
            "/api/v1/namespaces",
            {
                "metadata": {
                    "name": namespace,
                    "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
                }
            },
        )
        return Life(
            namespace, history, self.mirror, self.cluster.world, self.calls, self.stage_seconds
        )

    def _shape(self, place: Life) -> Shape:
        return shape_of(self.mirror.of(place.namespace), place.namespace)

    async def _clear(self, place: Life) -> None:
        """Remove a namespace; what its deletion ends is no harm to anybody."""
        self.proxy.troubles[place.namespace] = Trouble()
        for key in list(self.calls.now):
            if key[0] == place.namespace:
                del self.calls.now[key]
        await self.mirror.delete("Namespace", "", place.namespace)


def with_resync(platform: Path, folder: Path, *, seconds: int) -> Path:
    """Return the operator's configuration with another resync interval."""
    changed = folder / "platform.yaml"
    settings = {**yaml.safe_load(platform.read_text()), "resyncSeconds": seconds}
    changed.write_text(yaml.safe_dump(settings))
    return changed


def _batches(items: Iterable[History], size: int) -> Iterable[list[History]]:
    rest = list(items)
    while rest:
        yield rest[:size]
        rest = rest[size:]
