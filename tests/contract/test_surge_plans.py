"""What is announced about a fleet, on the fake and through a real API server."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from support.fake_surges import FakeSurgePlans
from support.surge_cases import a_surge_plan
from support.worlds import BOTH, open_session
from voicefleet.adapters.kubernetes.calls import Call
from voicefleet.adapters.kubernetes.resources import BY_KIND, NAMESPACE, SURGE_PLAN
from voicefleet.adapters.kubernetes.session import ApiSession
from voicefleet.adapters.surges import SurgePlans as KubernetesSurgePlans
from voicefleet.api.pods import PodSettings
from voicefleet.api.status import ConditionStatus
from voicefleet.core.quota import find_quota_limit
from voicefleet.core.surge_status import report_surge_plan
from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.ports import SurgePlans

MONDAY_NINE = datetime(2026, 11, 23, 8, tzinfo=UTC)
"""Nine o'clock in Berlin, when the small plan's window begins."""
BOOKED = {"windows": None, "bookings": {"configMapName": "calendar"}}
LINE = "2026-11-23T09:00,2700,12"


class Hall(Protocol):
    """One namespace in which somebody announces demand."""

    plans: SurgePlans
    fleet: ObjectKey
    woken: list[ObjectKey]

    async def announce(self, change: Manifest | None = None, bookings: str | None = None) -> None:
        """Apply a plan, and before it its file of bookings."""
        ...

    async def take_back(self) -> None:
        """Delete the plan."""
        ...

    async def limit(self, hard: Manifest) -> None:
        """Create a ResourceQuota."""
        ...


class FakeHall:
    """A namespace in memory."""

    def __init__(self, namespace: str) -> None:
        self.woken: list[ObjectKey] = []
        self.plans = FakeSurgePlans(self.woken.append)
        self.fleet = ObjectKey("VoiceFleet", namespace, "interviews")

    async def announce(self, change: Manifest | None = None, bookings: str | None = None) -> None:
        """Apply a plan, and before it its file of bookings."""
        body = a_surge_plan(self.fleet.namespace, change)
        body["metadata"] |= {"uid": "1", "resourceVersion": "1", "generation": 1}
        self.plans.store(body, bookings)

    async def take_back(self) -> None:
        """Delete the plan."""
        self.plans.forget(plan_key(self), "1")

    async def limit(self, hard: Manifest) -> None:
        """Create a ResourceQuota."""
        metadata = {"name": "team", "namespace": self.fleet.namespace}
        self.plans.quotas.append({"metadata": metadata, "spec": {"hard": hard}})


class RealHall:
    """A namespace on a real API server; the test does what kopf does."""

    def __init__(self, session: ApiSession, namespace: str) -> None:
        self.woken: list[ObjectKey] = []
        self.plans = KubernetesSurgePlans(session, wake=self.woken.append, monotonic=lambda: 0.0)
        self.fleet = ObjectKey("VoiceFleet", namespace, "interviews")
        self._session = session

    async def announce(self, change: Manifest | None = None, bookings: str | None = None) -> None:
        """Apply a plan, and before it its file of bookings."""
        if bookings is not None:
            data = {"metadata": {"name": "calendar"}, "data": {"bookings.csv": bookings}}
            await self._create("ConfigMap", data)
        body = a_surge_plan(self.fleet.namespace, change)
        self.plans.store(await self._create("SurgePlan", body))
        await self.plans.read_due()

    async def take_back(self) -> None:
        """Delete the plan."""
        key = plan_key(self)
        plan = self.plans.find_plan(key)
        assert plan is not None
        await self._session.request(Call("delete", SURGE_PLAN, key.namespace, key.name))
        self.plans.forget(key, plan.uid)

    async def limit(self, hard: Manifest) -> None:
        """Create a ResourceQuota."""
        await self._create("ResourceQuota", {"metadata": {"name": "team"}, "spec": {"hard": hard}})

    async def _create(self, kind: str, body: Manifest) -> Manifest:
        call = Call("create", BY_KIND[kind], self.fleet.namespace, body=body)
        return await self._session.request(call)


def plan_key(hall: Hall) -> ObjectKey:
    """Return the address of the plan."""
    return ObjectKey("SurgePlan", hall.fleet.namespace, "campus-day")


@pytest.fixture(params=BOTH)
async def hall(request: pytest.FixtureRequest) -> AsyncIterator[Hall]:
    """A namespace in which nothing is announced yet."""
    namespace = f"surge-{uuid.uuid4().hex[:8]}"
    if request.param == "fake":
        yield FakeHall(namespace)
        return
    async with open_session(request.getfixturevalue("kubeconfig")) as session:
        await session.request(Call("create", NAMESPACE, body={"metadata": {"name": namespace}}))
        yield RealHall(session, namespace)


async def test_a_window_is_found_by_its_fleet(hall: Hall):
    """The cycle asks by fleet and gets instants."""
    await hall.announce()

    (surge,) = hall.plans.find(hall.fleet, MONDAY_NINE)

    assert (surge.plan, surge.window, surge.peak_sessions) == ("campus-day", "morning", 500)
    assert (surge.starts_at, surge.glide_seconds) == (MONDAY_NINE, 900)
    assert {plan_key(hall), hall.fleet} <= set(hall.woken)


async def test_another_fleet_finds_nothing(hall: Hall):
    """Two fleets of one namespace have nothing to do with each other's plans."""
    await hall.announce()

    other = ObjectKey("VoiceFleet", hall.fleet.namespace, "screening")

    assert hall.plans.find(other, MONDAY_NINE) == ()


