"""How many Events a fleet may write, what they look like, and what happens if none can be."""

import json
import logging
from typing import Any

import pytest

from support.fakes import FakeClock
from support.scripted_api import Reply, ScriptedApi, Seen
from voicefleet.adapters.kubernetes.events import (
    BURST,
    REFILL,
    WINDOW,
    KubernetesRecorder,
    shorten,
)
from voicefleet.adapters.kubernetes.session import ApiSession
from voicefleet.api.reasons import Reason
from voicefleet.manifests import Manifest

REASON = next(iter(Reason))
CREATED = Reply(201, {"kind": "Event"})


def a_fleet(uid: str = "uid-1") -> Manifest:
    """Return a fleet as Events refer to it."""
    return {
        "apiVersion": "voicefleet.dev/v1alpha1",
        "kind": "VoiceFleet",
        "metadata": {"name": "interviews", "namespace": "calls", "uid": uid},
    }


class Told:
    """A recorder on a scripted API server."""

    def __init__(self, session: ApiSession, clock: FakeClock) -> None:
        self._recorder = KubernetesRecorder(session, clock=clock, instance="replica-1")

    async def say(self, note: str, *, fleet: Manifest | None = None) -> None:
        """Record a note about a fleet."""
        await self._recorder.record(fleet or a_fleet(), reason=REASON, note=note, is_warning=False)


def body_of(seen: Seen) -> dict[str, Any]:
    """Return the object that a request sent."""
    return dict(json.loads(seen.body))


async def test_an_event_says_who_reports_about_what():
    """`kubectl describe` finds Events by the object they regard."""
    api = ScriptedApi([CREATED])

    async with api.session() as session:
        await Told(session, FakeClock()).say("2 → 6 workers")

    event = body_of(api.seen[0])
    assert api.seen[0].path == "/apis/events.k8s.io/v1/namespaces/calls/events"
    assert event["regarding"] == {
        "apiVersion": "voicefleet.dev/v1alpha1",
        "kind": "VoiceFleet",
        "namespace": "calls",
        "name": "interviews",
        "uid": "uid-1",
    }
    assert (event["reportingController"], event["reportingInstance"], event["action"]) == (
        "voicefleet.dev/operator",
        "replica-1",
        REASON,
    )
    assert event["eventTime"] == "2026-01-05T09:30:00.000000Z"


async def test_the_same_after_the_window_is_a_new_event():
    """Events vanish after an hour; one that is only counted would vanish with its first."""
    api, clock = ScriptedApi([CREATED]), FakeClock()

    async with api.session() as session:
        told = Told(session, clock)
        await told.say("no node fits")
        clock.advance(WINDOW)
        await told.say("no node fits")

    names = [body_of(seen)["metadata"]["name"] for seen in api.seen]
    assert [seen.method for seen in api.seen] == ["POST", "POST"]
    assert names[0] != names[1]


async def test_an_event_that_another_replica_wrote_is_counted():
    """After a hand-over the new leader says the same within the window."""
    exists = Reply.failure(409, reason="AlreadyExists")
    api = ScriptedApi([exists, Reply(body={"kind": "Event"})])

    async with api.session() as session:
        await Told(session, FakeClock()).say("no node fits")

    assert [seen.method for seen in api.seen] == ["POST", "PATCH"]
    assert body_of(api.seen[1])["series"]["count"] == 2


async def test_a_fleet_that_flaps_spends_its_allowance():
    """One sick fleet must not fill etcd, nor silence the others."""
    api, clock = ScriptedApi([CREATED]), FakeClock()

    async with api.session() as session:
        told = Told(session, clock)
        for number in range(BURST + 5):
            await told.say(f"change {number}")
        await told.say("all is well", fleet=a_fleet("uid-2"))

    assert len(api.seen) == BURST + 1


async def test_the_allowance_comes_back_with_time():
    """After a storm, new things must be heard again."""
    api, clock = ScriptedApi([CREATED]), FakeClock()

    async with api.session() as session:
        told = Told(session, clock)
        for number in range(BURST + 5):
            await told.say(f"change {number}")
        clock.advance(3 * REFILL)
        for number in range(5):
            await told.say(f"later change {number}")

    assert len(api.seen) == BURST + 3


async def test_an_event_that_cannot_be_written_stops_nothing(caplog: pytest.LogCaptureFixture):
    """It tells, it does not decide; but that it is missing stands in the log."""
    api = ScriptedApi([Reply.failure(403, "events is forbidden", reason="Forbidden")])

    with caplog.at_level(logging.WARNING):
        async with api.session() as session:
            await Told(session, FakeClock()).say("2 → 6 workers")

    assert "events is forbidden" in caplog.text


async def test_an_event_that_was_refused_is_begun_again():
    """To count what does not exist would fail for the rest of the window, each time in the log."""
    api = ScriptedApi([Reply.failure(403, "events is forbidden", reason="Forbidden"), CREATED])

    async with api.session() as session:
        told = Told(session, FakeClock())
        await told.say("no node fits")
        await told.say("no node fits")

    assert [seen.method for seen in api.seen] == ["POST", "POST"]


async def test_an_event_that_somebody_deleted_is_begun_again():
    """Its count went with it."""
    gone = Reply.failure(404, reason="NotFound")
    api = ScriptedApi([CREATED, gone, CREATED])

    async with api.session() as session:
        told = Told(session, FakeClock())
        for _ in range(3):
            await told.say("no node fits")

    assert [seen.method for seen in api.seen] == ["POST", "PATCH", "POST"]


@pytest.mark.parametrize("letter", ["a", "ä", "→"])
def test_a_long_note_is_cut_to_what_the_server_takes(letter: str):
    """The limit is in bytes, and a cut inside a letter would be refused as well."""
    note = shorten(letter * 2000)

    assert 1020 <= len(note.encode()) <= 1024
    assert note.rstrip("…") == letter * (len(note) - 1)


def test_a_short_note_stays_as_it_is():
    """Sentences are compared and searched for."""
    assert shorten("2 → 6 workers") == "2 → 6 workers"
