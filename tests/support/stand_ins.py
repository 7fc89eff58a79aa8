"""Small HTTP servers on loopback that answer as workers and media servers do.

Each pod has a loopback address of its own; one server listens at all of them.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from voicefleet.model.observed import Pod, Tier

CREATED_AT = datetime.fromisoformat("2026-01-05T09:00:00Z")
LONG_POLL_SECONDS = 0.3


def a_running(tier: Tier, number: int) -> Pod:
    """Return a pod that runs at a loopback address of its own."""
    return Pod(
        name=f"{tier}-{number}",
        namespace="calls",
        uid=f"uid-{tier}-{number}",
        tier=tier,
        revision="0a1b2c3d",
        owner_name=f"{tier}-0a1b2c3d",
        created_at=CREATED_AT,
        is_ready=True,
        is_running=True,
        ip=f"127.0.0.{number + 10}",
    )


@asynccontextmanager
async def listening(application: web.Application, ips: Iterable[str]) -> AsyncIterator[int]:
    """Serve an application at several loopback addresses; yields their common port."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        port = 0
        for ip in ips:
            site = web.TCPSite(runner, ip, port)
            await site.start()
            port = runner.addresses[0][1]
        yield port
    finally:
        await runner.cleanup()


@dataclass
class StandInWorker:
    """What one worker says; `raw` overrides all of it."""

    fields: dict[str, Any]
    version: int = 1
    raw: web.Response | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def change(self) -> None:
        """Let long polls answer."""
        self.version += 1
        self.changed.set()
        self.changed = asyncio.Event()


class StandInWorkers:
    """The worker endpoint of DESIGN's contract, by address."""

    def __init__(self, token: str) -> None:
        self.requests: list[str] = []
        """Every request as "address path?query", in order."""
        self._token = token
        self._workers: dict[str, StandInWorker] = {}

    def answer(self, ip: str, **fields: Any) -> None:
        """Change what a worker says, and let it answer."""
        worker = self._workers.setdefault(ip, StandInWorker(a_state()))
        worker.raw = None
        worker.fields |= fields
        worker.change()

    def answer_raw(self, ip: str, *, status: int = 200, text: str = "") -> None:
        """Let a worker answer something that is not in the contract."""
        worker = self._workers.setdefault(ip, StandInWorker(a_state()))
        worker.raw = web.Response(status=status, text=text)
        worker.change()

    def application(self) -> web.Application:
        """Return the server's routes."""
        application = web.Application()
        application.router.add_get("/voicefleet/state", self._state)
        application.router.add_post("/voicefleet/{order:cordon|uncordon}", self._order)
        return application

    def _worker(self, request: web.Request) -> StandInWorker:
        assert request.transport is not None
        ip = request.transport.get_extra_info("sockname")[0]
        self.requests.append(f"{ip} {request.rel_url}")
        return self._workers.get(ip) or StandInWorker({}, raw=web.Response(status=503))

    async def _state(self, request: web.Request) -> web.Response:
        worker = self._worker(request)
        if worker.raw is None and request.query.get("after") == str(worker.version):
            # The contract: that nothing changed is an answer too.
            with suppress(TimeoutError):
                await asyncio.wait_for(worker.changed.wait(), LONG_POLL_SECONDS)
        if worker.raw is not None:
            return web.Response(status=worker.raw.status, body=worker.raw.body)
        return web.json_response({**worker.fields, "stateVersion": worker.version})

    async def _order(self, request: web.Request) -> web.Response:
        worker = self._worker(request)
        if worker.raw is not None:
            return web.Response(status=worker.raw.status)
        if request.headers.get("Authorization") != f"Bearer {self._token}":
            return web.Response(status=401)
        worker.fields["cordoned"] = request.match_info["order"] == "cordon"
        worker.change()
        return web.json_response({})


def a_state(**fields: Any) -> dict[str, Any]:
    """Return the answer of an idle worker."""
    return {
        "schemaVersion": 1,
        "revision": "0a1b2c3d",
        "backend": "selfHosted",
        "slots": 8,
        "active": 0,
        "reserved": 0,
        "oldestSessionStart": None,
        "cordoned": False,
        "loopLagSeconds": 0.001,
        "sessions": [],
        **fields,
    }


class StandInServers:
    """The metrics endpoint of LiveKit servers, by address."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def answer(self, ip: str, *, rooms: int, participants: int = 7) -> None:
        """Let a server hold this many rooms and participants."""
        self.answer_raw(
            ip,
            "# TYPE livekit_room_total gauge\n"
            f'livekit_room_total{{node_id="ND_a",node_type="SERVER"}} {rooms}\n'
            f'livekit_participant_total{{node_id="ND_a",node_type="SERVER"}} {participants}\n',
        )

    def answer_raw(self, ip: str, text: str) -> None:
        """Let a server answer this text."""
        self._texts[ip] = text

    def silence(self, ip: str) -> None:
        """Let a server answer with an error."""
        del self._texts[ip]

    def application(self) -> web.Application:
        """Return the server's routes."""
        application = web.Application()
        application.router.add_get("/metrics", self._metrics)
        return application

    async def _metrics(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        text = self._texts.get(request.transport.get_extra_info("sockname")[0])
        return web.Response(status=503) if text is None else web.Response(text=text)
