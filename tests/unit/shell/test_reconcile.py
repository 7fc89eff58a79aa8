"""Whole cycles on fakes: what an author sees after `kubectl apply`, and after trouble."""

import logging
from datetime import datetime, timedelta

import pytest

from support.cycles import IMAGE, NAMESPACE, Shell, a_fleet_body, fleet_key_of
from voicefleet.api import labels
from voicefleet.errors import ConflictError, RefusedError, UnavailableError, UnsafePlanError
from voicefleet.manifests import ObjectKey, key_of
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Observed
from voicefleet.model.plan import Plan
from voicefleet.planning import plan_fleet
from voicefleet.settings import Platform
from voicefleet.shell.memory import SECRETS_EVERY_RESYNCS
from voicefleet.shell.news import STATUS_INTERVAL_SECONDS
from voicefleet.shell.reconcile import Planner
from voicefleet.shell.report import SECOND_LOOK_SECONDS

SERVICE = ObjectKey("Service", NAMESPACE, "interviews-media")


def agents_pods(shell: Shell):
    """Return the fleet's workers that are not on their way out."""
    return [
        pod
        for pod in shell.cluster.pods(fleet_key_of())
        if pod.tier == "agents" and not pod.is_deleting
    ]


async def test_an_applied_fleet_comes_about_and_says_so():
    """The first promise of the operator."""
    shell = Shell()

    await shell.apply(a_fleet_body())

    assert shell.condition("Ready")["status"] == "True"
    assert shell.status()["observedGeneration"] == 1
    assert shell.condition("Reconciling") == {}
    assert len(agents_pods(shell)) == 2


async def test_an_idle_fleet_is_not_written_to(caplog: pytest.LogCaptureFixture):
    """Each write wakes every watcher in the cluster; each log line hides another."""
    shell = Shell()
    key = await shell.apply(a_fleet_body())
    shell.cluster.writes.clear()
    caplog.set_level(logging.INFO)

    ended = [await shell.cycle(key) for _ in range(3)]

    assert ended == ["quiet"] * 3
    assert (shell.cluster.writes, caplog.messages) == ([], [])


async def test_a_resync_of_an_idle_fleet_is_not_seen_by_anybody():
    """Secrets are posted again, because nobody may look for them; nothing changes by that."""
    shell = Shell()
    key = await shell.apply(a_fleet_body())
    shell.cluster.writes.clear()

    await resync(shell, key, SECRETS_EVERY_RESYNCS)

    assert set(shell.meter.cycles[-SECRETS_EVERY_RESYNCS:]) == {"quiet"}
    assert shell.cluster.writes == []


async def resync(shell: Shell, key: ObjectKey, times: int = 1) -> None:
    """Let so many resyncs pass."""
    for _ in range(times):
        shell.reconciler.note_resync(key)
        await shell.cycle(key)


async def test_a_deleted_secret_returns_within_ten_resyncs():
    """The operator may not read Secrets, so it cannot see the loss; posting costs requests."""
    shell = Shell()
    key = await shell.apply(a_fleet_body())
    secrets = {manifest["metadata"]["name"] for manifest in shell.cluster.of_kind("Secret")}
    await resync(shell, key)
    shell.cluster.remove(ObjectKey("Secret", NAMESPACE, min(secrets)))

    await resync(shell, key, SECRETS_EVERY_RESYNCS)

    assert {item["metadata"]["name"] for item in shell.cluster.of_kind("Secret")} == secrets


async def test_a_deleted_secret_returns_with_a_deleted_child():
    """Somebody who cleans up the wrong namespace takes both, and only one of them is seen."""
    shell = Shell()
    await shell.apply(a_fleet_body())
    secret = next(key_of(secret) for secret in shell.cluster.of_kind("Secret"))
    shell.cluster.remove(secret)
    shell.cluster.remove(SERVICE)

    await shell.settle(5)

    assert shell.cluster.exists(SERVICE)
    assert shell.cluster.exists(secret)


async def test_secrets_are_posted_at_one_resync_of_ten():
    """Three requests per fleet and minute would be half of all that an idle operator sends."""
    shell = Shell()
    key = await shell.apply(a_fleet_body())
    counts = []

    for _ in range(2 * SECRETS_EVERY_RESYNCS):
        for item in shell.cluster.of_kind("Secret"):
            shell.cluster.remove(key_of(item))
        await resync(shell, key)
        counts.append(len(shell.cluster.of_kind("Secret")))

    assert (counts.count(3), counts.count(0)) == (2, 2 * SECRETS_EVERY_RESYNCS - 2)


