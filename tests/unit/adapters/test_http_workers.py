"""How the operator treats workers that answer what they should not."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest
from aiohttp import web

from support.fakes import FakeClock
from support.stand_ins import StandInWorkers, a_running, a_state, listening
from support.worlds import eventually
from voicefleet.adapters.clock import SystemClock
from voicefleet.adapters.workers import BODY_BYTES_MAX, SESSIONS_MAX, HttpWorkers
from voicefleet.errors import UnavailableError
from voicefleet.manifests import ObjectKey
from voicefleet.model.observed import REPORT_AGE_MAX, START_PRECISION, Tier

FLEET = ObjectKey("VoiceFleet", "calls", "interviews")
WORKER = a_running(Tier.AGENTS, 1)
TOKEN = "a-fleets-worker-token"


@asynccontextmanager
async def workers_and_peer() -> AsyncIterator[tuple[HttpWorkers, StandInWorkers]]:
    """Open the adapter against one stand-in worker."""
    peer = StandInWorkers(TOKEN)
    async with (
        listening(peer.application(), [WORKER.ip]) as port,
        HttpWorkers(
            clock=SystemClock(), wake=lambda _: None, jitter=lambda: 0.0, port=port
        ) as workers,
    ):
        yield workers, peer


def an_answer(**fields: Any) -> str:
    """Return a worker's answer as text."""
    return json.dumps(a_state(stateVersion=1, **fields))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("<html>", id="no JSON"),
        pytest.param("[]", id="no object"),
        pytest.param(an_answer(schemaVersion=2), id="a newer schema"),
        pytest.param(an_answer(active=-1), id="less than no session"),
        pytest.param(an_answer(active="0"), id="a number in quotes"),
        pytest.param(an_answer(active=10**9), id="more than any worker holds"),
        pytest.param(an_answer(reserved=10**30), id="more than any status holds"),
        pytest.param(an_answer(slots=10**30), id="slots that fit into no status"),
        pytest.param(an_answer(cordoned=0), id="no truth value"),
        pytest.param(an_answer(oldestSessionStart="yesterday"), id="no time"),
        pytest.param(an_answer(padding="x" * BODY_BYTES_MAX), id="too long"),
    ],
)
async def test_an_answer_outside_the_contract_is_no_answer(text: str):
    """Whatever cannot be read must never be read as zero sessions."""
    async with workers_and_peer() as (workers, peer):
        peer.answer_raw(WORKER.ip, text=text)

        report = await workers.read(WORKER)

    assert report is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(an_answer(oldestSessionStart="9999-12-31T23:59:59Z"), id="end of time"),
        pytest.param(an_answer(sessions=7), id="no list of sessions"),
        pytest.param(an_answer(sessions=[{"id": "a"}]), id="a session without a start"),
        pytest.param(an_answer(sessions=[{"startedAt": "2026-01-05T09:00:00"}]), id="no zone"),
        pytest.param(
            an_answer(sessions=[{"startedAt": "0001-01-01T00:00:00Z"}]), id="before all calls"
        ),
        pytest.param(
            an_answer(sessions=[{"startedAt": "2026-01-05T09:00:00Z"}] * (SESSIONS_MAX + 1)),
            id="more sessions than slots can be",
        ),
    ],
)
async def test_a_session_that_cannot_be_dated_makes_the_answer_none(text: str):
    """Arrivals are counted from these times; a made-up one would be a made-up surge."""
    async with workers_and_peer() as (workers, peer):
        peer.answer_raw(WORKER.ip, text=text)

        report = await workers.read(WORKER)

    assert report is None


async def test_what_a_worker_said_before_it_is_followed_is_its_first_report():
    """The cycle after a start must know what the one before has asked, or it marks all busy."""
    async with workers_and_peer() as (workers, peer):
        peer.answer_raw(WORKER.ip, text=an_answer(active=3))
        await workers.read(WORKER)
        before = workers.report(WORKER)

        workers.follow(FLEET, [WORKER])
        after = workers.report(WORKER)

    assert before is None
    assert after is not None
    assert after.active == 3


@pytest.mark.parametrize("status", [204, 301, 404, 500])
async def test_another_status_than_200_is_no_answer(status: int):
    """A redirect is not followed: a pod must not send the operator anywhere."""
    async with workers_and_peer() as (workers, peer):
        peer.answer_raw(WORKER.ip, status=status, text=an_answer())

        report = await workers.read(WORKER)

    assert report is None


async def test_what_a_newer_worker_adds_is_ignored():
    """Images are rolled before the operator is; a new field must not blind it."""
    async with workers_and_peer() as (workers, peer):
        peer.answer(WORKER.ip, active=2, somethingNew={"a": 1})

        report = await workers.read(WORKER)

    assert report is not None
    assert report.active == 2


async def test_the_oldest_session_is_dated():
    """Victims are chosen by when their calls are expected to end."""
    async with workers_and_peer() as (workers, peer):
        peer.answer(WORKER.ip, active=1, oldestSessionStart="2026-01-05T09:12:30Z")

        report = await workers.read(WORKER)

    assert report is not None
    assert report.oldest_session_started_at is not None
    assert report.oldest_session_started_at.isoformat() == "2026-01-05T09:12:30+00:00"


async def test_every_session_is_dated_the_oldest_first():
    """Arrivals are counted from these starts; an order that moved would be news each time."""
    starts = ["2026-01-05T09:20:00Z", "2026-01-05T10:12:30+01:00"]
    async with workers_and_peer() as (workers, peer):
        peer.answer(WORKER.ip, active=2, sessions=[{"startedAt": start} for start in starts])

        report = await workers.read(WORKER)

    assert report is not None
    assert [start.astimezone(UTC).isoformat() for start in report.session_starts] == [
        "2026-01-05T09:12:30+00:00",
        "2026-01-05T09:20:00+00:00",
    ]


