"""Plans have their turns in the fleets' own queue, and each turn leaves a true status."""

from datetime import UTC, datetime, timedelta

from support.cycles import NAMESPACE, Shell, a_fleet_body
from support.surge_cases import a_surge_plan
from voicefleet.errors import ConflictError
from voicefleet.manifests import ObjectKey

PLAN = ObjectKey("SurgePlan", NAMESPACE, "campus-day")
MINUTE = timedelta(minutes=1)
RESTING = {"paused": True}
"""These tests are about what is said; a fleet of 63 workers would only take time."""


def a_plan(change: dict | None = None, **metadata: object) -> dict:
    """Return a stored plan: 500 sessions every Monday at nine in Berlin."""
    body = a_surge_plan(NAMESPACE, change)
    body["metadata"] |= {"uid": "p1", "resourceVersion": "1", "generation": 1, **metadata}
    return body


def conditions(shell: Shell) -> dict[str, str]:
    """Return the reasons of the plan's conditions, as last written."""
    plan = shell.plans.find_plan(PLAN)
    assert plan is not None
    return {one.type: one.reason for one in plan.status.conditions}


async def test_a_plan_gets_a_status_as_soon_as_it_is_stored():
    """Whoever applies it looks at it at once."""
    shell = Shell()
    await shell.apply(a_fleet_body(**RESTING))

    shell.plans.store(a_plan())
    await shell.settle()

    assert conditions(shell) == {
        "Accepted": "PlanAccepted",
        "CapacityReachable": "BeyondMaxReplicas",
    }


async def test_a_plan_without_its_fleet_counts_as_soon_as_the_fleet_exists():
    """Manifests are applied in any order."""
    shell = Shell()
    shell.plans.store(a_plan())
    await shell.settle()
    alone = conditions(shell)["Accepted"]

    await shell.apply(a_fleet_body(**RESTING))
    await shell.settle(seconds=61)

    assert (alone, conditions(shell)["Accepted"]) == ("FleetNotFound", "PlanAccepted")


async def test_a_fleet_that_cannot_be_acted_on_is_named_with_its_fault():
    """The plan's author is often not the one who can mend the fleet."""
    shell = Shell()
    broken = a_fleet_body(agents={"image": 7})
    await shell.apply(broken)

    shell.plans.store(a_plan())
    await shell.settle()

    plan = shell.plans.find_plan(PLAN)
    assert plan is not None
    assert "`spec.agents.image` is 7" in plan.status.conditions[0].message


async def test_a_status_that_is_not_taken_is_written_again():
    """Two writers at the same moment must not leave a plan without a word."""
    shell = Shell()
    await shell.apply(a_fleet_body(**RESTING))
    shell.plans.fails_with = ConflictError("somebody was faster")

    shell.plans.store(a_plan())
    await shell.settle()

    assert conditions(shell)["Accepted"] == "PlanAccepted"


async def test_a_replica_without_the_lease_writes_no_status_of_a_plan():
    """The next leader may have said something newer."""
    shell = Shell()
    await shell.apply(a_fleet_body(**RESTING))
    shell.may_write = False

    shell.plans.store(a_plan())
    await shell.settle()

    assert shell.plans.written == []


async def test_a_plan_at_rest_is_not_written():
    """Each write wakes every watcher."""
    shell = Shell()
    await shell.apply(a_fleet_body(**RESTING))
    shell.plans.store(a_plan())
    await shell.settle()
    written = len(shell.plans.written)

    await shell.settle(seconds=180)

    assert len(shell.plans.written) == written


async def test_a_quota_that_is_raised_is_noticed_within_a_minute():
    """Nothing tells of it, and the plan's author waits for the condition."""
    shell = Shell()
    agents = {"image": "a:1", "maxReplicas": 100, "resources": {"requests": {"cpu": "1"}}}
    await shell.apply(a_fleet_body(agents=agents, **RESTING))
    quota = {
        "metadata": {"name": "team", "namespace": NAMESPACE},
        "spec": {"hard": {"requests.cpu": "20"}},
        "status": {"hard": {"requests.cpu": "20"}, "used": {"requests.cpu": "2"}},
    }
    shell.plans.quotas = [quota]
    shell.plans.store(a_plan())
    await shell.settle()
    before = conditions(shell)["CapacityReachable"]

    shell.plans.quotas = []
    await shell.settle(seconds=61)

    assert (before, conditions(shell)["CapacityReachable"]) == ("BeyondQuota", "InReach")


async def test_a_window_that_begins_is_active_within_a_second():
    """`kubectl get surge` must not be a minute behind on the morning of the day."""
    shell = Shell()
    await shell.apply(a_fleet_body(**RESTING))
    shell.plans.store(a_plan())
    await shell.settle()
    begins = datetime(2026, 1, 12, 8, tzinfo=UTC)
    shell.clock.advance(begins - shell.clock.now() - MINUTE)
    await shell.settle(seconds=0)

    await shell.settle(seconds=61)

    plan = shell.plans.find_plan(PLAN)
    assert plan is not None
    assert plan.status.active == ("morning",)


async def test_a_deleted_plan_has_no_turn_any_more():
    """Its key would come back for ever."""
    shell = Shell()
    shell.plans.store(a_plan())
    await shell.settle()

    shell.plans.forget(PLAN, "p1")
    await shell.settle(seconds=120)

    assert len(shell.plans.written) == 1
    assert "gone" in shell.meter.cycles
