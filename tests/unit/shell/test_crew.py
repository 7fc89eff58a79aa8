"""The crew: cycles side by side, and a stop that cuts no write short."""

import asyncio
from collections.abc import Callable

from support.cycles import FakeMeter
from voicefleet.adapters.clock import SystemClock
from voicefleet.manifests import ObjectKey
from voicefleet.shell.crew import Crew
from voicefleet.shell.queue import WorkQueue

FLEETS = [ObjectKey("VoiceFleet", "voice", f"fleet-{number}") for number in range(4)]


class Scene:
    """A crew whose cycles take as long as a test lets them."""

    def __init__(self, size: int = 2) -> None:
        self.queue = WorkQueue(SystemClock(), jitter=lambda: 1.0, debounce_seconds=0)
        self.running: set[ObjectKey] = set()
        self.finished: list[ObjectKey] = []
        self.most = 0
        self.may_end = asyncio.Event()
        self.news = asyncio.Event()
        self.crew = Crew(self.queue, self.cycle, FakeMeter(), size=size)

    async def cycle(self, key: ObjectKey) -> None:
        """Run until the test lets it end."""
        self.running.add(key)
        self.news.set()
        self.most = max(self.most, len(self.running))
        try:
            await self.may_end.wait()
            self.finished.append(key)
            self.news.set()
        finally:
            self.running.discard(key)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something has become true about the cycles."""
        while not condition():
            self.news.clear()
            await self.news.wait()


async def test_as_many_cycles_run_as_there_are_workers():
    """A fleet whose API calls are slow must not hold up all the others."""
    scene = Scene(size=2)
    for key in FLEETS:
        scene.queue.add(key)
    running = asyncio.create_task(scene.crew.run())
    await scene.until(lambda: len(scene.running) == 2)

    scene.may_end.set()
    await scene.until(lambda: len(scene.finished) == len(FLEETS))

    await scene.crew.stop(1)
    await running
    assert scene.most == 2


async def test_a_graceful_stop_lets_a_cycle_finish():
    """Half a plan is safe, but the other half would wait for the next leader."""
    scene = Scene()
    scene.queue.add(FLEETS[0])
    running = asyncio.create_task(scene.crew.run())
    await scene.until(lambda: len(scene.running) == 1)
    asyncio.get_running_loop().call_later(0.05, scene.may_end.set)

    await scene.crew.stop(5)
    await running

    assert scene.finished == [FLEETS[0]]


async def test_a_cycle_that_hangs_is_cut_off():
    """The next leader waits for the Lease; a hanging request must not keep it."""
    scene = Scene()
    scene.queue.add(FLEETS[0])
    running = asyncio.create_task(scene.crew.run())
    await scene.until(lambda: len(scene.running) == 1)

    await scene.crew.stop(0.05)
    await running

    assert (scene.finished, scene.running) == ([], set())