async def test_a_pod_that_misses_its_secret_is_not_kept_waiting_for_the_tenth_resync():
    """Nothing that uses the Secret starts before it is back."""
    shell = Shell()
    key = await shell.apply(a_fleet_body())
    secrets = len(shell.cluster.of_kind("Secret"))
    waiting = {"name": "main", "state": {"waiting": {"reason": "CreateContainerConfigError"}}}
    pod = ObjectKey("Pod", NAMESPACE, agents_pods(shell)[0].name)
    shell.cluster.edit(pod, {"status": {"containerStatuses": [waiting]}})
    for item in shell.cluster.of_kind("Secret"):
        shell.cluster.remove(key_of(item))

    await resync(shell, key)

    assert len(shell.cluster.of_kind("Secret")) == secrets


async def test_a_start_leaves_the_secrets_of_a_fleet_that_stands_to_its_resyncs():
    """Three requests for each of 1,000 fleets would go ahead of what has changed meanwhile."""
    shell = Shell()
    key = await shell.apply(a_fleet_body())
    secrets = len(shell.cluster.of_kind("Secret"))
    shell.cluster.remove(key_of(shell.cluster.of_kind("Secret")[0]))
    shell.reconciler._memories.clear()

    await shell.cycle(key)
    at_start = len(shell.cluster.of_kind("Secret"))
    await resync(shell, key, SECRETS_EVERY_RESYNCS)

    assert (at_start, len(shell.cluster.of_kind("Secret"))) == (secrets - 1, secrets)


async def test_a_start_before_the_first_status_posts_the_secrets():
    """The operator may have been killed between the finalizer and the first Secret."""
    shell = Shell()
    key = await shell.apply(a_fleet_body())
    secrets = len(shell.cluster.of_kind("Secret"))
    shell.cluster.remove(key_of(shell.cluster.of_kind("Secret")[0]))
    shell.cluster.edit(key, {"status": None})
    shell.reconciler._memories.clear()

    await shell.cycle(key)

    assert len(shell.cluster.of_kind("Secret")) == secrets


@pytest.mark.parametrize("verb", ["apply", "scale", "create", "finalizer", "status"])
async def test_one_conflict_on_any_write_converges(verb: str):
    """One 409 on its own patch makes kopf forget an object; ours must only try again."""
    shell = Shell()
    shell.cluster.fail_next(verb, ConflictError("the object has been modified"))

    await shell.apply(a_fleet_body())

    assert shell.condition("Ready")["status"] == "True"
    assert shell.condition("Reconciling") == {}


@pytest.mark.parametrize("is_lost_answer", [False, True], ids=["request-lost", "answer-lost"])
async def test_an_outage_in_the_middle_converges(is_lost_answer: bool):
    """A write without an answer may have happened or not; both have to end the same."""
    shell = Shell()
    outage = UnavailableError("no answer")
    shell.cluster.fail_next("apply", outage, times=3, is_lost_answer=is_lost_answer)

    await shell.apply(a_fleet_body())

    assert shell.condition("Ready")["status"] == "True"


async def test_a_conflict_is_tried_again_at_once_the_first_time():
    """Mostly somebody else wrote a moment ago, and now is the best moment to look again."""
    shell = Shell()
    key = await shell.apply(a_fleet_body())
    shell.cluster.remove(SERVICE)
    shell.cluster.fail_next("apply", ConflictError("the object has been modified"))

    ended = await shell.cycle(key)

    assert (ended, shell.queue.take()) == ("conflict", key)


async def test_an_object_that_exists_already_is_found_before_it_is_created():
    """A watch may be behind; creating by force would overwrite what it has not shown yet."""
    shell = Shell()
    await shell.apply(a_fleet_body())
    unlabelled = {"metadata": {"labels": {labels.FLEET: None}}}
    shell.cluster.edit(SERVICE, unlabelled)

    await shell.settle()

    assert shell.cluster.get(SERVICE)["metadata"]["labels"][labels.FLEET] == "interviews"


async def test_a_taken_name_is_told_and_everything_else_comes_about():
    """Taking over a stranger's Service would break their application."""
    shell = Shell()
    stranger = {
        "kind": "Service",
        "metadata": {"name": SERVICE.name, "namespace": NAMESPACE},
        "spec": {"selector": {"app": "legacy"}},
    }
    before = shell.cluster.create(stranger)

    await shell.apply(a_fleet_body())

    assert shell.cluster.get(SERVICE) == before
    assert shell.condition("Stalled")["reason"] == "NameTaken"
    assert len(agents_pods(shell)) == 2


async def test_workers_never_run_as_somebody_elses_account():
    """A fleet may be named so that its workers' account is one with a cloud's role."""
    shell = Shell()
    account = {"name": "interviews-agents", "namespace": NAMESPACE}
    shell.cluster.create({"kind": "ServiceAccount", "metadata": account})

    await shell.apply(a_fleet_body())

    assert agents_pods(shell) == []
    assert shell.condition("Stalled")["reason"] == "NameTaken"
    assert "ServiceAccount/interviews-agents" in shell.condition("Stalled")["message"]


