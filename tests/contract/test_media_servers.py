"""What the removal of a media server rests on: its own room count, on the fake and over HTTP."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Protocol

import pytest

from support.fakes import FakeClock, FakeMediaServers
from support.stand_ins import StandInServers, a_running, listening
from voicefleet.adapters.livekit import PrometheusMediaServers
from voicefleet.model.observed import Pod, Tier
from voicefleet.ports import MediaServers

SERVER = a_running(Tier.MEDIA, 1)
TEN_SECONDS = timedelta(seconds=10)


class Studio(Protocol):
    """One media server, and what it counts."""

    servers: MediaServers
    clock: FakeClock

    def answer(self, pod: Pod, *, rooms: int, participants: int = 7) -> None:
        """Let the server hold this many rooms and participants."""
        ...

    def silence(self, pod: Pod) -> None:
        """Let the server give no proper answer."""
        ...


class FakeStudio:
    """A media server in memory."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.servers = FakeMediaServers(self.clock)

    def answer(self, pod: Pod, *, rooms: int, participants: int = 7) -> None:
        """Let the server hold this many rooms and participants."""
        self.servers.answer(pod, rooms=rooms, participants=participants)

    def silence(self, pod: Pod) -> None:
        """Let the server give no proper answer."""
        self.servers.silence(pod)


class HttpStudio:
    """A media server behind HTTP; only its clock is not real."""

    def __init__(
        self, servers: PrometheusMediaServers, clock: FakeClock, peer: StandInServers
    ) -> None:
        self.servers = servers
        self.clock = clock
        self._peer = peer

    def answer(self, pod: Pod, *, rooms: int, participants: int = 7) -> None:
        """Let the server hold this many rooms and participants."""
        self._peer.answer(pod.ip, rooms=rooms, participants=participants)

    def silence(self, pod: Pod) -> None:
        """Let the server give no proper answer."""
        self._peer.silence(pod.ip)


@pytest.fixture(params=["fake", "http"])
async def studio(request: pytest.FixtureRequest) -> AsyncIterator[Studio]:
    """A media server, which answers nothing yet."""
    if request.param == "fake":
        yield FakeStudio()
        return
    clock, peer = FakeClock(), StandInServers()
    async with (
        listening(peer.application(), [SERVER.ip]) as port,
        PrometheusMediaServers(clock=clock, port=port) as servers,
    ):
        yield HttpStudio(servers, clock, peer)


async def test_a_server_says_how_many_rooms_it_holds(studio: Studio):
    """Rooms are calls: with one in it, a server stays."""
    studio.answer(SERVER, rooms=3)

    report = await studio.servers.read(SERVER)

    assert report is not None
    assert (report.rooms, report.empty_since, report.observed_at) == (3, None, studio.clock.now())


async def test_a_server_says_how_many_participants_it_carries(studio: Studio):
    """Servers are added by their connections, and a session has at least two."""
    studio.answer(SERVER, rooms=3, participants=8)

    report = await studio.servers.read(SERVER)

    assert report is not None
    assert report.participants == 8


async def test_a_server_that_does_not_answer_has_no_count(studio: Studio):
    """No answer is not zero rooms."""
    assert await studio.servers.read(SERVER) is None


async def test_a_row_of_empty_readings_dates_from_its_first(studio: Studio):
    """A server may go after it was empty for a while, and one reading is no while."""
    studio.answer(SERVER, rooms=0)
    begun = studio.clock.now()
    await studio.servers.read(SERVER)
    studio.clock.advance(TEN_SECONDS)

    report = await studio.servers.read(SERVER)

    assert report is not None
    assert (report.empty_since, report.observed_at) == (begun, begun + TEN_SECONDS)


async def test_a_room_in_between_breaks_the_row(studio: Studio):
    """Somebody called, so the wait begins again."""
    studio.answer(SERVER, rooms=0)
    await studio.servers.read(SERVER)
    studio.answer(SERVER, rooms=1)
    await studio.servers.read(SERVER)
    studio.clock.advance(TEN_SECONDS)
    studio.answer(SERVER, rooms=0)

    report = await studio.servers.read(SERVER)

    assert report is not None
    assert report.empty_since == studio.clock.now()


async def test_a_missing_answer_breaks_the_row(studio: Studio):
    """Nobody knows what happened in the meantime."""
    studio.answer(SERVER, rooms=0)
    await studio.servers.read(SERVER)
    studio.silence(SERVER)
    await studio.servers.read(SERVER)
    studio.clock.advance(TEN_SECONDS)
    studio.answer(SERVER, rooms=0)

    report = await studio.servers.read(SERVER)

    assert report is not None
    assert report.empty_since == studio.clock.now()


async def test_the_newest_reading_is_remembered_with_its_age(studio: Studio):
    """A cycle that removes nothing need not ask every server again."""
    studio.answer(SERVER, rooms=2)
    before = studio.servers.report(SERVER)
    read = await studio.servers.read(SERVER)

    studio.clock.advance(TEN_SECONDS)

    assert (before, studio.servers.report(SERVER)) == (None, read)
