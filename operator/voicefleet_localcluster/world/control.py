"""The control port, on 127.0.0.1 only: tests and the demo say how many calls there are.

    GET  /healthz                          200 once the pods are known
    GET  /control/workers[?namespace=N]    every worker and what it says
    GET  /control/workers/N/POD            one of them
    PUT  /control/workers/N/POD            {"sessions": 3, "unreachable": true, …}
    PUT  /control/workers/N?label=K=V      the same for all that carry a label
    and the same for /control/servers      {"rooms": 2, "participants": 4, …}

POD is a pod's name, or its ReplicaSet's if that has just one pod.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Generic, TypeVar

from aiohttp import web

from voicefleet_localcluster.world.population import Inhabitant, NobodyError, Part, Population
from voicefleet_localcluster.world.workers import ChangeError, Server, Worker

Actor = TypeVar("Actor", bound=Worker | Server)
Change = Callable[[Actor, dict[str, Any]], Actor]
Show = Callable[[Actor], dict[str, Any]]


def control_application(
    population: Population, *, now: Callable[[], datetime], synced: asyncio.Event
) -> web.Application:
    """Return what answers on the control port."""
    workers = PartControl(
        population.workers,
        change=lambda worker, changes: worker.with_changes(changes, now()),
        show=show_worker,
    )
    servers = PartControl(
        population.servers,
        change=lambda server, changes: server.with_changes(changes),
        show=asdict,
    )

    async def health(_: web.Request) -> web.Response:
        return web.Response(text="ok") if synced.is_set() else web.Response(status=503)

    application = web.Application(middlewares=[answer_errors])
    application.add_routes([web.get("/healthz", health)])
    application.add_routes(workers.routes("workers") + servers.routes("servers"))
    return application


def show_worker(worker: Worker) -> dict[str, Any]:
    """Return all that is known about a worker: what it says, and its faults."""
    faults = {
        "unreachable": worker.unreachable,
        "silent": worker.silent,
        "ignoresCordon": worker.ignores_cordon,
    }
    return {**worker.report(), **faults}


class PartControl(Generic[Actor]):
    """Reads and changes the pods that play one part."""

    def __init__(self, part: Part[Actor], *, change: Change[Actor], show: Show[Actor]) -> None:
        """Control a part.

        Args:
            part: The workers, or the servers.
            change: Returns one of them after a change.
            show: Returns what is known about one of them.
        """
        self._part = part
        self._change = change
        self._show = show

    def routes(self, name: str) -> list[web.RouteDef]:
        """Return the routes below /control/NAME."""
        base = f"/control/{name}"
        return [
            web.get(base, self.read_all),
            web.get(base + "/{namespace}/{pod}", self.read_one),
            web.put(base + "/{namespace}/{pod}", self.change_one),
            web.put(base + "/{namespace}", self.change_all),
        ]

    async def read_all(self, request: web.Request) -> web.Response:
        """Answer with everybody in a namespace, or everywhere."""
        namespace = request.query.get("namespace", "")
        found = self._part.select(namespace, _label(request))
        return web.json_response([self._describe(one) for one in found])

    async def read_one(self, request: web.Request) -> web.Response:
        """Answer with one of them."""
        return web.json_response(self._describe(self._named(request)))

    async def change_one(self, request: web.Request) -> web.Response:
        """Change one of them and answer with the result."""
        one = self._named(request)
        one.become(self._change(one.actor, await read_changes(request)))
        return web.json_response(self._describe(one))

    async def change_all(self, request: web.Request) -> web.Response:
        """Change all of a namespace that carry a label, and answer with the results."""
        changes = await read_changes(request)
        found = list(self._part.select(request.match_info["namespace"], _label(request)))
        for one in found:
            one.become(self._change(one.actor, changes))
        return web.json_response([self._describe(one) for one in found])

    def _named(self, request: web.Request) -> Inhabitant[Actor]:
        return self._part.find(request.match_info["namespace"], request.match_info["pod"])

    def _describe(self, one: Inhabitant[Actor]) -> dict[str, Any]:
        pod = one.pod
        place = {"namespace": pod.namespace, "pod": pod.name, "address": pod.address}
        return {**self._show(one.actor), **place}


@web.middleware
async def answer_errors(
    request: web.Request, handler: Callable[[web.Request], Any]
) -> web.StreamResponse:
    """Turn what a caller got wrong into an answer that says so."""
    try:
        response: web.StreamResponse = await handler(request)
    except NobodyError as error:
        return web.json_response({"error": str(error)}, status=404)
    except ChangeError as error:
        return web.json_response({"error": str(error)}, status=400)
    return response


def _label(request: web.Request) -> tuple[str, str] | None:
    text = request.query.get("label")
    if text is None:
        return None
    key, separator, value = text.partition("=")
    if not separator:
        raise ChangeError(f"label is {text!r}, wanted is KEY=VALUE")
    return key, value


async def read_changes(request: web.Request) -> dict[str, Any]:
    """Return the JSON object that a caller sent.

    Raises:
        ChangeError: It is none.
    """
    try:
        changes = json.loads(await request.text())
    except ValueError as error:
        raise ChangeError(f"the body is no JSON: {error}") from error
    if not isinstance(changes, dict):
        raise ChangeError('the body is no JSON object, for example {"sessions": 3}')
    return changes