async def test_a_taken_name_that_becomes_free_is_used():
    """The stranger made room; nobody should have to touch the fleet."""
    shell = Shell()
    stranger = {
        "kind": "Service",
        "metadata": {"name": SERVICE.name, "namespace": NAMESPACE},
        "spec": {"selector": {"app": "legacy"}},
    }
    shell.cluster.create(stranger)
    key = await shell.apply(a_fleet_body())
    shell.cluster.remove(SERVICE)

    await shell.cycle(key)
    await shell.settle()

    assert shell.condition("Stalled") == {}
    assert shell.cluster.get(SERVICE)["metadata"]["labels"][labels.FLEET] == "interviews"


async def test_a_refused_child_does_not_hold_up_the_others():
    """A policy against one object is no reason for an empty fleet."""
    shell = Shell()
    refusal = RefusedError("denied by policy", status=403, reason="Forbidden")
    shell.cluster.fail_next("apply", refusal, times=1)

    await shell.apply(a_fleet_body())

    assert shell.condition("Stalled")["reason"] == "ChildRefused"
    assert "denied by policy" in shell.condition("Stalled")["message"]
    assert len(agents_pods(shell)) == 2


async def test_a_refused_write_waits_for_the_next_resync():
    """The same write will be refused again, and every try is a line in somebody's audit log."""
    shell = Shell()
    refusal = RefusedError("denied by policy", status=403, reason="Forbidden")
    shell.cluster.fail_next("apply", refusal, times=1)
    key = await shell.apply(a_fleet_body())
    before = shell.meter.applies_sent
    await shell.cycle(key)
    without_resync = shell.meter.applies_sent - before
    shell.reconciler.note_resync(key)

    await shell.cycle(key)
    await shell.settle()

    assert (without_resync, shell.meter.applies_sent - before) == (0, 1)
    assert shell.condition("Stalled") == {}


async def test_a_wrong_manifest_is_told_and_changes_nothing():
    """An older CRD may have let it through; the calls that run must not pay for it."""
    shell = Shell()
    key = await shell.apply(a_fleet_body())
    pods = {pod.name for pod in agents_pods(shell)}
    shell.cluster.edit(key, {"spec": {"agents": {"minReplicas": "many"}}})

    await shell.settle()

    stalled = shell.condition("Stalled")
    assert stalled["reason"] == "InvalidSpec"
    assert "minReplicas" in stalled["message"]
    assert {pod.name for pod in agents_pods(shell)} == pods
    assert shell.status()["observedGeneration"] == 2


async def test_a_mended_manifest_goes_on():
    """Stalled is present only while true; that is what tools wait for."""
    shell = Shell()
    key = await shell.apply(a_fleet_body())
    shell.cluster.edit(key, {"spec": {"agents": {"minReplicas": "many"}}})
    await shell.settle()

    shell.cluster.edit(key, {"spec": {"agents": {"minReplicas": 3}}})
    await shell.settle()

    assert shell.condition("Stalled") == {}
    assert len(agents_pods(shell)) == 3


async def test_a_fault_in_one_fleet_leaves_the_others_alone(caplog: pytest.LogCaptureFixture):
    """The one catch-all of the program, and why it is there."""

    def plan(fleet: Fleet, observed: Observed, now: datetime) -> Plan:
        if fleet.name == "broken":
            raise ZeroDivisionError("a fault of ours")
        return plan_fleet(fleet, observed, now)

    shell = Shell(Planner(plan=plan))
    shell.cluster.create(a_fleet_body("broken"))

    await shell.apply(a_fleet_body("well"))

    assert shell.condition("Ready", "well")["status"] == "True"
    assert "failed" in shell.meter.cycles
    assert "a fault of ours" in caplog.text


async def test_a_plan_that_breaks_a_law_is_not_carried_out():
    """The last look is worth something only if nothing of the plan happens."""

    def check(plan: Plan, fleet: Fleet, observed: Observed, now: datetime) -> None:
        raise UnsafePlanError(f"{fleet}: a law is broken")

    shell = Shell(Planner(check=check))

    await shell.apply(a_fleet_body())

    assert {write.split()[0] for write in shell.cluster.writes} == {"status"}
    assert shell.condition("Stalled")["reason"] == "UnsafePlan"


async def test_a_fleet_beyond_the_limit_is_told_and_left_alone():
    """An operator that takes on more than it can carry serves nobody well."""
    shell = Shell(platform=Platform(fleets_max=1))
    await shell.apply(a_fleet_body("first"))

    await shell.apply(a_fleet_body("second"))

    assert shell.condition("Stalled", "second")["reason"] == "TooManyFleets"
    assert "fleetsMax" in shell.condition("Stalled", "second")["message"]
    assert shell.condition("Ready", "first")["status"] == "True"


