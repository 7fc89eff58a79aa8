"""What kopf calls: the few lines between its events and our queue."""

from collections.abc import Mapping
from typing import Any

import kopf
import pytest

from support.cycles import a_fleet_body, fleet_key_of
from support.fake_surges import FakeSurgePlans
from support.fakes import FakeClock
from support.surge_cases import a_surge_plan
from voicefleet.adapters.kubernetes.cache import FleetCache
from voicefleet.adapters.kubernetes.credentials import Credentials
from voicefleet.handlers.fleets import (
    REGISTRY,
    Wiring,
    note_fleet_event,
    note_plan_event,
    report_health,
)
from voicefleet.handlers.settings import make_settings
from voicefleet.manifests import ObjectKey
from voicefleet.shell.queue import WorkQueue


async def no_token() -> str | None:
    """Return that there is no token."""
    return None


def a_wiring() -> Wiring:
    """Return handlers' memo with an empty cache and an empty queue."""
    queue = WorkQueue(FakeClock(), jitter=lambda: 1.0, debounce_seconds=0)
    credentials = Credentials(server="https://127.0.0.1:1", ssl=True, token=no_token)
    return Wiring(FleetCache(), FakeSurgePlans(queue.add), queue, credentials, lambda: "in charge")


def an_event(
    kind: str | None, version: int = 1, uid: str = "uid-1", **fields: Any
) -> Mapping[str, Any]:
    """Return an event about a fleet as the watch delivers it."""
    body = a_fleet_body()
    metadata = {**body["metadata"], "uid": uid, "resourceVersion": str(version)}
    return {"type": kind, "object": {**body, "metadata": metadata, **fields}}


@pytest.mark.parametrize("kind", [None, "ADDED", "MODIFIED"])
async def test_a_fleet_that_is_seen_gets_a_cycle(kind: str | None):
    """The first listing has no type; its fleets need a cycle like any other."""
    wiring = a_wiring()

    await note_fleet_event(event=an_event(kind), memo=wiring)

    assert wiring.queue.take() == fleet_key_of()
    assert list(wiring.fleets.keys()) == [fleet_key_of()]


async def test_an_echo_of_what_is_known_is_no_news():
    """Our own status write comes back as an event; a cycle for it would lead to the next one."""
    wiring = a_wiring()
    await note_fleet_event(event=an_event("ADDED", version=1), memo=wiring)
    wiring.queue.done(wiring.queue.take())

    await note_fleet_event(event=an_event("MODIFIED", version=2), memo=wiring)

    assert wiring.queue.take() is None


async def test_a_deleted_fleet_is_forgotten_and_gets_a_last_cycle():
    """That cycle ends the polls of its workers."""
    wiring = a_wiring()
    await note_fleet_event(event=an_event("ADDED"), memo=wiring)
    wiring.queue.done(wiring.queue.take())

    await note_fleet_event(event=an_event("DELETED", version=2), memo=wiring)

    assert (list(wiring.fleets.keys()), wiring.queue.take()) == ([], fleet_key_of())


@pytest.mark.parametrize("late", ["MODIFIED", "DELETED"])
async def test_the_end_of_an_earlier_fleet_of_this_name_may_be_told_last(late: str):
    """Events are handled by kopf for each UID apart, so a successor may come first.

    Found by the history `again speech:` on a busy machine: the new fleet was forgotten with
    the old one, and nobody looked after it any more.
    """
    wiring = a_wiring()
    await note_fleet_event(event=an_event("ADDED", version=1), memo=wiring)
    await note_fleet_event(event=an_event("ADDED", version=4, uid="uid-2"), memo=wiring)

    await note_fleet_event(event=an_event(late, version=3), memo=wiring)

    assert wiring.fleets.uid_of(fleet_key_of()) == "uid-2"


async def test_the_probe_repeats_what_the_operator_says():
    """It is shown to whoever asks the endpoint."""
    assert await report_health(memo=a_wiring()) == "in charge"


def test_no_handler_makes_kopf_write():
    """Only handlers of change, timers and daemons make it write annotations and finalizers."""
    writing = [*REGISTRY._changing.get_all_handlers(), *REGISTRY._spawning.get_all_handlers()]

    assert writing == []
    assert len(REGISTRY._watching.get_all_handlers()) == 2


def test_kopf_neither_posts_events_nor_looks_for_peers():
    """Both would be writes that nobody asked for, with rights that the chart does not give."""
    settings = make_settings()

    assert isinstance(settings, kopf.OperatorSettings)
    assert (settings.posting.enabled, settings.peering.standalone) == (False, True)
    assert settings.scanning.disabled


def a_plan_event(kind: str | None) -> Mapping[str, Any]:
    """Return a watch event about a SurgePlan for the usual fleet."""
    body = a_surge_plan(fleet_key_of().namespace)
    body["metadata"] |= {"uid": "p1", "resourceVersion": "1", "generation": 1}
    return {"type": kind, "object": body}


@pytest.mark.parametrize("kind", [None, "ADDED", "MODIFIED"])
async def test_a_plan_that_is_seen_gives_its_fleet_a_cycle(kind: str | None):
    """The window may begin within the minute."""
    wiring = a_wiring()

    await note_plan_event(event=a_plan_event(kind), memo=wiring)

    taken = {wiring.queue.take(), wiring.queue.take()}
    assert taken == {fleet_key_of(), ObjectKey("SurgePlan", fleet_key_of().namespace, "campus-day")}


async def test_a_deleted_plan_gives_its_fleet_a_cycle():
    """The fleet may shrink from now on."""
    wiring = a_wiring()
    await note_plan_event(event=a_plan_event("ADDED"), memo=wiring)
    keys = [wiring.queue.take(), wiring.queue.take()]
    for key in keys:
        assert key is not None
        wiring.queue.done(key)

    await note_plan_event(event=a_plan_event("DELETED"), memo=wiring)

    assert wiring.queue.take() == fleet_key_of()


async def test_a_changed_fleet_gives_its_plans_a_turn():
    """Whoever raises the maximum looks at the plan's condition next."""
    wiring = a_wiring()
    wiring.plans.store(a_plan_event("ADDED")["object"])
    for _ in range(2):
        key = wiring.queue.take()
        assert key is not None
        wiring.queue.done(key)

    await note_fleet_event(event=an_event("ADDED"), memo=wiring)

    taken = {wiring.queue.take(), wiring.queue.take()}
    assert {key.kind for key in taken if key is not None} == {"VoiceFleet", "SurgePlan"}
