"""What a fleet's status says, from columns to conditions."""

from dataclasses import replace
from datetime import timedelta

import pytest

from support.builders import (
    NOW,
    SECOND,
    an_observation,
    with_agents,
    with_manifest,
    with_media,
)
from support.fleets import MINIMAL_SPEC, a_fleet, a_full_fleet, a_minimal_fleet
from support.world_model import World
from voicefleet.api.media import NetworkMode
from voicefleet.api.reasons import ConditionType, Reason
from voicefleet.api.status import (
    DECISIONS_MAX,
    DRAINING_MAX,
    Condition,
    ConditionStatus,
    VoiceFleetStatus,
)
from voicefleet.manifests import ObjectKey
from voicefleet.model.decision import Decision
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import PodTrouble, Refusal, Tier
from voicefleet.model.outcome import Outcome
from voicefleet.planning import report_fleet

ALWAYS = {
    ConditionType.READY,
    ConditionType.CAPACITY_AVAILABLE,
    ConditionType.SCALING_ACTIVE,
    ConditionType.GRACE_SUFFICIENT,
    ConditionType.SIGNALS_FRESH,
}


def a_world(fleet: Fleet | None = None) -> World:
    """Return a fleet that has come to rest."""
    world = World(fleet or a_minimal_fleet())
    world.run()
    return world


def report(world: World, outcome: Outcome | None = None) -> VoiceFleetStatus:
    """Return the status for what is observed now."""
    return report_fleet(world.fleet, world.observe(), outcome or Outcome(), world.now)


def conditions(status: VoiceFleetStatus) -> dict[str, Condition]:
    """Return the conditions by type."""
    return {condition.type: condition for condition in status.conditions}


def told(status: VoiceFleetStatus, which: ConditionType) -> tuple[ConditionStatus, str]:
    """Return a condition's status and reason."""
    condition = conditions(status)[which]
    return condition.status, condition.reason


class TestReady:
    """The summary that `kubectl wait` and every dashboard look at."""

    def test_a_fleet_at_rest_is_ready_and_nothing_else(self):
        """Reconciling and Stalled are present only while true, as kstatus wants it."""
        status = report(a_world())

        assert set(conditions(status)) == ALWAYS
        assert conditions(status)[ConditionType.READY].message == (
            "agents 2/2, media 2/2, redis 1/1 ready"
        )

    def test_a_fleet_nobody_has_built_yet_is_not_ready(self):
        """Every known condition stands from the first cycle on."""
        status = report_fleet(a_minimal_fleet(), an_observation(), Outcome(), NOW)

        assert set(conditions(status)) == ALWAYS | {ConditionType.RECONCILING}
        assert told(status, ConditionType.READY) == (
            ConditionStatus.FALSE,
            Reason.REDIS_NOT_READY,
        )

    def test_a_missing_worker_is_named_with_its_cause(self):
        """At night one line has to be enough."""
        world = a_world()
        pod = world.workers()[0]
        trouble = PodTrouble("CrashLoopBackOff", "container worker: exit code 1")
        world.set_pod(pod.uid, is_ready=False, is_running=False, trouble=trouble)

        ready = conditions(report(world))[ConditionType.READY]

        assert ready.reason == Reason.AGENTS_NOT_READY
        assert ready.message.startswith("agents 1/2, media 2/2, redis 1/1 ready; agents: 1 pod")
        assert pod.name in ready.message
        assert "kubectl logs --previous" in ready.message

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            pytest.param("speech-tts", Reason.SPEECH_NOT_READY, id="speech"),
            pytest.param("evaluation", Reason.EVALUATION_NOT_READY, id="evaluation"),
        ],
    )
    def test_a_deployment_short_of_pods_is_named(self, name: str, reason: Reason):
        """A pool that loads its model makes answers slow."""
        fleet = a_full_fleet()
        evaluation = fleet.spec.evaluation.model_copy(update={"min_replicas": 1})
        spec = fleet.spec.model_copy(update={"evaluation": evaluation})
        world = a_world(with_media(replace(fleet, spec=spec)))
        key = ObjectKey("Deployment", "voice", f"interviews-{name}")
        world.children[key] = with_manifest(world.children[key], status={"replicas": 1})

        assert told(report(world), ConditionType.READY) == (ConditionStatus.FALSE, reason)

    def test_a_pod_network_is_ready_with_a_warning(self):
        """Callers outside the cluster would never reach it."""
        network = a_minimal_fleet().spec.media.network
        network = network.model_copy(update={"mode": NetworkMode.POD_NETWORK})
        world = a_world(with_media(a_minimal_fleet(), network=network))

        assert told(report(world), ConditionType.READY) == (
            ConditionStatus.TRUE,
            Reason.POD_NETWORK_FOR_TESTS,
        )


