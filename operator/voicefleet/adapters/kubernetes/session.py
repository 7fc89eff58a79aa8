"""One bounded HTTP session to the API server, with retries; every request goes through it.

The number of connections is limited, because an unlimited client melts a small API server
just when it is slow. Watches have connections of their own: a fleet's writes must not wait
for a stream that is open for minutes.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

import aiohttp

from voicefleet.adapters.kubernetes.calls import Answer, Call, error_of
from voicefleet.adapters.kubernetes.credentials import Credentials
from voicefleet.adapters.telemetry import Telemetry
from voicefleet.errors import UnavailableError
from voicefleet.manifests import Manifest

CONNECTIONS_MAX = 32
"""Enough to saturate a small API server over HTTP/1.1; more only queues there instead of here."""

CONNECT_SECONDS = 5.0
"""An API server that does not accept a connection for this long is away."""

SILENCE_SECONDS = 70.0
"""The API server sends a bookmark about every 60 s; a watch quiet for longer is dead."""

TOKEN_AGE_SECONDS_MAX = 10.0
"""How long a token is reused before its file or plugin is asked again; a 401 asks at once."""

RETRY_AFTER_SECONDS_MAX = 30.0
"""Longest pause that a server's Retry-After is obeyed for; the queue waits longer than that."""

RETRY_AFTER_SPREAD = 0.5
"""Share of a Retry-After by which a retry may come later still. The API server tells everybody
it sends away the same second, and who comes back in step is sent away in step."""

CLOSING_SECONDS = 0.05
"""How long the event loop is given to let go of the last sockets."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently one request is tried.

    The pauses are `first_pause_seconds` times 2, 4, 8 … up to `pause_seconds_max`, each
    multiplied by a jitter of 0.5 to 1, so that replicas do not come back in step.
    """

    tries: int = 5
    first_pause_seconds: float = 0.2
    pause_seconds_max: float = 5.0
    timeout_seconds: float = 15.0

    def pause_seconds(self, attempt: int, jitter: float) -> float:
        """Return the pause after the given try (0 is the first), with jitter in 0..1."""
        longest = min(self.first_pause_seconds * 2.0**attempt, self.pause_seconds_max)
        return longest * (0.5 + jitter / 2)


class BrokenWatchError(UnavailableError):
    """The connection of a watch failed, which says nothing about the version it watched."""


class SilentWatchError(UnavailableError):
    """A watch has said nothing for longer than the API server's own bookmarks allow."""


