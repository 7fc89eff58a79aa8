"""List and watch of one kind: keeps a cache true until it is cancelled.

A watch resumes from the last version it saw. Everything is listed anew only when the server
has forgotten that version (410), when a watch stays silent (a server that lost its data is
behind our version and waits for it), or when the server refuses it again and again. What the
list does not have any more was deleted while nobody watched. An API server that was merely away
is resumed from where it was, because lists are the last thing it needs when it comes back.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import aclosing
from typing import Protocol

from voicefleet.adapters.kubernetes.cache import version_of
from voicefleet.adapters.kubernetes.calls import Call
from voicefleet.adapters.kubernetes.resources import Resource
from voicefleet.adapters.kubernetes.session import (
    ApiSession,
    BrokenWatchError,
    RetryPolicy,
    SilentWatchError,
)
from voicefleet.adapters.telemetry import Telemetry
from voicefleet.api import labels
from voicefleet.errors import RefusedError, UnavailableError, VoiceFleetError
from voicefleet.manifests import Manifest, ObjectKey, key_of
from voicefleet.ports import Clock

logger = logging.getLogger(__name__)

PAGE_SIZE = 500
"""Objects per page of a list: some 2 MB of answer."""

WATCH_SECONDS = 290
"""The server ends each watch after this long; it resumes without a list."""

REFUSALS_BEFORE_RELIST = 3
"""A resumed watch that is refused this often asks for a version the server will never have."""

FIRST_LOUD_FAILURE, LOUD_FAILURES = 3, 10
"""The third failure in a row is a warning, and then every tenth; the others are details."""

GONE = 410
"""HTTP status, and code in the stream, for a version the server has forgotten."""


class Sink(Protocol):
    """What an informer fills; `ObjectCache` is one."""

    def store(self, manifest: Manifest) -> None:
        """Take in an object that exists."""
        ...

    def drop(self, manifest: Manifest) -> None:
        """Take in an object that does not, or is not ours any more."""
        ...

    def retain(self, keys: Collection[ObjectKey], version: int, namespace: str) -> None:
        """Drop what a complete list does not have."""
        ...


class ExpiredError(UnavailableError):
    """The server has forgotten the version that a watch resumed from."""


class Informer:
    """Keeps one sink in step with one kind, cluster-wide or in one namespace.

    Args:
        session: Sends the requests.
        resource: The kind.
        sink: Is told of every object that carries our fleet label.
        clock: Measures how long the watch has been silent.
        telemetry: Counts restarts and relists.
        jitter: Returns a number in 0..1 for each pause.
        namespace: The one namespace to look at; empty for all.
        pauses: How patiently a failing watch is tried again.
    """

    def __init__(
        self,
        session: ApiSession,
        resource: Resource,
        sink: Sink,
        *,
        clock: Clock,
        telemetry: Telemetry,
        jitter: Callable[[], float],
        namespace: str = "",
        pauses: RetryPolicy | None = None,
    ) -> None:
        self.resource = resource
        self.synced = asyncio.Event()
        self._session = session
        self._sink = sink
        self._clock = clock
        self._telemetry = telemetry
        self._jitter = jitter
        self._namespace = namespace
        self._pauses = pauses or RetryPolicy(pause_seconds_max=30.0)
        self._version = ""
        self._failures = 0
        self._refusals = 0
        self._heard_at = clock.monotonic()

    @property
    def silence_seconds(self) -> float:
        """How long ago the server last said anything; bookmarks come every minute."""
        return self._clock.monotonic() - self._heard_at

    async def run(self) -> None:
        """List, then watch, for ever."""
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except VoiceFleetError as error:
                await self._recover(error)
            else:
                self._telemetry.note_watch_restart(self.resource.kind, "closed")

    async def _recover(self, error: VoiceFleetError) -> None:
        """Decide where to go on after a failure, and wait a little."""
        self._failures += 1
        if not isinstance(error, BrokenWatchError):
            self._refusals += 1
        is_useless = _is_version_useless(error)
        must_relist = is_useless or self._refusals >= REFUSALS_BEFORE_RELIST
        if must_relist:
            self._version = ""
            self._refusals = 0
        self._telemetry.note_watch_restart(self.resource.kind, "relist" if must_relist else "error")
        if is_useless and self._failures == 1:
            return
        is_loud = self._failures % LOUD_FAILURES == FIRST_LOUD_FAILURE
        level = logging.WARNING if is_loud else logging.DEBUG
        logger.log(level, "%s; trying again (failure %d in a row)", error, self._failures)
        await asyncio.sleep(self._pauses.pause_seconds(min(self._failures, 10), self._jitter()))

    async def _list(self) -> None:
        keys: set[ObjectKey] = set()
        params = {"limit": str(PAGE_SIZE), "labelSelector": labels.FLEET}
        while True:
            page = await self._session.request(
                Call("list", self.resource, self._namespace, params=params)
            )
            for item in page.get("items") or ():
                manifest = self._complete(item)
                keys.add(key_of(manifest))
                self._sink.store(manifest)
            self._heard_at = self._clock.monotonic()
            if not (token := page["metadata"].get("continue")):
                break
            params = {**params, "continue": token}
        self._sink.retain(keys, version_of(page), self._namespace)
        self._version = page["metadata"]["resourceVersion"]
        self.synced.set()

    def _complete(self, item: Manifest) -> Manifest:
        # Members of a list do not say what they are; the list does.
        return {**item, "apiVersion": self.resource.api_version, "kind": self.resource.kind}

    async def _watch(self) -> None:
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "labelSelector": labels.FLEET,
            "resourceVersion": self._version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        call = Call("watch", self.resource, self._namespace, params=params)
        async with aclosing(self._session.watch(call)) as events:
            async for event in events:
                self._take(call, event)
                self._heard_at = self._clock.monotonic()
                self._failures = 0
                self._refusals = 0

    def _take(self, call: Call, event: Manifest) -> None:
        body = event.get("object") or {}
        match event.get("type"):
            case "ADDED" | "MODIFIED":
                self._sink.store(body)
            case "DELETED":
                self._sink.drop(body)
            case "BOOKMARK":
                pass
            case other:
                said = body.get("message", "no message")
                kind = ExpiredError if body.get("code") == GONE else UnavailableError
                raise kind(f"{call}: event of type {other}: {said}")
        self._version = body["metadata"]["resourceVersion"]


def _is_version_useless(error: VoiceFleetError) -> bool:
    """Say whether watching from the same version again can only end the same way."""
    if isinstance(error, RefusedError):
        return error.status == GONE
    return isinstance(error, ExpiredError | SilentWatchError)