class TestReconciling:
    """What is still going on."""

    def reason(self, world: World, outcome: Outcome | None = None) -> str:
        """Return why the fleet reconciles, or nothing."""
        found = conditions(report(world, outcome)).get(ConditionType.RECONCILING)
        return found.reason if found is not None else ""

    def test_a_child_made_a_moment_ago(self):
        """Its pods cannot be there yet, whatever the counts say."""
        made = Outcome(created=(ObjectKey("Service", "voice", "x"),))

        assert self.reason(a_world(), made) == Reason.APPLYING

    def test_a_raised_floor(self):
        """More are wanted than there are."""
        world = a_world()
        world.edit(lambda fleet: with_agents(fleet, floor_replicas=5))

        assert self.reason(world) == Reason.SCALING_UP

    def test_a_lowered_maximum_before_anybody_is_cordoned(self):
        """Otherwise a tool would take the fleet for finished in between."""
        world = a_world()
        world.edit(lambda fleet: with_agents(fleet, min_replicas=0, max_replicas=1))

        assert self.reason(world) == Reason.SCALING_DOWN

    def test_a_worker_that_waits_for_its_calls(self):
        """It may take an hour, and that is no fault."""
        world = a_world()
        for pod in world.workers():
            world.call(pod.uid, 1)
        world.edit(lambda fleet: with_agents(fleet, min_replicas=0, max_replicas=1))
        world.run_rounds(3)

        assert self.reason(world) == Reason.DRAINING

    def test_an_old_revision(self):
        """Two revisions at once are a rollout, however long the old one drains."""
        world = a_world()
        world.edit(lambda fleet: with_agents(fleet, image="registry.example.com/interviewer:2"))
        world.run_rounds(2)

        assert self.reason(world) == Reason.ROLLING_OUT

    def test_a_deployment_with_old_pods(self):
        """Its Ready pods may all be of the earlier template."""
        world = a_world(a_full_fleet())
        key = ObjectKey("Deployment", "voice", "interviews-speech-tts")
        status = {"replicas": 2, "readyReplicas": 2, "updatedReplicas": 1, "observedGeneration": 9}
        world.children[key] = with_manifest(world.children[key], status=status)

        assert self.reason(world) == Reason.ROLLING_OUT

    def test_a_deletion(self):
        """The message is the plan's own sentence about whom it waits for."""
        world = a_world()
        world.delete_fleet()

        assert self.reason(world) == Reason.DELETING

    def test_a_pause_is_no_progress(self):
        """Nothing goes on, and nothing will."""
        world = a_world()
        world.edit(
            lambda fleet: replace(fleet, spec=a_fleet({**MINIMAL_SPEC, "paused": True}).spec)
        )
        world.edit(lambda fleet: with_agents(fleet, floor_replicas=5))

        assert self.reason(world) == ""


class TestStalled:
    """What only a person can mend."""

    TAKEN = Refusal(
        ObjectKey("Service", "voice", "z"), 409, "NameTaken", "z exists", is_name_taken=True
    )
    REFUSED = Refusal(ObjectKey("ConfigMap", "voice", "a"), 403, "Forbidden", "policy says no.")

    def test_a_taken_name_comes_before_other_refusals(self):
        """It needs a decision: that object or this fleet."""
        status = report(a_world(), Outcome(refusals=(self.REFUSED, self.TAKEN)))
        stalled = conditions(status)[ConditionType.STALLED]

        assert stalled.reason == Reason.NAME_TAKEN
        assert stalled.message.startswith("Service/z is refused (1 other object too): z exists. ")

    def test_a_refused_child_is_named_with_the_servers_sentence(self):
        """The server knows which policy it was."""
        status = report(a_world(), Outcome(refusals=(self.REFUSED,)))

        assert "ConfigMap/a is refused: policy says no. Act" in (
            conditions(status)[ConditionType.STALLED].message
        )

    def test_a_plan_that_was_stopped_is_told_as_it_is(self):
        """Our own fault has to be visible, and harmless."""
        status = report(a_world(), Outcome(error="the plan would remove 1 busy worker"))

        assert told(status, ConditionType.STALLED) == (ConditionStatus.TRUE, Reason.UNSAFE_PLAN)


class TestScalingActive:
    """Whether the number of workers is free."""

    def test_a_floor_above_the_minimum_pins_the_count(self):
        """A forgotten `kubectl scale` costs money for months."""
        world = a_world(with_agents(a_minimal_fleet(), floor_replicas=6))
        condition = conditions(report(world))[ConditionType.SCALING_ACTIVE]

        assert (condition.status, condition.reason) == ("False", Reason.PINNED_BY_HAND)
        assert "kubectl scale vf/interviews --replicas=0" in condition.message

    def test_a_floor_below_the_minimum_changes_nothing(self):
        """It holds nothing that the minimum does not hold already."""
        world = a_world(with_agents(a_minimal_fleet(), floor_replicas=1))

        assert told(report(world), ConditionType.SCALING_ACTIVE)[0] is ConditionStatus.TRUE

    def test_a_pause_is_named_first(self):
        """While paused, no floor has any effect."""
        fleet = a_fleet({**MINIMAL_SPEC, "paused": True})
        status = report_fleet(fleet, an_observation(), Outcome(), NOW)

        assert told(status, ConditionType.SCALING_ACTIVE)[1] == Reason.PAUSED_BY_SPEC


