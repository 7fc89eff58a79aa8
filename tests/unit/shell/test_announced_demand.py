"""Announced demand through whole cycles: on time to the second, and gently back."""

from datetime import datetime, timedelta

from support.cycles import IMAGE, NAMESPACE, Shell, a_fleet_body
from support.surge_cases import a_surge_plan
from voicefleet.api.base import format_time
from voicefleet.core.lead_time import ANNOUNCED_SECONDS_MIN

QUICK = {"scaleDown": {"stabilizationWindowSeconds": 0, "maxPercentPerMinute": 100}}
SLOTS = 8
WINDOW = timedelta(seconds=20)


async def a_quiet_fleet() -> Shell:
    """Return a fleet of one worker that has nothing to do."""
    shell = Shell()
    agents = {"image": IMAGE, "minReplicas": 1, "maxReplicas": 9, "sessionsPerWorker": SLOTS}
    await shell.apply(a_fleet_body(agents=agents, scaling=QUICK))
    await shell.settle()
    return shell


def announce(shell: Shell, begin: datetime, **window: object) -> None:
    """Store a plan with one short window."""
    hours = {
        "startTime": format_time(begin),
        "endTime": format_time(begin + WINDOW),
    }
    windows = [{"name": "rush", "once": hours, "glideSeconds": 0, **window}]
    body = a_surge_plan(NAMESPACE, {"windows": windows})
    body["metadata"] |= {"uid": "p1", "resourceVersion": "1", "generation": 1}
    shell.plans.store(body)


def wanted(shell: Shell) -> int:
    """Return the workers that should take sessions."""
    return int(shell.status()["agents"]["desiredReplicas"])


LEAD = timedelta(seconds=ANNOUNCED_SECONDS_MIN)
"""No start of this fleet takes longer."""


async def test_workers_are_asked_for_a_lead_time_before_the_window_begins():
    """No event tells of that moment; the cycle before it has to have set its alarm."""
    shell = await a_quiet_fleet()
    begin = shell.clock.now().replace(microsecond=0) + timedelta(seconds=400)
    announce(shell, begin, peakSessions=5 * SLOTS)
    await shell.settle(seconds=1)
    rest = begin - LEAD - shell.clock.now()

    await shell.settle(seconds=rest.total_seconds() - 0.5)
    before = wanted(shell)
    await shell.settle(seconds=1)

    assert (before, wanted(shell)) == (1, 5)


async def test_the_decision_names_the_plan_and_the_status_shows_it():
    """Whoever sees five idle workers asks why."""
    shell = await a_quiet_fleet()
    announce(shell, shell.clock.now() + timedelta(seconds=5), peakSessions=5 * SLOTS)

    await shell.settle(seconds=10)

    decision = shell.status()["decisions"][0]
    assert decision["reason"] == "SurgeAhead"
    assert "SurgePlan campus-day (rush) expects 40 sessions from" in decision["message"]
    (active,) = shell.status()["surge"]["active"]
    assert (active["plan"], active["peakSessions"]) == ("campus-day", 40)


async def test_workers_are_there_for_the_whole_window_and_leave_after_it():
    """A window that ends is the end of the reason, and of nothing else."""
    shell = await a_quiet_fleet()
    announce(shell, shell.clock.now() + timedelta(seconds=5), peakSessions=5 * SLOTS)
    await shell.settle(seconds=24)
    at_the_end = wanted(shell)

    await shell.settle(seconds=60)

    assert (at_the_end, wanted(shell)) == (5, 1)


async def test_a_glide_lets_workers_go_one_after_the_other():
    """A cliff would cordon four of five workers while calls of the window still run."""
    shell = await a_quiet_fleet()
    plan = {"peakSessions": 5 * SLOTS, "glideSeconds": 50}
    announce(shell, shell.clock.now() + timedelta(seconds=5), **plan)
    await shell.settle(seconds=24)

    seen = []
    for _ in range(14):
        await shell.settle(seconds=5)
        seen.append(wanted(shell))

    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) >= 4
    assert seen[-1] == 1


async def test_inhibited_scale_down_keeps_workers_that_nobody_needs():
    """During the lunch break of a campus day nobody is to leave."""
    shell = await a_quiet_fleet()
    announce(shell, shell.clock.now() + timedelta(seconds=5), peakSessions=5 * SLOTS)
    await shell.settle(seconds=10)

    body = a_surge_plan(NAMESPACE, name="lunch")
    now = shell.clock.now()
    hours = {"startTime": format_time(now), "endTime": format_time(now + timedelta(seconds=300))}
    lunch = {"name": "lunch", "once": hours, "peakSessions": 1, "inhibitScaleDown": True}
    body["spec"]["windows"] = [lunch]
    body["metadata"] |= {"uid": "p2", "resourceVersion": "1", "generation": 1}
    shell.plans.store(body)
    await shell.settle(seconds=80)

    assert wanted(shell) == 5


async def test_a_deleted_plan_is_the_end_of_its_floor():
    """The campus day is called off, and nobody has to touch the fleet."""
    shell = await a_quiet_fleet()
    announce(shell, shell.clock.now() + timedelta(seconds=5), peakSessions=5 * SLOTS)
    await shell.settle(seconds=10)
    before = wanted(shell)

    (key,) = shell.plans.about(next(iter(shell.cluster.fleet_keys())))
    shell.plans.forget(key, "p1")
    await shell.settle(seconds=60)

    assert (before, wanted(shell)) == (5, 1)


async def test_no_plan_exceeds_the_fleets_maximum():
    """The maximum is the owner's word about money, and the plan may be somebody else's."""
    shell = await a_quiet_fleet()

    announce(shell, shell.clock.now() + timedelta(seconds=5), minReplicas=500)
    await shell.settle(seconds=6)

    assert wanted(shell) == 9
