"""The small HTTP of the long polls, against peers that do what they should not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicefleet.adapters.kept_connection import (
    HEAD_BYTES_MAX,
    KeptConnection,
    UnplainAnswerError,
    parse_answer,
)

IP = "127.0.0.1"
LIMIT = 100
Respond = Callable[[int], bytes]


def an_answer(body: bytes = b"{}", *fields: bytes, status: bytes = b"200 OK") -> bytes:
    """Return an answer with its length."""
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


class Peer:
    """Answers each question by its number, and closes where the answer is empty."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self.questions: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        try:
            while question := await reader.readuntil(b"\r\n\r\n"):
                self.questions.append(question)
                answer = self._respond(len(self.questions))
                writer.write(answer)
                if not answer:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def a_connection(respond: Respond) -> AsyncIterator[tuple[KeptConnection, Peer]]:
    """Open a connection against a peer."""
    peer = Peer(respond)
    server = await asyncio.start_server(peer.serve, IP, 0)
    kept = KeptConnection(server.sockets[0].getsockname()[1])
    try:
        yield kept, peer
    finally:
        kept.close()
        server.close()


async def ask(kept: KeptConnection, *, seconds: float = 2.0) -> bytes:
    """Ask for a state."""
    return await kept.get(IP, "/voicefleet/state", seconds=seconds, limit=LIMIT)


async def test_two_questions_need_one_connection():
    """A new connection for each poll would cost more than the poll."""
    async with a_connection(lambda number: an_answer(b"%d" % number)) as (kept, peer):
        answers = [await ask(kept), await ask(kept)]

    assert answers == [b"1", b"2"]
    assert peer.connections == 1
    assert peer.questions[0].startswith(b"GET /voicefleet/state HTTP/1.1\r\nHost: 127.0.0.1:")


async def test_a_connection_that_the_peer_has_closed_is_opened_anew():
    """Servers close what was quiet for a while; that is no failure of the worker."""
    answers = {1: an_answer(b"1"), 2: b"", 3: an_answer(b"3")}
    async with a_connection(answers.__getitem__) as (kept, peer):
        got = [await ask(kept), await ask(kept)]

    assert got == [b"1", b"3"]
    assert peer.connections == 2


async def test_a_late_answer_is_not_taken_for_that_to_the_next_question():
    """It would say what a worker was, as if it were so now."""
    answers = {1: b"HTTP/1.1 ", 2: an_answer(b"2")}
    async with a_connection(answers.__getitem__) as (kept, peer):
        with pytest.raises(TimeoutError):
            await ask(kept, seconds=0.05)
        answer = await ask(kept)

    assert answer == b"2"
    assert peer.connections == 2


async def test_a_peer_that_closes_without_a_word_is_asked_twice_at_most():
    """Otherwise one crashed worker would keep a task of ours busy for ever."""
    async with a_connection(lambda number: an_answer() if number == 1 else b"") as (kept, peer):
        await ask(kept)
        with pytest.raises(OSError, match="closed"):
            await ask(kept)

    assert len(peer.questions) == 3


async def test_nobody_listening_is_told_as_it_is():
    """A pod that is starting refuses connections; the adapter words it."""
    kept = KeptConnection(1)

    with pytest.raises(OSError, match="Connect call failed"):
        await ask(kept)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(an_answer(status=b"301 Moved"), id="a redirect"),
        pytest.param(an_answer(status=b"503 Busy"), id="an error"),
        pytest.param(an_answer(b"x" * 101), id="too long"),
        pytest.param(an_answer(b"{}") + b"more", id="more than announced"),
        pytest.param(b"SSH-2.0\r\n\r\n", id="another protocol"),
        pytest.param(b"x" * (HEAD_BYTES_MAX + 1), id="headers without end"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n{}", id="until the end"),
        pytest.param(an_answer(b"{}", b"Transfer-Encoding: chunked"), id="chunked"),
        pytest.param(an_answer(b"{}", b"Content-Encoding: gzip"), id="compressed"),
        pytest.param(an_answer(b"{}", b"content-length: 3"), id="two lengths"),
        pytest.param(an_answer(b"{}", b"Connection: close"), id="the last answer"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}", id="no length"),
    ],
)
def test_only_the_plain_answer_is_read(answer: bytes):
    """The peer runs code that is not ours, and a guess about it could be read as zero sessions."""
    with pytest.raises(UnplainAnswerError):
        parse_answer(answer, limit=LIMIT)


def test_a_server_may_say_that_the_connection_stays():
    """It is what happens anyway, and some servers say it."""
    assert parse_answer(an_answer(b"{}", b"Connection: keep-alive"), limit=LIMIT) == b"{}"


@given(body=st.binary(max_size=LIMIT), cut=st.integers(min_value=0, max_value=200))
def test_an_answer_in_pieces_is_complete_at_its_last_byte(body: bytes, cut: int):
    """Half a report must never be read as a whole one."""
    whole = an_answer(body)

    early = parse_answer(whole[: min(cut, len(whole) - 1)], limit=LIMIT)

    assert early is None
    assert parse_answer(whole, limit=LIMIT) == body