async def test_nobody_listening_is_no_answer():
    """A pod that is starting refuses connections."""
    async with HttpWorkers(
        clock=FakeClock(), wake=lambda _: None, jitter=lambda: 0.0, port=1
    ) as workers:
        report = await workers.read(WORKER)

    assert report is None


async def test_an_order_nobody_takes_names_the_worker():
    """The message is what the log shows beside the cordon that did not happen."""
    async with HttpWorkers(
        clock=FakeClock(), wake=lambda _: None, jitter=lambda: 0.0, port=1
    ) as workers:
        with pytest.raises(UnavailableError) as caught:
            await workers.cordon(WORKER.ip, TOKEN)

    assert str(caught.value).startswith(f"http://{WORKER.ip}:1/voicefleet/cordon: no answer")
    assert TOKEN not in str(caught.value)


async def test_polls_ask_for_what_they_have_not_seen():
    """A poll without `after` answers at once: a thousand of those are a busy loop."""
    async with workers_and_peer() as (workers, peer):
        peer.answer(WORKER.ip, active=1)
        workers.follow(FLEET, [WORKER])
        await eventually(lambda: len(peer.requests) >= 2)

    asked = [request.split("/voicefleet/")[1] for request in peer.requests[:2]]
    assert asked == ["state", "state?after=2"]


async def test_a_worker_that_answers_in_pieces_is_followed_all_the_same():
    """A worker behind a server of another make must not be unknown for ever."""
    application, asked = web.Application(), list[str]()

    async def stream(request: web.Request) -> web.StreamResponse:
        asked.append(str(request.rel_url))
        answer = web.StreamResponse()
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        await answer.write(an_answer(active=3).encode())
        return answer

    application.router.add_get("/voicefleet/state", stream)
    async with (
        listening(application, [WORKER.ip]) as port,
        HttpWorkers(
            clock=SystemClock(), wake=lambda _: None, jitter=lambda: 0.0, port=port
        ) as workers,
    ):
        workers.follow(FLEET, [WORKER])
        await eventually(lambda: workers.report(WORKER))
        report = workers.report(WORKER)

    assert report is not None
    assert report.active == 3
    assert len(asked) >= 2


async def test_a_worker_that_ignores_long_polls_is_asked_seldom():
    """It answers at once for ever; asking again at once would melt both."""
    async with workers_and_peer() as (workers, peer):
        peer.answer_raw(WORKER.ip, text=an_answer())
        workers.follow(FLEET, [WORKER])
        await eventually(lambda: len(peer.requests) >= 2)
        await asyncio.sleep(0.4)

    assert len(peer.requests) == 2


async def test_a_pod_without_an_address_or_a_running_container_is_not_asked():
    """There is nobody to answer, and every refused connection would be logged."""
    starting = a_running(Tier.AGENTS, 2)
    async with workers_and_peer() as (workers, peer):
        workers.follow(FLEET, [replace(starting, ip=""), replace(WORKER, is_running=False)])
        await asyncio.sleep(0.05)

    assert peer.requests == []


async def test_the_same_word_after_a_silence_wakes_the_fleet():
    """A cycle in the silence marked the worker busy; nobody else would take that back."""
    clock, wakes, peer = FakeClock(), list[ObjectKey](), StandInWorkers(TOKEN)
    peer.answer_raw(WORKER.ip, text=an_answer())
    async with (
        listening(peer.application(), [WORKER.ip]) as port,
        HttpWorkers(clock=clock, wake=wakes.append, jitter=lambda: 0.0, port=port) as workers,
    ):
        workers.follow(FLEET, [WORKER])
        await eventually(lambda: wakes)
        wakes.clear()

        clock.advance(REPORT_AGE_MAX + timedelta(seconds=1))

        await eventually(lambda: wakes)
    assert wakes == [FLEET]


async def test_a_worker_too_young_to_be_believed_is_asked_again_soon():
    """Its start is cut to the second, so its first words may be an earlier process's.

    Nobody believes them; the same words a second later are news, and no resync brings them.
    """
    clock, wakes, peer = FakeClock(), list[ObjectKey](), StandInWorkers(TOKEN)
    peer.answer(WORKER.ip)
    young = replace(WORKER, started_at=clock.now())
    async with (
        listening(peer.application(), [WORKER.ip]) as port,
        HttpWorkers(clock=clock, wake=wakes.append, jitter=lambda: 0.0, port=port) as workers,
    ):
        workers.follow(FLEET, [young])
        await eventually(lambda: workers.report(young))
        woken_by_what_nobody_believes = list(wakes)

        clock.advance(START_PRECISION)

        await eventually(lambda: wakes)
    assert woken_by_what_nobody_believes == []
    assert wakes == [FLEET]


async def test_the_same_word_after_a_restart_wakes_the_fleet():
    """The cycle that saw the restart made the worker unknown; its new word must end that."""
    clock, wakes, peer = FakeClock(), list[ObjectKey](), StandInWorkers(TOKEN)
    peer.answer(WORKER.ip)
    async with (
        listening(peer.application(), [WORKER.ip]) as port,
        HttpWorkers(clock=clock, wake=wakes.append, jitter=lambda: 0.0, port=port) as workers,
    ):
        workers.follow(FLEET, [WORKER])
        await eventually(lambda: wakes)
        wakes.clear()

        clock.advance(START_PRECISION)
        workers.follow(FLEET, [replace(WORKER, started_at=clock.now())])
        clock.advance(START_PRECISION)

        await eventually(lambda: wakes)
    assert wakes == [FLEET]
