"""Plans and bookings as they come from kopf and from the API server, in any order and late."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from support.scripted_api import Reply, ScriptedApi
from support.surge_cases import a_surge_plan
from voicefleet.adapters.kubernetes.session import ApiSession
from voicefleet.adapters.surges import BOOKINGS_SECONDS, SurgePlans, announce
from voicefleet.api.surge_reasons import SurgeReason
from voicefleet.manifests import ObjectKey

PLAN = ObjectKey("SurgePlan", "hr", "campus-day")
FLEET = ObjectKey("VoiceFleet", "hr", "interviews")
OTHER = ObjectKey("VoiceFleet", "hr", "screening")
MONDAY_NINE = datetime(2026, 11, 23, 8, tzinfo=UTC)
BOOKED = {"windows": None, "bookings": {"configMapName": "calendar"}}


class Bench:
    """The adapter with a clock of its own, and whom it woke."""

    def __init__(self, session: ApiSession) -> None:
        self.seconds = 0.0
        self.woken: list[ObjectKey] = []
        self.plans = SurgePlans(session, wake=self.woken.append, monotonic=lambda: self.seconds)

    def store(self, change: dict | None = None, *, version: int = 1, **metadata: object) -> None:
        """Let kopf tell of a plan."""
        body = a_surge_plan("hr", change)
        facts = {"uid": "1", "resourceVersion": str(version), "generation": version, **metadata}
        body["metadata"] |= facts
        self.plans.store(body)

    def sessions(self) -> list[int]:
        """Return what the fleet's surges expect."""
        return [surge.peak_sessions for surge in self.plans.find(FLEET, MONDAY_NINE)]

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the file of bookings."""
        plan = self.plans.find_plan(PLAN)
        assert plan is not None
        return plan.bookings.problems if plan.bookings else ()


def a_file(*lines: str) -> Reply:
    """Return a ConfigMap with these bookings."""
    return Reply(body={"data": {"bookings.csv": "\n".join(lines)}})


def a_stored_plan(name: str, change: dict | None = None, *, version: int = 1) -> dict:
    """Return a plan as a member of a list."""
    body = a_surge_plan("hr", change, name=name)
    body["metadata"] |= {"uid": name, "resourceVersion": str(version), "generation": 1}
    return body


async def on(
    *replies: Reply, act: Callable[[Bench, ScriptedApi], Awaitable[None]]
) -> tuple[Bench, ScriptedApi]:
    """Let something happen while the server answers with these replies."""
    api = ScriptedApi(replies or [Reply()])
    async with api.session() as session:
        bench = Bench(session)
        await act(bench, api)
    return bench, api


async def test_news_of_a_plan_wakes_the_fleet_that_it_was_and_is_about():
    """The fleet that it left must be allowed to shrink."""

    async def move(bench: Bench, _: ScriptedApi) -> None:
        bench.store()
        bench.woken.clear()
        bench.store({"fleetName": "screening"}, version=2)

    bench, _ = await on(act=move)

    assert set(bench.woken) == {PLAN, FLEET, OTHER}
    assert bench.sessions() == []


async def test_an_echo_of_our_own_status_wakes_nobody():
    """Each status would otherwise cause a cycle, and a cycle of a plan a status."""

    async def echo(bench: Bench, _: ScriptedApi) -> None:
        bench.store()
        bench.woken.clear()
        bench.store(version=2, generation=1)

    bench, _ = await on(act=echo)

    assert bench.woken == []
    assert bench.sessions() == [500]


async def test_old_news_changes_nothing():
    """The answer to our own write may be ahead of the watch."""

    async def late(bench: Bench, _: ScriptedApi) -> None:
        bench.store({"windows": None, "bookings": {"configMapName": "c"}}, version=5)
        bench.store(version=4)

    bench, _ = await on(act=late)

    assert bench.sessions() == []


@pytest.mark.parametrize("late", ["MODIFIED", "DELETED"])
async def test_the_end_of_an_earlier_plan_of_this_name_may_be_told_last(late: str):
    """Events of each UID are handled apart; the new plan must not be forgotten with the old."""

    async def replace_plan(bench: Bench, _: ScriptedApi) -> None:
        bench.store(uid="1", version=1)
        bench.store(uid="2", version=4)
        if late == "DELETED":
            bench.plans.forget(PLAN, "1")
        else:
            bench.store({"fleetName": "screening"}, uid="1", version=3)

    bench, _ = await on(act=replace_plan)

    assert bench.sessions() == [500]


async def test_a_plan_that_is_being_deleted_counts_no_more():
    """Somebody else's finalizer may keep it for days after its author has let it go."""

    async def leave(bench: Bench, _: ScriptedApi) -> None:
        bench.store()
        bench.woken.clear()
        bench.store(version=2, deletionTimestamp="2026-11-22T00:00:00Z")

    bench, _ = await on(act=leave)

    assert bench.sessions() == []
    assert bench.woken == [FLEET]


