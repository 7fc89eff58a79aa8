"""What removals rest on: a worker's own word, on the fake and over HTTP."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Protocol

import pytest

from support.fakes import FakeClock, FakeWorkers
from support.stand_ins import StandInWorkers, a_running, listening
from support.worlds import eventually
from voicefleet.adapters.clock import SystemClock
from voicefleet.adapters.workers import HttpWorkers
from voicefleet.errors import UnavailableError
from voicefleet.manifests import ObjectKey
from voicefleet.model.observed import Pod, Tier
from voicefleet.ports import Workers

TOKEN = "a-fleets-worker-token"
FLEET = ObjectKey("VoiceFleet", "calls", "interviews")
OTHER_FLEET = ObjectKey("VoiceFleet", "calls", "surveys")
MINUTE = timedelta(minutes=1)
ONE, TWO = a_running(Tier.AGENTS, 1), a_running(Tier.AGENTS, 2)


class Crew(Protocol):
    """Two workers, and what they say."""

    workers: Workers
    wakes: list[ObjectKey]

    def answer(self, pod: Pod, **state: Any) -> None:
        """Let a worker say this from now on."""
        ...

    def silence(self, pod: Pod) -> None:
        """Let a worker give no proper answer from now on."""
        ...

    def sessions_begun_at(self, *starts: datetime) -> dict[str, Any]:
        """Return what `answer` takes for sessions that began then."""
        ...


class FakeCrew:
    """Workers in memory."""

    def __init__(self) -> None:
        self.wakes: list[ObjectKey] = []
        self.workers = FakeWorkers(FakeClock(), self.wakes.append, TOKEN)

    def answer(self, pod: Pod, **state: Any) -> None:
        """Let a worker say this from now on."""
        self.workers.answer(pod, **state)

    def silence(self, pod: Pod) -> None:
        """Let a worker give no proper answer from now on."""
        self.workers.silence(pod)

    def sessions_begun_at(self, *starts: datetime) -> dict[str, Any]:
        """Return what `answer` takes for sessions that began then."""
        return {"session_starts": starts}


class HttpCrew:
    """Workers behind HTTP."""

    def __init__(self, workers: HttpWorkers, wakes: list[ObjectKey], peer: StandInWorkers) -> None:
        self.workers = workers
        self.wakes = wakes
        self._peer = peer

    def answer(self, pod: Pod, **state: Any) -> None:
        """Let a worker say this from now on."""
        self._peer.answer(pod.ip, **state)

    def silence(self, pod: Pod) -> None:
        """Let a worker give no proper answer from now on."""
        self._peer.answer_raw(pod.ip, status=503)

    def sessions_begun_at(self, *starts: datetime) -> dict[str, Any]:
        """Return what `answer` takes for sessions that began then."""
        return {"sessions": [{"startedAt": start.isoformat()} for start in starts]}


@pytest.fixture(params=["fake", "http"])
async def crew(request: pytest.FixtureRequest) -> AsyncIterator[Crew]:
    """Two workers, which answer nothing yet."""
    if request.param == "fake":
        yield FakeCrew()
        return
    wakes: list[ObjectKey] = []
    peer = StandInWorkers(TOKEN)
    async with (
        listening(peer.application(), [ONE.ip, TWO.ip]) as port,
        HttpWorkers(
            clock=SystemClock(), wake=wakes.append, jitter=lambda: 0.0, port=port
        ) as workers,
    ):
        yield HttpCrew(workers, wakes, peer)


def active(crew: Crew, pod: Pod) -> int | None:
    """Return the sessions in a worker's newest report."""
    report = crew.workers.report(pod)
    return report.active if report else None


async def test_a_followed_worker_is_reported(crew: Crew):
    """Every cycle reads these reports; nobody asks a thousand workers in a cycle."""
    crew.answer(ONE, active=3, slots=8, reserved=1)

    crew.workers.follow(FLEET, [ONE])

    await eventually(lambda: crew.workers.report(ONE))
    report = crew.workers.report(ONE)
    assert report is not None
    assert (report.active, report.slots, report.reserved) == (3, 8, 1)
    assert (report.is_cordoned, report.cordoned_since) == (False, None)


async def test_a_worker_that_never_answered_has_no_report(crew: Crew):
    """Unknown is not zero: a worker without a report counts as busy."""
    crew.workers.follow(FLEET, [ONE])

    assert crew.workers.report(ONE) is None


async def test_a_change_wakes_the_workers_fleet(crew: Crew):
    """A call that ends may let a drain go on; the next resync would be a minute late."""
    crew.answer(ONE, active=1)
    crew.workers.follow(FLEET, [ONE])
    await eventually(lambda: active(crew, ONE) == 1)
    crew.wakes.clear()

    crew.answer(ONE, active=0)

    await eventually(lambda: crew.wakes)
    assert (crew.wakes, active(crew, ONE)) == ([FLEET], 0)


