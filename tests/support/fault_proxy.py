"""A proxy between the operator and the API server, in which things go wrong on purpose.

It runs in the test's process on its own thread, speaks plain HTTP to the operator and TLS
to the API server, and passes watches on event by event. What goes wrong, and where, is a
`Trouble` per namespace; everything else passes unharmed. Every write is kept for the test.
"""

import asyncio
import json
import re
import ssl
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector, web

from support.api import text_of
from support.faults import ENDS, READ, STATUSES, WRITE, Fault, FaultKind, Trouble

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
NOT_COUNTED = re.compile(r"leases|events|selfsubject\w*")
"""Kinds that belong to no fleet: the Lease, Events, and questions about rights."""

OBJECT_PATH = re.compile(
    r"/(?:api/v1|apis/[^/]+/[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<subresource>[^/]+))?"
)
SLOW_SECONDS = 3.0
LATE_SECONDS = 2.0
OUTAGE_SECONDS = 3.0
STALE_SECONDS = 1.0
"""How much older than the world a stale list is, at least."""
GATHER_SECONDS = 0.7
"""How long a namespace whose moment has come stands still until the operator is killed, so that
one death can be that of several namespaces."""

HOP_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "accept-encoding"})
PASSED_HEADERS = frozenset({"content-type", "content-encoding", "retry-after"})


@dataclass(frozen=True, slots=True)
class Write:
    """One write that the operator sent, in the order of the answers."""

    method: str
    path: str
    manager: str
    status: int
    is_guarded: bool = True
    """Whether a deletion names the UID of what it is about."""

    def __str__(self) -> str:
        """Read as one line of a record."""
        return f"{self.method} {self.path} {self.manager} -> {self.status}"


@dataclass(slots=True)
class _Rewind:
    """A list as it was at some moment, which the next list of this path will be."""

    body: bytes
    due_at: float


