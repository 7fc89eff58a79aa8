"""The worker endpoint over real sockets, at addresses of its own for each pod."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web

from voicefleet_localcluster.world.control import control_application
from voicefleet_localcluster.world.endpoint import worker_application
from voicefleet_localcluster.world.listeners import Listeners
from voicefleet_localcluster.world.pods import PodFacts
from voicefleet_localcluster.world.population import Population

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NETWORK = 253
ONE, OTHER = f"127.{NETWORK}.16.1", f"127.{NETWORK}.16.2"


def a_pod(address: str) -> PodFacts:
    """Return a worker's pod at an address."""
    return PodFacts(
        uid=f"uid-{address}",
        namespace="hiring",
        name=f"worker-{address}",
        owner="workers",
        address=address,
        labels=(("tier", "agents"),),
        ports=frozenset({8081}),
        revision="1a2b3c4d",
        backend="selfHosted",
        slots=8,
        token="open sesame",
    )


@dataclass
class Place:
    """A small world: two workers, and a control port."""

    population: Population
    http: aiohttp.ClientSession
    control: str

    async def state(self, address: str, query: str = "") -> dict[str, object]:
        """Ask a worker for its state."""
        async with self.http.get(f"http://{address}:8081/voicefleet/state{query}") as answer:
            return dict(await answer.json())

    async def change(self, address: str, **changes: object) -> int:
        """Change a worker through the control port; return the answer's status."""
        path = f"{self.control}/control/workers/hiring/worker-{address}"
        async with self.http.put(path, json=changes) as answer:
            return answer.status

    async def order(self, address: str, token: str) -> int:
        """Cordon a worker; return the answer's status."""
        headers = {"Authorization": f"Bearer {token}"}
        url = f"http://{address}:8081/voicefleet/cordon"
        async with self.http.post(url, headers=headers) as answer:
            return answer.status


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    """Return a world with two workers, listening."""

    async def read_token(pod: PodFacts) -> str:
        return str(pod.token)

    runners: dict[int, web.AppRunner] = {}
    listeners = Listeners(runners, (f"127.{NETWORK}.0.1", 8081))
    population = Population(changed=listeners.look_again)
    runners[8081] = web.AppRunner(worker_application(population, read_token))
    synced = asyncio.Event()
    control = web.AppRunner(control_application(population, now=lambda: NOW, synced=synced))
    for runner in (runners[8081], control):
        await runner.setup()
    await web.TCPSite(control, "127.0.0.1", 0).start()
    port = control.addresses[0][1]
    for address in (ONE, OTHER):
        population.note(a_pod(address))
    await listeners.settle(population)
    following = asyncio.create_task(listeners.follow(population))
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http:
        place = Place(population, http, f"http://127.0.0.1:{port}")
        yield place
    following.cancel()
    for runner in (runners[8081], control):
        await runner.cleanup()


async def test_each_address_answers_for_its_own_pod(place: Place):
    """A thousand pods and one process: the connection's own address tells who is meant."""
    await place.change(ONE, sessions=3)

    assert (await place.state(ONE))["active"] == 3
    assert (await place.state(OTHER))["active"] == 0


async def test_a_long_poll_answers_at_the_change(place: Place):
    """The operator learns of a call's end within milliseconds, not at the next poll."""
    waiting = asyncio.create_task(place.state(ONE, "?after=1"))
    await asyncio.sleep(0.05)
    assert not waiting.done()

    await place.change(ONE, sessions=1)

    assert (await waiting)["stateVersion"] == 2


async def test_a_poll_with_another_version_answers_at_once(place: Place):
    """A caller who missed something must not wait for the next thing to happen."""
    async with asyncio.timeout(1):
        state = await place.state(ONE, "?after=7")

    assert state["stateVersion"] == 1


async def test_an_order_needs_the_workers_token(place: Place):
    """Whoever can reach a pod could otherwise empty a fleet."""
    assert await place.order(ONE, "guessed") == 401
    assert not (await place.state(ONE))["cordoned"]
    assert await place.order(ONE, "open sesame") == 200
    assert (await place.state(ONE))["cordoned"]


async def test_an_unreachable_worker_also_ends_the_poll_that_is_open(place: Place):
    """A worker that dies takes its connections with it."""
    waiting = asyncio.create_task(place.state(ONE, "?after=1"))
    await asyncio.sleep(0.05)

    await place.change(ONE, unreachable=True)

    with pytest.raises(aiohttp.ClientError):
        await waiting
    with pytest.raises(aiohttp.ClientError):
        await place.state(ONE)


async def test_a_silent_worker_answers_once_it_speaks_again(place: Place):
    """Hanging is another fault than refusing: only a time limit notices it."""
    await place.change(ONE, silent=True)
    waiting = asyncio.create_task(place.state(ONE))
    await asyncio.sleep(0.05)
    assert not waiting.done()

    await place.change(ONE, silent=False)

    assert (await waiting)["active"] == 0


async def test_a_pod_that_is_gone_refuses_connections(place: Place):
    """Its open poll breaks and its port closes, as when a container ends."""
    waiting = asyncio.create_task(place.state(ONE, "?after=1"))
    await asyncio.sleep(0.05)

    place.population.forget(f"uid-{ONE}")

    with pytest.raises(aiohttp.ClientError):
        await waiting
    await asyncio.sleep(0.05)
    with pytest.raises(aiohttp.ClientConnectorError):
        await place.state(ONE)
    assert (await place.state(OTHER))["active"] == 0


async def test_a_change_of_nobody_is_an_answer_and_no_traceback(place: Place):
    """A test that names the wrong pod should read which ones there are."""
    async with place.http.put(f"{place.control}/control/workers/hiring/b", json={}) as answer:
        message = (await answer.json())["error"]

    assert answer.status == 404
    assert f"worker-{ONE}, worker-{OTHER}" in message


async def test_many_workers_are_changed_by_a_label(place: Place):
    """A surge is one call for a thousand workers."""
    url = f"{place.control}/control/workers/hiring?label=tier=agents"

    async with place.http.put(url, json={"sessions": 8}) as answer:
        changed = await answer.json()

    assert [worker["active"] for worker in changed] == [8, 8]
