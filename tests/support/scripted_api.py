"""An API server that answers what a test tells it to, request by request."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from support.stand_ins import listening
from voicefleet.adapters.kubernetes.credentials import Credentials
from voicefleet.adapters.kubernetes.session import ApiSession, RetryPolicy
from voicefleet.adapters.telemetry import Telemetry

QUICK = RetryPolicy(tries=3, first_pause_seconds=0.001, pause_seconds_max=0.002, timeout_seconds=2)
"""A policy whose pauses a test does not notice."""


@dataclass
class Reply:
    """One answer: a status with a body, a stream of events, or a connection cut off."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    events: Sequence[Any] | None = None
    is_cut: bool = False
    is_held: bool = False
    """Whether a stream stays open after its events."""

    @classmethod
    def failure(cls, status: int, message: str = "no", **more: Any) -> Self:
        """Return the API server's own form of a failure."""
        return cls(status, {"kind": "Status", "message": message, "code": status, **more})


@dataclass
class Seen:
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str


class ScriptedApi:
    """Answers with the scripted replies in order; the last one answers all that follow."""

    def __init__(self, replies: Sequence[Reply], token: Callable[[], str] = lambda: "") -> None:
        self.seen: list[Seen] = []
        self.telemetry = Telemetry()
        self._replies = list(replies)
        self._token = token

    @asynccontextmanager
    async def session(self, **options: Any) -> AsyncIterator[ApiSession]:
        """Serve on loopback and open a session to it."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        async with listening(application, ["127.0.0.1"]) as port:

            async def token() -> str | None:
                return self._token() or None

            credentials = Credentials(f"http://127.0.0.1:{port}", ssl=True, token=token)
            async with ApiSession(
                credentials,
                telemetry=self.telemetry,
                jitter=lambda: 0.0,
                **{"policy": QUICK, **options},
            ) as session:
                yield session

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(
            Seen(
                request.method,
                request.path,
                dict(request.query),
                dict(request.headers),
                await request.text(),
            )
        )
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if reply.is_cut:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if reply.events is not None:
            return await self._stream(request, reply)
        text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body or {})
        return web.Response(status=reply.status, text=text, headers=reply.headers)

    async def _stream(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for event in reply.events or ():
            await response.write(json.dumps(event).encode() + b"\n")
        if reply.is_held:
            await asyncio.sleep(60)
        return response