class FaultProxy:
    """`with FaultProxy(kubeconfig, folder) as proxy:` gives a kubeconfig that goes through it."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        """Remember the way to the real server; `folder` gets the changed kubeconfig."""
        self._config = yaml.safe_load(kubeconfig.read_text())
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open: set[asyncio.BaseTransport] = set()
        self._rewinds: dict[str, _Rewind] = {}
        self._outage: asyncio.Task[None] | None = None
        self._is_away = False
        self._dying: set[str] = set()
        self._death: asyncio.Task[None] | None = None
        self._writes: defaultdict[str, list[Write]] = defaultdict(list)
        self.troubles: dict[str, Trouble] = {}
        """By namespace."""
        self.kill: Callable[[], None] = lambda: None
        """Kills the operator; called on a thread of its own, and may take a moment."""
        self.kubeconfig = folder / "through-proxy.kubeconfig"

    def __enter__(self) -> Self:
        """Start listening on a free loopback port."""
        self._thread.start()
        self._port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(20)
        cluster = {"name": "proxy", "cluster": {"server": f"http://127.0.0.1:{self._port}"}}
        config = {**self._config, "clusters": [cluster]}
        config["contexts"] = [
            {"name": "proxy", "context": {"cluster": "proxy", "user": config["users"][0]["name"]}}
        ]
        config["current-context"] = "proxy"
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(yaml.safe_dump(config))
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening and end the thread."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def writes_in(self, namespace: str) -> list[Write]:
        """Return the writes about one namespace, oldest first."""
        return list(self._writes[namespace])

    async def _start(self) -> int:
        cluster = self._config["clusters"][0]["cluster"]
        trust = ssl.create_default_context(cadata=text_of(cluster, "certificate-authority"))
        self._upstream = cluster["server"]
        self._client = ClientSession(
            connector=TCPConnector(ssl=trust, limit=0),
            timeout=ClientTimeout(total=None),
            auto_decompress=False,
            read_bufsize=2**20,
        )
        app = web.Application(client_max_size=8 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await self._listen(0)
        return int(self._runner.addresses[0][1])

    async def _listen(self, port: int) -> None:
        self._site = web.TCPSite(self._runner, "127.0.0.1", port, reuse_address=True)
        await self._site.start()

    async def _stop(self) -> None:
        await asyncio.gather(*filter(None, (self._outage, self._death)))
        self._cut_all()
        await self._runner.cleanup()
        await self._client.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _be_away(self) -> None:
        """Refuse connections for a while, after cutting those that exist."""
        self._is_away = True
        self._spread(FaultKind.OUTAGE)
        await self._site.stop()
        self._cut_all()
        await asyncio.sleep(OUTAGE_SECONDS)
        self._is_away = False
        await self._listen(self._port)

    async def _die(self, namespace: str) -> None:
        """Let nothing more happen in this namespace, and wait until the operator is dead."""
        self._dying.add(namespace)
        if self._death is None:
            self._death = asyncio.create_task(self._kill())
        await asyncio.shield(self._death)

    async def _kill(self) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        try:
            await asyncio.to_thread(self.kill)
        finally:
            self._spread(FaultKind.KILL)
            self._dying.clear()
            self._death = None

    def _spread(self, kind: FaultKind) -> None:
        """Note in every namespace what strikes all of them, as if it had been ordered there."""
        for namespace, trouble in tuple(self.troubles.items()):
            if namespace not in self._dying:
                trouble.suffer(kind)

    def _cut_all(self) -> None:
        for transport in tuple(self._open):
            _abort(transport)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        if transport is None or self._is_away:
            _abort(transport)
            return web.Response()
        self._open.add(transport)
        try:
            return await self._judge(request)
        except (ClientError, ConnectionError):
            # Either side is gone, as it may be after a kill; the other one is told the same way.
            _abort(transport)
            return web.Response()
        finally:
            self._open.discard(transport)

    async def _judge(self, request: web.Request) -> web.StreamResponse:
        """Let a request meet its namespace's trouble on the way to the server and back."""
        about = OBJECT_PATH.fullmatch(request.path)
        if "watch" in request.query:
            return await self._watch(request, about["plural"] if about else "")
        if rewind := self._take_rewind(request):
            return web.Response(body=rewind.body, content_type="application/json")
        if about is not None and about["namespace"] in self._dying:
            await self._die(about["namespace"])
            raise ConnectionResetError
        fault, is_write = self._strike(request, about)
        if fault is not None and fault.kind in STATUSES:
            self._note(request, STATUSES[fault.kind][0], is_write=is_write)
            return _refusal(fault.kind)
        if fault is not None and fault.kind is FaultKind.REFUSED:
            _abort(request.transport)
            return web.Response()
        sent = await request.read()
        async with self._forward(request, sent) as answer:
            body = await answer.read()
        self._note(request, answer.status, is_write=is_write, sent=sent)
        if fault is not None:
            await self._spoil_answer(request, fault, (about and about["namespace"]) or "")
        return web.Response(status=answer.status, body=body, headers=_passed(answer))

    def _strike(
        self, request: web.Request, about: re.Match[str] | None
    ) -> tuple[Fault | None, bool]:
        """Return what strikes a request, and whether it is one of the writes that count."""
        if about is None or NOT_COUNTED.fullmatch(about["plural"]):
            return None, False
        is_write = request.method in WRITES
        trouble = self.troubles.get(about["namespace"] or "")
        if trouble is None or not (is_write or about["name"]):
            return None, is_write
        return trouble.meet(WRITE if is_write else READ), is_write

    async def _spoil_answer(self, request: web.Request, fault: Fault, namespace: str) -> None:
        match fault.kind:
            case FaultKind.LOST:
                _abort(request.transport)
            case FaultKind.SLOW:
                await asyncio.sleep(SLOW_SECONDS)
            case FaultKind.KILL:
                await self._die(namespace)
                raise ConnectionResetError
            case FaultKind.OUTAGE if not self._is_away:
                self._outage = asyncio.create_task(self._be_away())

    def _take_rewind(self, request: web.Request) -> _Rewind | None:
        """Return the old list that this list has to be, once."""
        rewind = self._rewinds.get(request.path)
        if rewind is None or request.method != "GET" or rewind.due_at > 0:
            return None
        return self._rewinds.pop(request.path)

    async def _watch(self, request: web.Request, plural: str) -> web.StreamResponse:
        """Pass a watch on, one event after the other."""
        async with self._forward(request, None) as answer:
            response = web.StreamResponse(status=answer.status, headers=_passed(answer))
            await response.prepare(request)
            async for line in _lines(answer):
                if request.transport is None or request.transport.is_closing():
                    break
                event: dict[str, Any] = json.loads(line)
                fault = self._strike_event(plural, event)
                if self._is_rewind_due(request) or (fault and fault.kind is FaultKind.GONE):
                    await response.write(EXPIRED)
                    break
                if fault is None or await self._spoil_event(request, fault, response, line=line):
                    await response.write(line)
                    continue
                _abort(request.transport)
                break
        return response

    def _strike_event(self, plural: str, event: dict[str, Any]) -> Fault | None:
        trouble = self.troubles.get(event["object"].get("metadata", {}).get("namespace", ""))
        if trouble is None or event["type"] == "BOOKMARK":
            return None
        fault = trouble.meet(plural)
        is_end = fault is None and event["type"] == "DELETED"
        return trouble.meet(plural + ENDS) if is_end else fault

    async def _spoil_event(
        self, request: web.Request, fault: Fault, response: web.StreamResponse, *, line: bytes
    ) -> bool:
        """Do what a fault does to an event; say whether the event is passed on after it."""
        match fault.kind:
            case FaultKind.CUT:
                return False
            case FaultKind.LATE:
                await asyncio.sleep(LATE_SECONDS)
            case FaultKind.TWICE:
                await response.write(line)
            case FaultKind.STALE:
                await self._keep_list(request)
        return True

    async def _keep_list(self, request: web.Request) -> None:
        """Remember the list as it is now; a later event says 410, and this answers then."""
        kept = {"labelSelector": request.query.get("labelSelector", "")}
        address = f"{self._upstream}{request.path}"
        async with self._client.get(address, params=kept, headers=_asking(request)) as answer:
            body = await answer.read()
        due_at = asyncio.get_running_loop().time() + STALE_SECONDS
        self._rewinds[request.path] = _Rewind(body, due_at)

    def _is_rewind_due(self, request: web.Request) -> bool:
        rewind = self._rewinds.get(request.path)
        if rewind is None or not 0 < rewind.due_at <= asyncio.get_running_loop().time():
            return False
        rewind.due_at = 0.0
        return True

    def _forward(self, request: web.Request, body: bytes | None) -> Any:
        address = f"{self._upstream}{request.rel_url}"
        return self._client.request(
            request.method, address, data=body or None, headers=_asking(request)
        )

    def _note(
        self, request: web.Request, status: int, *, is_write: bool, sent: bytes = b""
    ) -> None:
        if not is_write:
            return
        manager = request.query.get("fieldManager", "")
        is_guarded = request.method != "DELETE" or status >= 400 or b'"uid"' in sent
        about = OBJECT_PATH.fullmatch(request.path)
        namespace = (about and about["namespace"]) or ""
        write = Write(request.method, request.path, manager, status, is_guarded)
        self._writes[namespace].append(write)


def _status(code: int, reason: str, message: str) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "reason": reason,
        "code": code,
        "message": message,
    }


EXPIRED = (
    json.dumps(
        {"type": "ERROR", "object": _status(410, "Expired", "too old resource version")}
    ).encode()
    + b"\n"
)
"""The event with which a real server says that it has forgotten a version."""


def _refusal(kind: FaultKind) -> web.Response:
    code, reason = STATUSES[kind]
    headers = {"Retry-After": "1"} if kind is FaultKind.THROTTLED else {}
    body = _status(code, reason, f"{reason} that the test ordered")
    return web.json_response(body, status=code, headers=headers)


def _asking(request: web.Request) -> dict[str, str]:
    """Return the operator's headers; nothing is compressed, so that events can be read."""
    kept = {
        name: value for name, value in request.headers.items() if name.lower() not in HOP_HEADERS
    }
    return {**kept, "Accept-Encoding": "identity"}


def _passed(answer: ClientResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.lower() in PASSED_HEADERS}


def _abort(transport: asyncio.BaseTransport | None) -> None:
    if isinstance(transport, asyncio.Transport):
        transport.abort()


async def _lines(answer: ClientResponse) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in answer.content.iter_any():
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            if line:
                yield line + b"\n"