async def test_bookings_are_read_again_once_a_minute_and_not_more_often():
    """A thousand plans are then 17 requests a second, and none when nothing is due."""

    async def wait(bench: Bench, _: ScriptedApi) -> None:
        bench.store(BOOKED)
        for seconds in (0.0, 1.0, BOOKINGS_SECONDS):
            bench.seconds = seconds
            await bench.plans.read_due()

    bench, api = await on(
        a_file("2026-11-23T09:00,600,3"), a_file("2026-11-23T09:00,600,4"), act=wait
    )

    assert [seen.path for seen in api.seen] == ["/api/v1/namespaces/hr/configmaps/calendar"] * 2
    assert bench.sessions() == [4]


async def test_bookings_that_did_not_change_wake_nobody():
    """A file that is exported every hour is the same most of the time."""

    async def wait(bench: Bench, _: ScriptedApi) -> None:
        bench.store(BOOKED)
        await bench.plans.read_due()
        bench.woken.clear()
        bench.seconds = BOOKINGS_SECONDS
        await bench.plans.read_due()

    bench, api = await on(a_file("2026-11-23T09:00,600,3"), act=wait)

    assert (len(api.seen), bench.woken) == (2, [])


async def test_while_the_server_does_not_answer_the_last_bookings_count():
    """Not knowing is no reason to forget what people have booked."""

    async def wait(bench: Bench, _: ScriptedApi) -> None:
        bench.store(BOOKED)
        await bench.plans.read_due()
        bench.seconds = BOOKINGS_SECONDS
        await bench.plans.read_due()

    bench, _ = await on(a_file("2026-11-23T09:00,600,3"), Reply.failure(503, "busy"), act=wait)

    assert (bench.sessions(), bench.problems()) == ([3], ())


async def test_a_changed_plan_keeps_its_bookings_until_they_are_read_again():
    """Somebody adds a window; for that second nobody's appointment may be forgotten."""

    async def change(bench: Bench, _: ScriptedApi) -> None:
        bench.store(BOOKED)
        await bench.plans.read_due()
        bench.store({"bookings": {"configMapName": "calendar"}}, version=2)

    bench, _ = await on(a_file("2026-11-23T09:00,600,3"), act=change)

    assert sorted(bench.sessions()) == [3, 500]


async def test_bookings_of_another_file_are_not_kept():
    """They were somebody else's appointments."""

    async def change(bench: Bench, _: ScriptedApi) -> None:
        bench.store(BOOKED)
        await bench.plans.read_due()
        bench.store({"bookings": {"configMapName": "other"}}, version=2)

    bench, _ = await on(a_file("2026-11-23T09:00,600,3"), act=change)

    assert bench.sessions() == [500]


async def test_a_deleted_file_of_bookings_counts_no_more_and_is_named():
    """That is how somebody takes all bookings back."""

    async def wait(bench: Bench, _: ScriptedApi) -> None:
        bench.store(BOOKED)
        await bench.plans.read_due()
        bench.seconds = BOOKINGS_SECONDS
        await bench.plans.read_due()

    bench, _ = await on(a_file("2026-11-23T09:00,600,3"), Reply.failure(404, "no"), act=wait)

    assert bench.sessions() == []
    assert bench.problems() == (
        "ConfigMap/calendar does not exist; create it, or take `spec.bookings` away",
    )