async def test_the_same_again_wakes_nobody(crew: Crew):
    """Idle fleets must cost nothing: an unchanged answer is no news."""
    crew.answer(ONE, active=1)
    crew.workers.follow(FLEET, [ONE])
    await eventually(lambda: active(crew, ONE) == 1)
    crew.wakes.clear()

    crew.answer(ONE, active=1)
    crew.answer(TWO, active=5)
    crew.workers.follow(OTHER_FLEET, [TWO])

    await eventually(lambda: crew.wakes)
    assert crew.wakes == [OTHER_FLEET]


async def test_a_silent_worker_keeps_its_last_word(crew: Crew):
    """The report's age says what it is worth; forgetting it would lose since when it drains."""
    crew.answer(ONE, active=2)
    crew.workers.follow(FLEET, [ONE])
    await eventually(lambda: active(crew, ONE) == 2)

    crew.silence(ONE)

    assert await crew.workers.read(ONE) is None
    assert active(crew, ONE) == 2


async def test_a_direct_read_does_not_wait_for_a_change(crew: Crew):
    """The second look before a removal must be of now."""
    crew.answer(ONE, active=1)
    crew.workers.follow(FLEET, [ONE])
    await eventually(lambda: active(crew, ONE) == 1)

    first = await crew.workers.read(ONE)
    second = await crew.workers.read(ONE)

    assert first is not None
    assert second is not None
    assert second.observed_at >= first.observed_at


async def test_a_worker_says_when_its_sessions_began(crew: Crew):
    """Arrivals are counted from these starts, and the forecast from arrivals."""
    began = datetime.fromisoformat("2026-01-05T09:12:30+00:00")
    crew.answer(ONE, active=2, **crew.sessions_begun_at(began + MINUTE, began))

    report = await crew.workers.read(ONE)

    assert report is not None
    assert report.session_starts == (began, began + MINUTE)


async def test_an_unfollowed_worker_can_still_be_read(crew: Crew):
    """A plan may ask about a worker that this replica has not followed yet."""
    crew.answer(ONE, active=4)

    report = await crew.workers.read(ONE)

    assert report is not None
    assert report.active == 4


async def test_following_fewer_forgets_the_others(crew: Crew):
    """A worker that left must not be asked for ever."""
    crew.answer(ONE)
    crew.answer(TWO)
    crew.workers.follow(FLEET, [ONE, TWO])
    await eventually(lambda: crew.workers.report(ONE) and crew.workers.report(TWO))

    crew.workers.follow(FLEET, [TWO])

    assert (crew.workers.report(ONE) is None, crew.workers.report(TWO) is None) == (True, False)


async def test_fleets_are_followed_apart(crew: Crew):
    """One fleet's cycle must not end another fleet's polls."""
    crew.answer(ONE)
    crew.answer(TWO)
    crew.workers.follow(FLEET, [ONE])
    crew.workers.follow(OTHER_FLEET, [TWO])
    await eventually(lambda: crew.workers.report(ONE) and crew.workers.report(TWO))

    crew.workers.follow(OTHER_FLEET, [])

    assert (crew.workers.report(ONE) is None, crew.workers.report(TWO) is None) == (False, True)


async def test_a_cordon_is_seen_with_the_time_it_was_first_seen(crew: Crew):
    """The settle time before a removal counts from there."""
    crew.answer(ONE)
    crew.workers.follow(FLEET, [ONE])
    await crew.workers.cordon(ONE.ip, TOKEN)
    first = await crew.workers.read(ONE)

    second = await crew.workers.read(ONE)

    assert first is not None
    assert second is not None
    assert first.is_cordoned
    assert second.cordoned_since == first.cordoned_since is not None


async def test_an_uncordon_ends_the_cordon(crew: Crew):
    """Demand came back: the next cordon starts a new settle time."""
    crew.answer(ONE)
    crew.workers.follow(FLEET, [ONE])
    await crew.workers.cordon(ONE.ip, TOKEN)
    await crew.workers.read(ONE)

    await crew.workers.uncordon(ONE.ip, TOKEN)

    report = await crew.workers.read(ONE)
    assert report is not None
    assert (report.is_cordoned, report.cordoned_since) == (False, None)


async def test_an_order_with_another_fleets_token_is_not_taken(crew: Crew):
    """A worker obeys its own fleet only, and the operator learns that it did not."""
    crew.answer(ONE)

    with pytest.raises(UnavailableError):
        await crew.workers.cordon(ONE.ip, "another-fleets-token")

    report = await crew.workers.read(ONE)
    assert report is not None
    assert not report.is_cordoned


async def test_an_order_to_a_silent_worker_says_so(crew: Crew):
    """A cordon that was not taken must not be believed."""
    crew.answer(ONE)
    crew.silence(ONE)

    with pytest.raises(UnavailableError):
        await crew.workers.cordon(ONE.ip, TOKEN)

    assert await crew.workers.read(ONE) is None