class TestGraceSufficient:
    """Whether a worker may finish its longest call when it is told to stop."""

    def test_the_grace_is_shown_with_its_parts(self):
        """An SRE who plans a node upgrade needs the number."""
        condition = conditions(report(a_world()))[ConditionType.GRACE_SUFFICIENT]

        assert condition.message == (
            "workers get 3960 s to stop: calls of 3600 s and a margin of 360 s"
        )

    def test_a_worker_with_less_than_its_own_calls_need_is_named(self):
        """Somebody edited its ReplicaSet; draining its node would cut a call."""
        world = a_world()
        pod = world.workers()[0]
        world.set_pod(pod.uid, grace_seconds=600)

        condition = conditions(report(world))[ConditionType.GRACE_SUFFICIENT]

        assert (condition.status, condition.reason) == ("False", Reason.GRACE_TOO_SHORT)
        assert f"Pod/{pod.name}: it gets 600 s to stop and its longest call needs 3960 s" in (
            condition.message
        )

    def test_an_old_worker_is_measured_by_its_own_longest_call(self):
        """It was told another limit when it started, and its grace fits that."""
        world = a_world()
        world.call(world.workers()[0].uid, 1)
        world.edit(lambda fleet: with_agents(fleet, max_session_seconds=7200))
        world.run_rounds(6)

        assert told(report(world), ConditionType.GRACE_SUFFICIENT)[0] is ConditionStatus.TRUE


class TestTimes:
    """A transition time moves only when the status does."""

    def test_an_unchanged_condition_keeps_its_time(self):
        """Each write wakes every watcher of the fleet."""
        world = a_world()
        before = world.fleet.status
        world.wait(600)

        assert report(world) == before

    def test_a_flipped_condition_gets_a_new_time(self):
        """Since when it has been so is the first question at night."""
        world = a_world()
        world.wait(600)
        world.set_pod(world.workers()[0].uid, is_ready=False)

        ready = conditions(report(world))[ConditionType.READY]

        assert ready.last_transition_time == world.now

    def test_every_condition_names_its_generation(self):
        """A condition about an older manifest must not pass for one about this."""
        world = a_world()
        world.edit(lambda fleet: fleet)

        assert {c.observed_generation for c in report(world).conditions} == {2}


class TestSummary:
    """The columns of `kubectl get`."""

    def sessions(self, *counts: int | None) -> str:
        """Return the column for workers with so many sessions; None is a silent one."""
        world = World(with_agents(a_minimal_fleet(), min_replicas=len(counts)))
        world.cycle()
        world.move()
        world.move()
        world.wait(2)
        for pod, count in zip(world.workers(), counts, strict=True):
            if count is None:
                world.truths[pod.uid].is_silent = True
            else:
                world.call(pod.uid, count)
        for pod in world.workers():
            world.set_pod(pod.uid, is_ready=True)
        return report(world).summary.sessions

    @pytest.mark.parametrize(
        ("counts", "expected"),
        [
            pytest.param((3, 4), "7/16", id="everybody-told"),
            pytest.param((3, None), "3+?/16", id="somebody-did-not"),
            pytest.param((None, None), "?/16", id="nobody-did"),
            pytest.param((), "0/0", id="nobody-there"),
        ],
    )
    def test_sessions_are_never_invented(self, counts: tuple[int | None, ...], expected: str):
        """Not knowing has a sign of its own; zero would be a lie."""
        assert self.sessions(*counts) == expected

    def test_workers_and_servers_are_counted_against_what_is_wanted(self):
        """The two numbers answer whether the fleet is whole."""
        world = a_world()
        world.set_pod(world.workers()[0].uid, is_ready=False)

        summary = report(world).summary

        assert (summary.agents, summary.media) == ("1/2", "2/2")


