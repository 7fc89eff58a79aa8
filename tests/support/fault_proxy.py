"""A proxy between the operator and the API server that spoils chosen writes.

It runs in the test's process on its own thread, speaks plain HTTP to the operator and TLS
to the API server, and streams watches through. A fault fires once, at the k-th write that
the operator sends; what was asked and what was answered is kept for the test to read.
"""

import asyncio
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml
from aiohttp import ClientResponse, ClientSession, ClientTimeout, TCPConnector, web

from support.api import text_of

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
NOT_COUNTED = ("/leases", "/events", "/selfsubject")
"""Writes that belong to no fleet: the Lease's, Events, and questions about rights."""

CONFLICT = {
    "kind": "Status",
    "apiVersion": "v1",
    "status": "Failure",
    "reason": "Conflict",
    "code": 409,
    "message": "the object has been modified; please apply your changes to the latest version",
}


@dataclass(frozen=True)
class Write:
    """One write that passed the proxy."""

    method: str
    path: str
    manager: str
    status: int


class FaultProxy:
    """`with FaultProxy(kubeconfig, folder) as proxy:` gives a kubeconfig that goes through it."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        """Remember the way to the real server; `folder` gets the changed kubeconfig."""
        self._config = yaml.safe_load(kubeconfig.read_text())
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.writes: list[Write] = []
        self.spoil: Callable[[int, str, str], int | None] = lambda _number, _method, _path: None
        """Called with number, method and path of each write; a status code spoils it."""
        self.kubeconfig = folder / "through-proxy.kubeconfig"

    def __enter__(self) -> Self:
        """Start listening on a free loopback port."""
        self._thread.start()
        port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(20)
        cluster = {"name": "proxy", "cluster": {"server": f"http://127.0.0.1:{port}"}}
        config = {**self._config, "clusters": [cluster]}
        config["contexts"] = [
            {"name": "proxy", "context": {"cluster": "proxy", "user": config["users"][0]["name"]}}
        ]
        config["current-context"] = "proxy"
        self.kubeconfig.write_text(yaml.safe_dump(config))
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening and end the thread."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _start(self) -> int:
        cluster = self._config["clusters"][0]["cluster"]
        trust = ssl.create_default_context(cadata=text_of(cluster, "certificate-authority"))
        self._upstream = cluster["server"]
        self._client = ClientSession(
            connector=TCPConnector(ssl=trust, limit=0),
            timeout=ClientTimeout(total=None),
            auto_decompress=False,
        )
        app = web.Application(client_max_size=8 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def _stop(self) -> None:
        await self._client.close()
        await self._runner.cleanup()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        counts = request.method in WRITES and not any(
            part in request.path.lower() for part in NOT_COUNTED
        )
        status = self.spoil(len(self.writes), request.method, request.path) if counts else None
        if status is not None:
            self._note(request, status)
            return web.json_response({**CONFLICT, "code": status}, status=status)
        body = await request.read()
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in {"host", "content-length", "transfer-encoding"}
        }
        async with self._client.request(
            request.method, f"{self._upstream}{request.rel_url}", data=body, headers=headers
        ) as answer:
            if counts:
                self._note(request, answer.status)
            return await _stream(request, answer)

    def _note(self, request: web.Request, status: int) -> None:
        manager = request.query.get("fieldManager", "")
        self.writes.append(Write(request.method, request.path, manager, status))


async def _stream(request: web.Request, answer: ClientResponse) -> web.StreamResponse:
    passed = {
        name: value
        for name, value in answer.headers.items()
        if name.lower() in {"content-type", "content-encoding", "retry-after"}
    }
    response = web.StreamResponse(status=answer.status, headers=passed)
    await response.prepare(request)
    async for chunk in answer.content.iter_any():
        await response.write(chunk)
    await response.write_eof()
    return response