async def test_a_missing_key_is_named_with_its_file():
    """The file is there, so "not found" alone would send people to the wrong place."""

    async def read(bench: Bench, _: ScriptedApi) -> None:
        bench.store(BOOKED)
        await bench.plans.read_due()

    bench, _ = await on(Reply(body={"data": {"other.csv": ""}}), act=read)

    assert bench.problems()[0].startswith("key bookings.csv of ConfigMap/calendar does not exist")


async def test_a_file_without_any_data_is_no_fault_of_ours():
    """An empty ConfigMap has no `data` at all."""

    async def read(bench: Bench, _: ScriptedApi) -> None:
        bench.store(BOOKED)
        await bench.plans.read_due()

    bench, _ = await on(Reply(body={"data": None}), act=read)

    assert "does not exist" in bench.problems()[0]


@pytest.mark.parametrize("status", [403, 404])
async def test_without_the_kind_or_the_right_fleets_do_not_wait(status: int):
    """An upgrade that forgot a CRD must not stop the fleets that need none."""

    async def start(bench: Bench, _: ScriptedApi) -> None:
        running = asyncio.create_task(bench.plans.run())
        async with asyncio.timeout(5):
            await bench.plans.wait_synced()
        running.cancel()

    bench, api = await on(Reply.failure(status, "no"), act=start)

    assert len(api.seen) == 1
    assert bench.sessions() == []


async def test_every_page_of_plans_and_their_bookings_are_read_before_anything_is_decided():
    """A cycle before its plan would decide as if nobody had announced anything."""

    async def start(bench: Bench, _: ScriptedApi) -> None:
        running = asyncio.create_task(bench.plans.run())
        async with asyncio.timeout(5):
            await bench.plans.wait_synced()
        running.cancel()

    bench, api = await on(
        Reply(body={"metadata": {"continue": "more"}, "items": [a_stored_plan("one")]}),
        Reply(body={"metadata": {}, "items": [a_stored_plan("two", BOOKED)]}),
        a_file("2026-11-23T09:00,600,3"),
        act=start,
    )

    assert [seen.query.get("continue") for seen in api.seen] == [None, "more", None]
    assert sorted(bench.sessions()) == [3, 500]


async def test_a_deletion_that_no_watch_told_is_noticed_by_the_next_list():
    """A plan that is gone must not keep its fleet large for ever."""

    async def list_twice(bench: Bench, _: ScriptedApi) -> None:
        bench.plans.store(a_stored_plan("gone", version=3))
        bench.plans.store(a_stored_plan("new", version=9))
        bench.woken.clear()
        await bench.plans.list_plans()

    listed = {"metadata": {"resourceVersion": "5"}, "items": [a_stored_plan("kept", version=4)]}
    bench, _ = await on(Reply(body=listed), act=list_twice)

    assert sorted(key.name for key in bench.plans.about(FLEET)) == ["kept", "new"]
    assert FLEET in bench.woken


async def test_a_server_that_is_busy_at_the_start_is_asked_again():
    """A leader that gave up would never know of any plan."""

    async def list_twice(bench: Bench, _: ScriptedApi) -> None:
        assert not await bench.plans.list_plans()
        assert await bench.plans.list_plans()

    busy = [Reply.failure(503, "busy")] * 3
    bench, _ = await on(
        *busy, Reply(body={"metadata": {}, "items": [a_stored_plan("one")]}), act=list_twice
    )

    assert bench.sessions() == [500]


def test_a_plan_that_cannot_be_read_says_why_and_keeps_its_fleet():
    """The fleet's name may be all that is right in it."""
    made = announce(PLAN, a_surge_plan("hr", {"timeZone": "berlin"}) | {"status": {}})

    assert (made.spec, made.refused_for, made.fleet) == (None, SurgeReason.INVALID_PLAN, FLEET)
    assert "`spec.timeZone`" in made.error


def test_a_zone_that_only_newer_databases_know_is_refused_by_its_name():
    """The API server may be newer than the operator, and accept it."""
    made = announce(PLAN, a_surge_plan("hr", {"timeZone": "Mars/Olympus"}))

    assert (made.spec, made.refused_for) == (None, SurgeReason.TIME_ZONE_UNKNOWN)