class TestDraining:
    """Who waits for a last call."""

    def a_draining_world(self, workers: int = 2) -> World:
        """Return a fleet whose maximum was lowered to one while all workers were busy."""
        world = a_world(with_agents(a_minimal_fleet(), min_replicas=workers, max_replicas=20))
        for pod in world.workers():
            world.call(pod.uid, 2)
        world.edit(lambda fleet: with_agents(fleet, min_replicas=0, max_replicas=1))
        world.run_rounds(2)
        return world

    def test_a_draining_worker_shows_its_calls_and_their_latest_end(self):
        """`maxSessionSeconds` after the cordon at the latest."""
        world = self.a_draining_world()

        (entry,) = report(world).draining

        assert (entry.tier, entry.sessions, entry.eta_seconds) == (Tier.AGENTS, 2, 3600)

    def test_since_when_survives_an_operator_that_restarts(self):
        """A new process sees every cordon for the first time."""
        world = self.a_draining_world()
        since = world.fleet.status.draining[0].since
        uid = f"uid-{world.fleet.status.draining[0].pod}"
        world.wait(600)
        world.truths[uid].cordoned_since = world.now

        assert report(world).draining[0].since == since

    def test_a_silent_one_shows_neither_calls_nor_end(self):
        """It counts as busy, for how long nobody knows."""
        world = self.a_draining_world()
        world.truths[f"uid-{world.fleet.status.draining[0].pod}"].is_silent = True
        world.wait(60)

        (entry,) = report(world).draining

        assert (entry.sessions, entry.eta_seconds) == (None, None)

    def test_a_long_list_is_cut(self):
        """The status has to stay small."""
        assert len(report(self.a_draining_world(14)).draining) == DRAINING_MAX

    def test_a_surplus_server_is_shown_with_its_rooms(self):
        """It cannot be told to take no new ones yet, so it may last."""
        world = a_world()
        for pod in world.pods.values():
            if pod.tier is Tier.MEDIA:
                world.call(pod.uid, 3)
        world.edit(lambda fleet: with_media(fleet, min_replicas=1, max_replicas=1))

        (entry,) = report(world).draining

        assert (entry.tier, entry.sessions) == (Tier.MEDIA, 3)


class TestDecisions:
    """What was decided, newest first."""

    def a_decision(self, number: int) -> Decision:
        """Return one of many decisions."""
        return Decision(Tier.AGENTS, number, number + 1, Reason.FLOOR_RAISED, f"number {number}")

    def test_the_newest_comes_first_and_older_ones_stay(self):
        """`kubectl describe` shows what led here."""
        world = a_world()
        first = report(world, Outcome(decisions=(self.a_decision(1),)))
        world.fleet = replace(world.fleet, status=first)
        world.wait(5)

        second = report(world, Outcome(decisions=(self.a_decision(2),)))

        assert [entry.message for entry in second.decisions[:2]] == ["number 2", "number 1"]

    def test_a_decision_whose_writes_were_repeated_is_one_decision(self):
        """A conflict in between is nobody's news."""
        world = a_world()
        outcome = Outcome(decisions=(self.a_decision(1),))
        world.fleet = replace(world.fleet, status=report(world, outcome))
        world.wait(5)

        assert report(world, outcome).decisions == world.fleet.status.decisions

    def test_old_decisions_make_room(self):
        """The status has to stay small; Events and logs have the rest."""
        made = tuple(self.a_decision(number) for number in range(30))

        decisions = report(a_world(), Outcome(decisions=made)).decisions

        assert (len(decisions), decisions[0].message) == (DECISIONS_MAX, "number 29")


def test_the_blocks_of_the_tiers_carry_their_counts():
    """Tools read these; people read the columns."""
    status = report(a_world(a_full_fleet()))

    assert (status.agents.replicas, status.agents.desired_replicas, status.agents.slots) == (
        3, 3, 24,
    )  # fmt: skip
    assert status.agents.selector == ("voicefleet.dev/fleet=interviews,voicefleet.dev/tier=agents")
    assert [(pool.name, pool.ready_replicas) for pool in status.speech] == [("stt", 1), ("tts", 1)]
    assert status.media.public_url == "wss://media.example.com"
    assert status.evaluation is not None


def test_revisions_are_counted_apart():
    """During a rollout the question is how far it is."""
    world = a_world()
    world.call(world.workers()[0].uid, 1)
    world.edit(lambda fleet: with_agents(fleet, image="registry.example.com/interviewer:2"))
    world.run(rounds=60)

    newest, old = report(world).agents.revisions

    assert (newest.replicas, newest.cordoned_replicas, newest.sessions) == (2, 0, 0)
    assert (old.replicas, old.cordoned_replicas, old.sessions) == (1, 1, 1)


def test_sessions_of_all_workers_are_unset_while_a_ready_one_is_silent():
    """A sum with a hole is no sum."""
    world = a_world()
    world.truths[world.workers()[0].uid].is_silent = True
    world.wait(timedelta(seconds=11) / SECOND)

    assert report(world).agents.sessions is None


def test_a_status_can_be_written_as_it_is():
    """What the API refuses would never be seen by anybody."""
    status = report(a_world(a_full_fleet()))

    assert VoiceFleetStatus.model_validate_json(status.model_dump_json(by_alias=True)) == status
