"""Follows the API server's pods, and reads the tokens of workers from their Secrets."""

import asyncio
import base64
import json
import logging
import ssl
from typing import Any, Self

import aiohttp

from voicefleet_localcluster.world.pods import PodFacts, SecretKey, read_pod
from voicefleet_localcluster.world.population import Population

logger = logging.getLogger(__name__)

WATCH_SECONDS = 300
PAUSE_SECONDS = 0.25
"""Between two tries to reach an API server that does not answer; tests stop it on purpose."""
LINE_BYTES_MAX = 4 * 1024 * 1024
"""etcd refuses objects above 1.5 MiB; JSON makes them no more than twice as long."""


class WatchError(Exception):
    """The API server ended a watch; a new list continues."""


class ApiServer:
    """The two things that the world reads from the API server."""

    def __init__(self, address: str, tls: ssl.SSLContext) -> None:
        """Connect lazily to the API server at an address."""
        self._address = address
        self._tls = tls
        self.synced = asyncio.Event()
        """Set once the pods are known for the first time."""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            self._address,
            connector=aiohttp.TCPConnector(ssl=self._tls),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=2),
            read_bufsize=LINE_BYTES_MAX,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def follow_pods(self, population: Population) -> None:
        """Keep a population as the API server has it, for ever."""
        while True:
            try:
                version = await self._list(population)
                self.synced.set()
                while True:
                    version = await self._watch(population, version)
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError, WatchError) as error:
                logger.info("pods: %s: %s; listing again", type(error).__name__, error)
            await asyncio.sleep(PAUSE_SECONDS)

    async def read_token(self, pod: PodFacts) -> str | None:
        """Return the token that a worker asks for, as its container would have got it."""
        match pod.token:
            case SecretKey(namespace, name, key):
                return await self._read_secret(
                    f"/api/v1/namespaces/{namespace}/secrets/{name}", key
                )
            case token:
                return token

    async def _read_secret(self, path: str, key: str) -> str | None:
        async with self._session.get(path) as answer:
            if answer.status != 200:  # noqa: PLR2004 - found, or not
                logger.warning("%s: %s", path, answer.status)
                return None
            data = (await answer.json()).get("data", {})
        return base64.b64decode(data[key]).decode() if key in data else None

    async def _list(self, population: Population) -> str:
        async with self._session.get("/api/v1/pods", raise_for_status=True) as answer:
            document: dict[str, Any] = await answer.json()
        pods = [pod for item in document["items"] if (pod := read_pod(item))]
        population.keep_only(pod.uid for pod in pods)
        for pod in pods:
            population.note(pod)
        return str(document["metadata"]["resourceVersion"])

    async def _watch(self, population: Population, version: str) -> str:
        """Follow changes until the server ends the watch; return where to go on."""
        parameters = {
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        async with self._session.get(
            "/api/v1/pods", params=parameters, raise_for_status=True
        ) as answer:
            while line := await answer.content.readline():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise WatchError(event["object"].get("message", "watch ended"))
                version = event["object"]["metadata"]["resourceVersion"]
                take_note(population, event)
        return version


def take_note(population: Population, event: dict[str, Any]) -> None:
    """Let one watch event change the population."""
    if event["type"] == "BOOKMARK":
        return
    pod = None if event["type"] == "DELETED" else read_pod(event["object"])
    if pod is None:
        population.forget(event["object"]["metadata"]["uid"])
    else:
        population.note(pod)
