"""What an SRE reads under `kubectl describe`: one Event per thing that happened, counted."""

import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pytest

from support.fakes import FakeRecorder, RecordedEvent
from support.worlds import BOTH, open_session
from voicefleet.adapters.clock import SystemClock
from voicefleet.adapters.kubernetes.calls import Call
from voicefleet.adapters.kubernetes.events import KubernetesRecorder
from voicefleet.adapters.kubernetes.resources import EVENT
from voicefleet.adapters.kubernetes.session import ApiSession
from voicefleet.api.reasons import Reason
from voicefleet.manifests import Manifest
from voicefleet.ports import Recorder

REASON, OTHER_REASON = list(Reason)[:2]


def a_fleet() -> Manifest:
    """Return a fleet as Events refer to it; its object need not exist."""
    return {
        "apiVersion": "voicefleet.dev/v1alpha1",
        "kind": "VoiceFleet",
        "metadata": {"name": "interviews", "namespace": "default", "uid": str(uuid.uuid4())},
    }


class Journal(Protocol):
    """A recorder, and what it has written."""

    recorder: Recorder

    async def events(self, fleet: Manifest) -> Sequence[RecordedEvent]:
        """Return a fleet's Events, oldest first."""
        ...


@dataclass
class FakeJournal:
    """Events in memory."""

    recorder: FakeRecorder

    async def events(self, _: Manifest) -> Sequence[RecordedEvent]:
        """Return a fleet's Events, oldest first."""
        return self.recorder.events


@dataclass
class RealJournal:
    """Events on the API server."""

    recorder: KubernetesRecorder
    session: ApiSession

    async def events(self, fleet: Manifest) -> Sequence[RecordedEvent]:
        """Return a fleet's Events, oldest first."""
        answer = await self.session.request(Call("list", EVENT, "default"))
        uid = fleet["metadata"]["uid"]
        ours = [event for event in answer["items"] if event["regarding"].get("uid") == uid]
        return [
            RecordedEvent(
                event["regarding"]["name"],
                Reason(event["reason"]),
                event["note"],
                is_warning=event["type"] == "Warning",
                count=(event.get("series") or {}).get("count", 1),
            )
            for event in sorted(ours, key=lambda one: one["eventTime"])
        ]


@pytest.fixture(params=BOTH)
async def journal(request: pytest.FixtureRequest) -> AsyncIterator[Journal]:
    """A recorder that has written nothing about our fleets."""
    if request.param == "fake":
        yield FakeJournal(FakeRecorder())
        return
    async with open_session(request.getfixturevalue("kubeconfig")) as session:
        recorder = KubernetesRecorder(session, clock=SystemClock(), instance="replica-1")
        yield RealJournal(recorder, session)


async def test_an_event_names_fleet_reason_and_what_happened(journal: Journal):
    """The note is the plan's own sentence, with its numbers."""
    fleet = a_fleet()

    await journal.recorder.record(fleet, reason=REASON, note="2 → 6 workers", is_warning=False)

    assert await journal.events(fleet) == [
        RecordedEvent("interviews", REASON, "2 → 6 workers", is_warning=False)
    ]


async def test_the_same_again_is_counted(journal: Journal):
    """An operator that repeats itself buries what is new."""
    fleet = a_fleet()
    for _ in range(3):
        await journal.recorder.record(fleet, reason=REASON, note="no node fits", is_warning=True)

    events = await journal.events(fleet)

    assert [(event.note, event.count, event.is_warning) for event in events] == [
        ("no node fits", 3, True)
    ]


async def test_another_reason_or_note_is_another_event(journal: Journal):
    """What differs in a number is news."""
    fleet = a_fleet()
    await journal.recorder.record(fleet, reason=REASON, note="2 → 6", is_warning=False)
    await journal.recorder.record(fleet, reason=REASON, note="6 → 8", is_warning=False)

    await journal.recorder.record(fleet, reason=OTHER_REASON, note="6 → 8", is_warning=False)

    events = await journal.events(fleet)
    assert [(event.reason, event.note) for event in events] == [
        (REASON, "2 → 6"),
        (REASON, "6 → 8"),
        (OTHER_REASON, "6 → 8"),
    ]