class ApiSession:
    """Sends calls with our credentials. Use it as an async context manager.

    Args:
        credentials: Where the server is and who we are.
        telemetry: Is told of every try.
        jitter: Returns a number in 0..1 for each pause.
        policy: How often a request is tried.
        silence_seconds: How long a watch may say nothing.
        connections: How many requests may be under way; watches come on top.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        telemetry: Telemetry,
        jitter: Callable[[], float],
        policy: RetryPolicy | None = None,
        silence_seconds: float = SILENCE_SECONDS,
        connections: int = CONNECTIONS_MAX,
    ) -> None:
        self._credentials = credentials
        self._silence = silence_seconds
        self._connections = connections
        self._telemetry = telemetry
        self._jitter = jitter
        self._policy = policy or RetryPolicy()
        self._token: str | None = None
        self._token_due_at = 0.0

    async def __aenter__(self) -> Self:
        """Open the connection pools."""
        tls = self._credentials.ssl
        self._requests = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, ssl=tls)
        )
        self._watches = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, ssl=tls))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        await self._requests.close()
        await self._watches.close()
        # A TLS connection that was cancelled in its handshake is closed a few rounds later.
        await asyncio.sleep(CLOSING_SECONDS)

    async def request(self, call: Call, policy: RetryPolicy | None = None) -> Manifest:
        """Send a call and return the object the server answers with.

        Raises:
            ConflictError: 409; `AlreadyExistsError` where a create found the name taken.
            RefusedError: Another 4xx, or a field the kind does not have; `NotFoundError` for 404.
            UnavailableError: No success after the policy's tries.
        """
        policy = policy or self._policy
        encoded = call.encode()
        for attempt in range(policy.tries):
            answer = await self._try(call, encoded, policy)
            if answer.is_success:
                return answer.body
            if answer.status == HTTPStatus.UNAUTHORIZED:
                self._token_due_at = 0.0
            if not answer.is_worth_a_retry or attempt == policy.tries - 1:
                break
            await asyncio.sleep(self._pause_seconds(policy, attempt, answer))
        raise error_of(call, answer, tries=attempt + 1)

    def _pause_seconds(self, policy: RetryPolicy, attempt: int, answer: Answer) -> float:
        """Return our own pause, or the server's where that is longer."""
        jitter = self._jitter()
        asked = min(answer.retry_after_seconds or 0.0, RETRY_AFTER_SECONDS_MAX)
        asked *= 1 + RETRY_AFTER_SPREAD * jitter
        return max(asked, policy.pause_seconds(attempt, jitter))

    async def _try(self, call: Call, encoded: bytes | None, policy: RetryPolicy) -> Answer:
        # Waiting for one of our own connections to be free says nothing about the server.
        timeout = aiohttp.ClientTimeout(total=policy.timeout_seconds, sock_connect=CONNECT_SECONDS)
        try:
            async with self._requests.request(
                call.method,
                self._credentials.server + call.path,
                params=call.params,
                data=encoded,
                headers=await self._headers(call),
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                answer = await _read_answer(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            answer = Answer(0, failure=f"{type(error).__name__}: {error}".rstrip(": "))
        self._telemetry.note_api_request(call.verb, call.resource.kind, answer.status)
        return answer

    async def _headers(self, call: Call) -> dict[str, str]:
        headers = {"Accept": call.accept}
        if call.content_type:
            headers["Content-Type"] = call.content_type
        now = asyncio.get_running_loop().time()
        if now >= self._token_due_at:
            self._token = await self._credentials.token()
            self._token_due_at = now + TOKEN_AGE_SECONDS_MAX
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        return headers

    async def watch(self, call: Call) -> AsyncGenerator[Manifest, None]:
        """Yield the events of a watch until the server ends it.

        Raises:
            RefusedError: The server refuses the watch; status 410 asks for a new list.
            SilentWatchError: Nothing came for too long, not even a bookmark.
            BrokenWatchError: The connection failed.
            UnavailableError: The server cannot watch now.
        """
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_SECONDS, sock_read=self._silence
        )
        try:
            async with self._watches.get(
                self._credentials.server + call.path,
                params=call.params,
                headers=await self._headers(call),
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                self._telemetry.note_api_request(call.verb, call.resource.kind, response.status)
                if response.status != HTTPStatus.OK:
                    if response.status == HTTPStatus.UNAUTHORIZED:
                        self._token_due_at = 0.0
                    raise error_of(call, await _read_answer(response), tries=1)
                async for line in _lines(response.content):
                    event = _parse_object(line)
                    if event is None:
                        raise BrokenWatchError(f"{call}: the stream broke off inside an event")
                    yield event
        except aiohttp.SocketTimeoutError as error:
            raise SilentWatchError(f"{call}: nothing was heard for {self._silence} s") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise BrokenWatchError(f"{call}: {type(error).__name__}: {error}") from error


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    # StreamReader.readline() refuses lines above 128 KiB, and a large object is one line.
    rest = b""
    async for chunk in content.iter_any():
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            if line:
                yield line


async def _read_answer(response: aiohttp.ClientResponse) -> Answer:
    body = _parse_object(await response.read())
    if body is None and response.ok:
        return Answer(0, failure="the answer is no JSON object; is this the API server's address?")
    # A proxy in between answers an error with a page of its own; its status is what counts.
    retry_after = response.headers.get("Retry-After", "")
    return Answer(
        response.status,
        body or {},
        retry_after_seconds=float(retry_after) if retry_after.isdecimal() else None,
    )


def _parse_object(text: bytes) -> Manifest | None:
    try:
        parsed = json.loads(text)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None
