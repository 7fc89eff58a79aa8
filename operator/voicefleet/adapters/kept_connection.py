"""One kept connection for one worker's long polls: the least of HTTP/1.1 that they need.

Thousands of workers answer every few seconds although nothing changes. A general client takes
three times the processor time for each answer and twice the memory for each worker; with 8,000
workers that alone was more than an operator at rest may use (docs/benchmarks.md). Only the
plain answer is read here: status 200, a Content-Length, the connection kept. Whoever answers
in any other way is asked by the general client instead, which also words what is wrong.
"""

import asyncio
import re
from typing import Final

from voicefleet.adapters.bodies import host_of

HEAD_BYTES_MAX: Final = 8 * 1024
"""A worker's answer has some 200 bytes of headers."""

END_OF_HEAD: Final = b"\r\n\r\n"

PLAIN_STATUS: Final = b"HTTP/1.1 200 "

LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,10})[ \t]*(?=\r\n|$)")
"""In a head of small letters. A longer number is no length of anything that is accepted."""

SPECIAL: Final = re.compile(
    rb"\r\n(?:transfer-encoding:|content-encoding:|connection:(?![ \t]*keep-alive[ \t]*(?:\r|$)))"
)
"""Headers after which a body is not simply its next so many bytes, or the connection ends."""


class UnplainAnswerError(Exception):
    """The answer is of a kind that only a general client reads."""


class LostConnectionError(ConnectionError):
    """The peer closed the connection before it said anything."""


def parse_answer(data: bytes, *, limit: int) -> bytes | None:
    """Return the body of an answer, or None while the answer is not complete.

    Args:
        data: Everything received so far.
        limit: Longest body that is accepted.

    Raises:
        UnplainAnswerError: It is not the one kind of answer that is read here.
    """
    head, found, body = data.partition(END_OF_HEAD)
    if not found:
        if len(data) > HEAD_BYTES_MAX:
            raise UnplainAnswerError(f"more than {HEAD_BYTES_MAX} bytes of headers")
        return None
    length = _length_of(head)
    if length > limit or len(body) > length:
        raise UnplainAnswerError(f"{length} bytes announced, {len(body)} sent, {limit} accepted")
    return body if len(body) == length else None


def _length_of(head: bytes) -> int:
    """Return how long the body is by a head that says exactly that."""
    if not head.startswith(PLAIN_STATUS):
        raise UnplainAnswerError("no HTTP/1.1 answer with status 200")
    fields = head.lower()
    lengths = LENGTH.findall(fields)
    if len(lengths) != 1 or SPECIAL.search(fields):
        raise UnplainAnswerError("the headers do not say the length and nothing else")
    return int(lengths[0])


class KeptConnection:
    """Asks one peer, one question at a time, over one connection that is opened when needed."""

    __slots__ = ("_ip", "_line", "_port", "is_plain")

    def __init__(self, port: int) -> None:
        self.is_plain = True
        """Whether the peer can be read here; false once it has answered in another way."""
        self._port = port
        self._ip = ""
        self._line: _Line | None = None

    async def get(self, ip: str, target: str, *, seconds: float, limit: int) -> bytes:
        """Return the body of the answer to one GET.

        Args:
            ip: The peer; another one than before gets a new connection.
            target: Path and query.
            seconds: For everything: connecting, asking, waiting.
            limit: Longest body that is accepted.

        Raises:
            UnplainAnswerError: There is an answer, for a general client to read.
            OSError: No connection, or it broke off.
            TimeoutError: Not in time.
        """
        question = (
            f"GET {target} HTTP/1.1\r\nHost: {host_of(ip)}:{self._port}\r\n"
            "Accept: application/json\r\nAccept-Encoding: identity\r\n\r\n"
        ).encode()
        try:
            async with asyncio.timeout(seconds):
                if self._line is not None and self._line.is_open and ip == self._ip:
                    try:
                        return await self._line.ask(question, limit)
                    except LostConnectionError:
                        # Closed while nobody asked, as a server may; once more on a new one.
                        self.close()
                line = await self._connect(ip)
                return await line.ask(question, limit)
        except BaseException as error:
            self.is_plain = not isinstance(error, UnplainAnswerError)
            # Whatever this was, a late answer must never be taken for that to a later question.
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    async def _connect(self, ip: str) -> "_Line":
        self.close()
        _, line = await asyncio.get_running_loop().create_connection(_Line, ip, self._port)
        self._ip, self._line = ip, line
        return line


class _Line(asyncio.Protocol):
    """One connection, from its opening to its end."""

    __slots__ = ("_answer", "_limit", "_received", "_transport", "is_open")

    def __init__(self) -> None:
        self.is_open = False
        self._limit = 0
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes] | None = None

    async def ask(self, question: bytes, limit: int) -> bytes:
        """Send a question and wait for the body of its answer."""
        self._limit, self._received = limit, b""
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport is not None:
            self._transport.write(question)
        return await self._answer

    def close(self) -> None:
        """End it at once."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what asyncio has opened."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self.is_open = True

    def data_received(self, data: bytes) -> None:
        """Take a part of the answer."""
        if self._answer is None or self._answer.done():
            # Nobody asked: whoever says something now is not to be believed later either.
            self.close()
            return
        self._received += data
        try:
            body = parse_answer(self._received, limit=self._limit)
        except UnplainAnswerError as error:
            self._answer.set_exception(error)
            return
        if body is not None:
            self._answer.set_result(body)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits that nothing more comes."""
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            kind = ConnectionResetError if self._received else LostConnectionError
            self._answer.set_exception(kind(f"the connection was closed: {exc or 'by the peer'}"))
