"""What is served at the pods' addresses: the worker endpoint, and LiveKit's metrics.

Which pod is meant is the connection's own local address. Faults that a test asked for happen
here: a connection closed without an answer, or never answered.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import web

from voicefleet.api.labels import FLEET
from voicefleet_localcluster.world.pods import PodFacts
from voicefleet_localcluster.world.population import Inhabitant, Part, Population
from voicefleet_localcluster.world.workers import Server, Worker

LONG_POLL_SECONDS = 5.0
"""Part of the worker endpoint's contract."""

Actor = TypeVar("Actor", bound=Worker | Server)
ReadToken = Callable[[PodFacts], Awaitable[str | None]]


def worker_application(population: Population, read_token: ReadToken) -> web.Application:
    """Return what answers on a worker's port."""
    endpoint = WorkerEndpoint(population.workers, read_token)
    application = web.Application()
    application.add_routes(
        [
            web.get("/voicefleet/state", endpoint.state),
            web.post("/voicefleet/{order:cordon|uncordon}", endpoint.order),
            web.get("/readyz", endpoint.alive),
            web.get("/healthz", endpoint.alive),
            web.get("/metrics", endpoint.metrics),
        ]
    )
    return application


def server_application(population: Population) -> web.Application:
    """Return what answers on a media server's metrics port."""

    async def metrics(request: web.Request) -> web.Response:
        server = await reach(population.servers, request)
        return web.Response(text=server.actor.metrics()) if server else hang_up(request)

    application = web.Application()
    application.add_routes([web.get("/metrics", metrics)])
    return application


class WorkerEndpoint:
    """The worker endpoint, for whichever worker the connection reached."""

    def __init__(self, workers: Part[Worker], read_token: ReadToken) -> None:
        """Answer for these workers; `read_token` returns what their orders must carry."""
        self._workers = workers
        self._read_token = read_token

    async def state(self, request: web.Request) -> web.Response:
        """Answer at once if the caller's version is not ours, else at the next change."""
        worker = await reach(self._workers, request)
        if worker and request.query.get("after") == str(worker.actor.version):
            await wait_for_change(worker, LONG_POLL_SECONDS)
            worker = await reach(self._workers, request)
        return web.json_response(worker.actor.report()) if worker else hang_up(request)

    async def order(self, request: web.Request) -> web.Response:
        """Cordon or un-cordon, for whoever holds the fleet's worker token."""
        worker = await reach(self._workers, request)
        if worker is None:
            return hang_up(request)
        expected = await self._read_token(worker.pod)
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
            return web.json_response(
                {"error": "this order needs the fleet's worker token as bearer token"}, status=401
            )
        cordoned = request.match_info["order"] == "cordon"
        worker.become(worker.actor.with_cordon(cordoned=cordoned))
        return web.json_response({"cordoned": worker.actor.cordoned})

    async def alive(self, request: web.Request) -> web.Response:
        """Answer the probes: a worker is ready once registered, whatever its load."""
        worker = await reach(self._workers, request)
        return web.Response(text="ok") if worker else hang_up(request)

    async def metrics(self, request: web.Request) -> web.Response:
        """Answer a scrape."""
        worker = await reach(self._workers, request)
        return web.Response(text=read_metrics(worker)) if worker else hang_up(request)


def read_metrics(worker: Inhabitant[Worker]) -> str:
    """Return the Prometheus text of a worker and of the turns it answered."""
    fleet = dict(worker.pod.labels).get(FLEET, "")
    return worker.actor.metrics(fleet) + worker.turns.metrics({"fleet": fleet})


async def reach(part: Part[Actor], request: web.Request) -> Inhabitant[Actor] | None:
    """Return who is called, once they answer; None where the line goes dead."""
    address = local_address(request)
    inhabitant = part.at(address)
    while inhabitant is not None and inhabitant.actor.silent:
        await inhabitant.changed.wait()
        inhabitant = part.at(address)
    return None if inhabitant is None or inhabitant.actor.unreachable else inhabitant


async def wait_for_change(inhabitant: Inhabitant[Actor], seconds: float) -> None:
    """Return at the next change, or after so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await inhabitant.changed.wait()
    except TimeoutError:
        return


def local_address(request: web.Request) -> str:
    """Return the address that the caller connected to."""
    transport = request.transport
    return str(transport.get_extra_info("sockname")[0]) if transport else ""


def hang_up(request: web.Request) -> web.Response:
    """Close the connection without an answer, as a pod that is gone would."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)
