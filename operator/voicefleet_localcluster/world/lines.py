"""Every namespace's callers, moved on ten times a second, and the port by which they are told.

GET /control/traffic/N                 what became of the callers of a namespace
PUT /control/traffic/N                 {"callsPerSecond": 2.5, "medianSeconds": 30, …}
GET /control/callers/N                 [[when somebody rang, how long they talk], …]
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from aiohttp import web

from voicefleet_localcluster.world.calls import Line
from voicefleet_localcluster.world.control import read_changes
from voicefleet_localcluster.world.population import Population

TICK_SECONDS: Final = 0.1


@dataclass(slots=True)
class Lines:
    """The callers of all namespaces."""

    population: Population
    now: Callable[[], datetime]
    by_namespace: dict[str, Line] = field(default_factory=dict)

    def of(self, namespace: str) -> Line:
        """Return the callers of a namespace; at first nobody rings."""
        return self.by_namespace.setdefault(namespace, Line(namespace))

    async def run(self) -> None:
        """Let time pass, for ever."""
        before = self.now()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = self.now()
            seconds, before = (now - before).total_seconds(), now
            for line in self.by_namespace.values():
                line.advance(
                    now,
                    max(0.0, seconds),
                    self.population.workers.select(line.namespace, None),
                    self.population.servers.select(line.namespace, None),
                )

    def routes(self) -> list[web.RouteDef]:
        """Return the routes below /control/traffic and /control/callers."""
        path = "/control/traffic/{namespace}"
        return [
            web.get(path, self.read),
            web.put(path, self.change),
            web.get("/control/callers/{namespace}", self.list_callers),
        ]

    async def read(self, request: web.Request) -> web.Response:
        """Answer with what became of a namespace's callers."""
        return web.json_response(self.of(request.match_info["namespace"]).report())

    async def change(self, request: web.Request) -> web.Response:
        """Let others ring from now on."""
        line = self.of(request.match_info["namespace"])
        line.change(line.traffic.with_changes(await read_changes(request)))
        return web.json_response(line.report())

    async def list_callers(self, request: web.Request) -> web.Response:
        """Answer with everybody who rang: the instant (ISO 8601), and seconds of talk."""
        callers = self.of(request.match_info["namespace"]).callers
        return web.json_response([[one.at.isoformat(), one.seconds] for one in callers])