async def test_nothing_is_written_without_the_lease():
    """The next leader may write already."""
    shell = Shell()
    shell.may_write = False

    await shell.apply(a_fleet_body())

    assert shell.cluster.writes == []


async def test_a_deleted_fleet_is_let_go_and_forgotten():
    """The memory of an operator must not grow with the fleets it once had."""
    shell = Shell()
    key = await shell.apply(a_fleet_body())

    shell.cluster.remove(key)
    await shell.settle(30)

    assert not shell.cluster.exists(key)
    assert shell.workers.followed(key) == set()
    assert shell.reconciler._memories == {}
    assert any(event.reason == "FleetDeleted" for event in shell.recorder.events)


async def test_a_new_fleet_of_an_old_name_inherits_no_memory():
    """Its Secrets have other names, and nobody has refused it anything yet."""
    shell = Shell()
    key = await shell.apply(a_fleet_body(deletionPolicy="Now"))
    shell.cluster.remove(key)
    await shell.cycle(key)

    shell.cluster.create(a_fleet_body())
    await shell.settle()

    assert shell.condition("Ready")["status"] == "True"
    assert len(shell.cluster.of_kind("Secret")) == 3


async def test_session_counts_are_written_twice_a_minute_at_most():
    """Calls begin and end all the time; every write wakes every watcher of the fleet."""
    shell = Shell()
    await shell.apply(a_fleet_body())
    await shell.settle(STATUS_INTERVAL_SECONDS)
    shell.cluster.writes.clear()
    pod = agents_pods(shell)[0]

    for sessions in range(1, 6):
        shell.workers.answer(pod, active=sessions)
        await shell.settle(12)

    statuses = [write for write in shell.cluster.writes if write.startswith("status")]
    await shell.settle(STATUS_INTERVAL_SECONDS)
    assert len(statuses) <= 3
    assert shell.status()["agents"]["sessions"] == 5


async def test_a_changed_count_of_workers_is_written_at_once():
    """Whoever waits in front of kubectl get sees what happens."""
    shell = Shell()
    key = await shell.apply(a_fleet_body())

    shell.cluster.edit(key, {"spec": {"agents": {"floorReplicas": 5}}})
    await shell.settle(2)

    assert shell.status()["summary"]["agents"] == "5/5"


async def test_a_decision_is_told_once_in_each_place(caplog: pytest.LogCaptureFixture):
    """Status, Event and log say the same sentence, so that they can be found together."""
    caplog.set_level(logging.INFO)
    shell = Shell()
    key = await shell.apply(a_fleet_body())
    caplog.clear()

    shell.cluster.edit(key, {"spec": {"agents": {"floorReplicas": 5}}})
    await shell.settle()

    sentence = next(
        item["message"] for item in shell.status()["decisions"] if item["reason"] == "FloorRaised"
    )
    events = [event for event in shell.recorder.events if event.note == sentence]
    assert [event.count for event in events] == [1]
    assert sum(message.endswith(sentence) for message in caplog.messages) == 1


async def test_a_decision_survives_a_status_that_could_not_be_written():
    """What was done must be told, even when telling had to wait."""
    shell = Shell()
    key = await shell.apply(a_fleet_body())
    shell.cluster.fail_next("status", UnavailableError("no answer"), times=3)

    shell.cluster.edit(key, {"spec": {"agents": {"floorReplicas": 5}}})
    await shell.settle()

    assert "FloorRaised" in {item["reason"] for item in shell.status()["decisions"]}


async def test_a_worker_that_does_not_answer_its_cordon_is_told_again():
    """It must not hold up the rest of its fleet, nor be forgotten."""
    shell = Shell()
    key = await shell.apply(a_fleet_body())
    silent = agents_pods(shell)[0]
    shell.workers.silence(silent)

    shell.cluster.edit(key, {"spec": {"agents": {"image": f"{IMAGE}-next"}}})
    await shell.settle(30)

    fresh = [pod for pod in agents_pods(shell) if pod.owner_name != silent.owner_name]
    assert len(fresh) == 2
    assert silent.name in {pod.name for pod in agents_pods(shell)}
    shell.workers.answer(silent)
    await shell.settle(90)
    assert silent.name not in {pod.name for pod in agents_pods(shell)}


async def test_whatever_a_cycle_wrote_is_looked_at_again():
    """Our own writes are no event to us; what they allow would wait for the next resync."""
    shell = Shell()
    key = await shell.apply(a_fleet_body())
    shell.workers.answer(agents_pods(shell)[0], active=1)
    shell.clock.advance(timedelta(seconds=SECOND_LOOK_SECONDS))
    while (waiting := shell.queue.take()) is not None:
        shell.queue.done(waiting)

    await shell.cycle(key)

    shell.clock.advance(timedelta(seconds=SECOND_LOOK_SECONDS))
    assert shell.queue.take() == key
