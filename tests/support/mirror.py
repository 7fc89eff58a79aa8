"""The cluster as it stands and as it changed, for tests that follow many namespaces at once.

It watches with the administrator's rights and past every proxy, so what it says is true.
Reading costs the API server nothing: the whole picture is in memory.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, Self

import yaml
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from support.api import CHILD_KINDS, PATHS, Manifest, trust_of
from voicefleet.api import labels

KINDS: Final = ("VoiceFleet", *CHILD_KINDS, "Pod")
LOOK_SECONDS: Final = 0.1

Seen = Callable[[str, Manifest], None]


class OverdueError(AssertionError):
    """Something that had to come did not."""


@dataclass(frozen=True, slots=True)
class Change:
    """One new version of one object."""

    at: float
    kind: str
    name: str
    verb: str

    def __str__(self) -> str:
        """Read as what happened to what."""
        return f"{self.verb} {self.kind}/{self.name}"


class Mirror:
    """`async with Mirror(kubeconfig) as mirror:` has the whole picture when the block begins."""

    def __init__(self, kubeconfig: Path) -> None:
        """Remember where the cluster is."""
        config = yaml.safe_load(kubeconfig.read_text())
        self._server: str = config["clusters"][0]["cluster"]["server"]
        user = config["users"][0]["user"]
        self._trust = trust_of(config["clusters"][0]["cluster"], user)
        self._headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        self._objects: defaultdict[str, dict[tuple[str, str], Manifest]] = defaultdict(dict)
        self._count: defaultdict[str, int] = defaultdict(int)
        self._changes: defaultdict[str, list[Change]] = defaultdict(list)
        self.listeners: list[Seen] = []
        """Each is told of every event: its type and the object."""

    async def __aenter__(self) -> Self:
        """List everything and begin to watch."""
        self._client = ClientSession(
            connector=TCPConnector(ssl=self._trust, limit=0),
            timeout=ClientTimeout(total=None, sock_connect=10),
            headers=self._headers,
            read_bufsize=2**20,
        )
        versions = {kind: await self._list(kind) for kind in KINDS}
        self._watches = [
            asyncio.create_task(self._watch(kind, version), name=f"mirror {kind}")
            for kind, version in versions.items()
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the watches."""
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        await self._client.close()

    def of(self, namespace: str) -> dict[tuple[str, str], Manifest]:
        """Return every object of a namespace by kind and name."""
        return dict(self._objects[namespace])

    def find(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return one object, or None where it does not exist."""
        return self._objects[namespace].get((kind, name))

    def changes_since(self, moment: float, namespace: str) -> list[Change]:
        """Return what changed in a namespace after a moment of the event loop's clock."""
        recent = takewhile(lambda change: change.at > moment, reversed(self._changes[namespace]))
        return list(recent)[::-1]

    async def until(
        self, namespace: str, what: str, check: Callable[[], Any], *, seconds: float
    ) -> Any:
        """Return the first true answer of a check that is asked after each change here.

        Raises:
            OverdueError: There was none in time.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        seen = -1
        while True:
            if self._count[namespace] != seen:
                seen = self._count[namespace]
                if answer := check():
                    return answer
            if ended := [watch.get_name() for watch in self._watches if watch.done()]:
                raise RuntimeError(f"{ended} ended; what is seen here is not the cluster any more")
            if loop.time() > deadline:
                raise OverdueError(f"not within {seconds:.0f} s: {what}")
            await asyncio.sleep(LOOK_SECONDS)

    async def create(self, manifest: Manifest) -> None:
        """POST one object."""
        namespace = manifest["metadata"].get("namespace", "")
        await self._send("POST", PATHS[manifest["kind"]].format(namespace=namespace), manifest)

    async def patch(self, kind: str, namespace: str, name: str, change: Manifest) -> None:
        """Merge-patch one object as somebody else."""
        await self._send("PATCH", f"{PATHS[kind].format(namespace=namespace)}/{name}", change)

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        """Delete one object in the background; gone already is fine."""
        path = f"{PATHS[kind].format(namespace=namespace)}/{name}"
        await self._send("DELETE", path, None, may_be_gone=True)

    async def change(self, kind: str, namespace: str, name: str, change: Manifest) -> None:
        """Merge-patch one object that may be gone by now."""
        path = f"{PATHS[kind].format(namespace=namespace)}/{name}"
        await self._send("PATCH", path, change, may_be_gone=True)

    async def empty(self, kind: str, namespace: str) -> None:
        """Delete every object of fleets of a kind at once, pods without their grace."""
        options = f"?propagationPolicy=Background&gracePeriodSeconds=0&labelSelector={labels.FLEET}"
        await self._send("DELETE", PATHS[kind].format(namespace=namespace) + options, None)

    async def _send(
        self, method: str, path: str, body: Manifest | None, *, may_be_gone: bool = False
    ) -> None:
        content = "application/merge-patch+json" if method == "PATCH" else "application/json"
        data = None if body is None else json.dumps(body)
        async with self._client.request(
            method, f"{self._server}{path}", data=data, headers={"Content-Type": content}
        ) as answer:
            is_gone = may_be_gone and answer.status == 404
            if answer.status >= 400 and not is_gone:
                raise AssertionError(f"{method} {path}: {await answer.text()}")

    async def _list(self, kind: str) -> str:
        page: Manifest = {}
        while "items" not in page:
            # A kind that was defined a moment ago is answered with 429 until it is served.
            async with self._client.get(self._everywhere(kind)) as answer:
                page = await answer.json()
        for item in page["items"]:
            self._take("ADDED", {**item, "kind": kind})
        return str(page["metadata"]["resourceVersion"])

    async def _watch(self, kind: str, version: str) -> None:
        while True:
            parameters = {"watch": "true", "resourceVersion": version}
            async with self._client.get(self._everywhere(kind), params=parameters) as answer:
                rest = b""
                async for chunk in answer.content.iter_any():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in filter(None, lines):
                        event = json.loads(line)
                        version = event["object"]["metadata"]["resourceVersion"]
                        self._take(event["type"], {**event["object"], "kind": kind})

    def _everywhere(self, kind: str) -> str:
        return self._server + PATHS[kind].replace("/namespaces/{namespace}", "")

    def _take(self, verb: str, item: Manifest) -> None:
        namespace, name = item["metadata"].get("namespace", ""), item["metadata"]["name"]
        key = (item["kind"], name)
        if verb == "DELETED":
            self._objects[namespace].pop(key, None)
        else:
            self._objects[namespace][key] = item
        self._count[namespace] += 1
        now = asyncio.get_running_loop().time()
        self._changes[namespace].append(Change(now, item["kind"], name, verb))
        for listener in self.listeners:
            listener(verb, item)