async def test_a_window_is_found_from_a_day_before_to_a_day_after_it(hall: Hall):
    """A week of windows would make every cycle of the year dearer."""
    await hall.announce()

    instants = [MONDAY_NINE + timedelta(days=days) for days in (-3, -0.5, 0.5, 3)]

    assert [len(hall.plans.find(hall.fleet, at)) for at in instants] == [0, 1, 1, 0]


async def test_booked_calls_are_found_like_a_window(hall: Hall):
    """For the fleet it is the same demand."""
    await hall.announce(BOOKED, bookings=LINE)

    (surge,) = hall.plans.find(hall.fleet, MONDAY_NINE)

    assert (surge.window, surge.peak_sessions, surge.is_booked) == ("bookings", 12, True)


async def test_a_missing_file_of_bookings_is_known_to_be_missing(hall: Hall):
    """No bookings and no file are different things, and only one of them is a mistake."""
    await hall.announce(BOOKED)

    plan = hall.plans.find_plan(plan_key(hall))

    assert plan is not None
    assert plan.bookings is not None
    assert plan.bookings.is_missing
    assert hall.plans.find(hall.fleet, MONDAY_NINE) == ()


async def test_a_plan_that_is_taken_back_announces_nothing(hall: Hall):
    """The recruiter deletes it, and the fleet is free to shrink."""
    await hall.announce()

    await hall.take_back()

    assert hall.plans.find(hall.fleet, MONDAY_NINE) == ()
    assert hall.plans.find_plan(plan_key(hall)) is None


async def test_a_status_is_kept_as_it_was_written(hall: Hall):
    """The next look compares with it, and writes nothing where nothing is new."""
    await hall.announce()
    plan = hall.plans.find_plan(plan_key(hall))
    assert plan is not None
    status = report_surge_plan(plan, None, MONDAY_NINE)

    await hall.plans.write_status(plan_key(hall), status.to_manifest())

    kept = hall.plans.find_plan(plan_key(hall))
    assert kept is not None
    assert kept.status == status
    assert kept.status.conditions[0].status is ConditionStatus.FALSE


async def test_a_status_for_a_plan_that_is_gone_is_no_failure(hall: Hall):
    """It was deleted while its status was made."""
    await hall.announce()
    await hall.take_back()

    await hall.plans.write_status(plan_key(hall), {"observedGeneration": 1})

    assert hall.plans.find_plan(plan_key(hall)) is None


async def test_quotas_are_read_with_their_limits(hall: Hall):
    """They say the day before what pods would say on the morning."""
    await hall.limit({"pods": "12"})

    quotas = await hall.plans.read_quotas(hall.fleet.namespace)

    limit = find_quota_limit(quotas, PodSettings(), workers=0)
    assert limit is not None
    assert limit.workers_max == 12
