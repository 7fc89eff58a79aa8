"""What one fleet needs, from its first cycle to its last."""

from dataclasses import replace
from datetime import timedelta

import pytest

from support.builders import NOW, SECOND, with_agents, with_media
from support.fleets import FULL_SPEC, MINIMAL_SPEC, a_fleet, a_full_fleet, a_minimal_fleet
from support.world_model import World
from voicefleet.api.labels import REVISION
from voicefleet.api.reasons import Reason
from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Observed, Tier
from voicefleet.model.plan import (
    ApplyChild,
    CreateChild,
    CreateSecret,
    DeleteChild,
    HoldFleet,
    Plan,
    ReleaseFleet,
    ScaleChild,
    Step,
)
from voicefleet.planning import plan_fleet


def a_world(fleet: Fleet | None = None) -> World:
    """Return a fleet that has come to rest."""
    world = World(fleet or a_minimal_fleet())
    world.run()
    return world


def kinds(plan: Plan, step: type[Step]) -> list[str]:
    """Return the objects that steps of a kind are about."""
    found = (each for each in plan.steps if isinstance(each, step))
    return [str(getattr(each, "key", None) or _named(each)) for each in found]


def _named(step: Step) -> str:
    assert isinstance(step, CreateChild | ApplyChild)
    return f"{step.manifest['kind']}/{step.manifest['metadata']['name']}"


def test_a_new_fleet_is_held_before_its_first_child_exists():
    """A deletion a second later already has to drain."""
    fleet = a_minimal_fleet(has_finalizer=False)

    plan = plan_fleet(fleet, Observed(secrets_due=True), NOW)

    assert isinstance(plan.steps[0], HoldFleet)
    assert all(isinstance(step, CreateSecret) for step in plan.steps[1:4])


def test_pods_are_created_after_everything_they_mount():
    """A pod without its file or key waits for the kubelet's next try."""
    created = kinds(plan_fleet(a_full_fleet(), Observed(), NOW), CreateChild)
    workloads = [name for name in created if name.startswith(("ReplicaSet", "Deployment"))]

    assert created[-len(workloads) :] == workloads
    assert [name.split("-")[1] for name in workloads] == [
        "media", "media", "speech", "speech", "agents", "evaluation",
    ]  # fmt: skip


def test_a_workload_is_created_with_its_count():
    """A controller created without one starts a single pod."""
    plan = plan_fleet(with_agents(a_minimal_fleet(), min_replicas=5), Observed(), NOW)

    (agents,) = (
        step.manifest
        for step in plan.steps
        if isinstance(step, CreateChild) and "-agents-" in step.manifest["metadata"]["name"]
        and step.manifest["kind"] == "ReplicaSet"
    )  # fmt: skip

    assert agents["spec"]["replicas"] == 5


def test_secrets_are_created_only_when_they_are_due():
    """They cannot be observed, so a plan would otherwise never be empty."""
    assert kinds(plan_fleet(a_minimal_fleet(), Observed(), NOW), CreateSecret) == []


def test_a_fleet_at_rest_needs_nothing():
    """No writes when idle."""
    assert a_world(a_full_fleet()).cycle().steps == ()


def test_a_paused_fleet_is_left_alone():
    """Somebody else has their hands in it."""
    world = a_world()
    world.edit(lambda fleet: with_agents(fleet, floor_replicas=6))
    world.edit(lambda fleet: replace(fleet, spec=a_fleet({**MINIMAL_SPEC, "paused": True}).spec))

    assert world.cycle().steps == ()


def test_a_raised_floor_adds_workers_and_says_why():
    """`kubectl scale` has to show an effect and a reason."""
    world = a_world()
    world.edit(lambda fleet: with_agents(fleet, floor_replicas=6))

    plan = world.cycle()

    assert [step.replicas_to for step in plan.steps if isinstance(step, ScaleChild)] == [6]
    assert plan.decisions[0].reason is Reason.FLOOR_RAISED


def test_a_lowered_maximum_ends_no_call():
    """The surplus drains, however long its calls last."""
    world = a_world(with_agents(a_minimal_fleet(), min_replicas=4))
    for pod in world.workers():
        world.call(pod.uid, 2)
    world.edit(lambda fleet: with_agents(fleet, min_replicas=1, max_replicas=1))

    world.run()

    assert (len(world.workers()), len(world.serving()), world.cut) == (4, 1, [])


def test_a_rollout_replaces_every_worker_without_ending_a_call():
    """New image, live calls: the everyday case."""
    world = a_world(with_agents(a_minimal_fleet(), min_replicas=4))
    busy = world.workers()[0]
    world.call(busy.uid, 1)
    world.edit(lambda fleet: with_agents(fleet, image="registry.example.com/interviewer:2"))

    world.run(rounds=80)

    assert len(world.serving()) == 4
    assert [pod.name for pod in world.workers() if pod.revision == busy.revision] == [busy.name]
    assert world.cut == []


def test_an_old_revision_vanishes_with_its_last_call():
    """Nothing of a finished rollout stays behind."""
    world = a_world()
    busy = world.workers()[0]
    world.call(busy.uid, 1)
    world.edit(lambda fleet: with_agents(fleet, image="registry.example.com/interviewer:2"))
    world.run(rounds=80)

    world.call(busy.uid, 0)
    world.run(rounds=80)

    assert len(world.replicasets(Tier.AGENTS)) == 1


def test_a_deleted_old_revision_is_not_made_again():
    """What it was made from is gone; today's template is another revision."""
    world = a_world()
    (old,) = world.replicasets(Tier.AGENTS)
    world.call(world.workers()[0].uid, 1)
    world.edit(lambda fleet: with_agents(fleet, image="registry.example.com/interviewer:2"))
    world.run(rounds=80)
    del world.children[old.key]

    world.run(rounds=80)

    assert old.key not in world.children


def test_a_new_media_configuration_keeps_the_old_file_while_it_is_used():
    """An old server that restarts must find what it was started with."""
    world = a_world()
    server = next(pod for pod in world.pods.values() if pod.tier is Tier.MEDIA)
    world.call(server.uid, 1)
    world.edit(_with_udp_port(7999))
    world.run(rounds=80)

    used = {child.labels[REVISION] for child in world.replicasets(Tier.MEDIA)}

    assert len(used) == 2
    assert _config_revisions(world) == used


def test_a_media_configuration_without_servers_is_deleted():
    """Old files would otherwise pile up with every change."""
    world = a_world()
    world.edit(_with_udp_port(7999))
    world.run(rounds=80)

    assert len(_config_revisions(world)) == 1
    assert world.fleet.status.media.last_server == 4


def test_a_removed_pool_and_removed_evaluators_leave_nothing():
    """A field taken out of the manifest shows in the cluster."""
    world = a_world(a_full_fleet())
    spec = {**FULL_SPEC, "speech": FULL_SPEC["speech"][:1]}
    del spec["evaluation"]
    world.edit(lambda fleet: replace(fleet, spec=a_fleet(spec).spec))

    deleted = kinds(world.cycle(), DeleteChild)

    assert deleted == [
        "Deployment/interviews-evaluation",
        "Deployment/interviews-speech-tts",
        "NetworkPolicy/interviews-evaluation",
        "Service/interviews-speech-tts",
    ]


@pytest.mark.parametrize("kind", ["Service", "ConfigMap", "Deployment", "NetworkPolicy"])
def test_a_deleted_child_comes_back(kind: str):
    """Whoever deletes a child by mistake has to see it return, and an Event that says so."""
    world = a_world(a_full_fleet())
    key = next(key for key in world.children if key.kind == kind)
    del world.children[key]

    plan = world.cycle()

    assert kinds(plan, CreateChild) == [str(key)]
    assert Reason.CHILD_RESTORED in {decision.reason for decision in plan.decisions}


def test_an_edited_template_of_the_newest_revision_is_set_back_without_its_count():
    """`replicas` in a template write would fight with the scaler."""
    world = a_world()
    (child,) = world.replicasets(Tier.AGENTS)
    world.tamper(child.key, _with_image("somebody/elses:1"))

    (step,) = world.cycle().steps

    assert isinstance(step, ApplyChild)
    assert "replicas" not in step.manifest["spec"]


def test_the_count_is_taken_over_before_a_template_is_written():
    """In the other order the count falls to one, and two workers die with their calls."""
    world = a_world(with_agents(a_minimal_fleet(), min_replicas=3))
    (child,) = world.replicasets(Tier.AGENTS)
    world.tamper(child.key, _with_image("somebody/elses:1"))
    world.children[child.key] = replace(world.children[child.key], scaler_owns_replicas=False)

    plan = world.cycle()

    assert [type(step) for step in plan.steps] == [ScaleChild, ApplyChild]


def test_a_new_revision_waits_while_a_count_is_taken_over():
    """How much room the old revision leaves is not decided yet."""
    world = a_world()
    (child,) = world.replicasets(Tier.AGENTS)
    world.children[child.key] = replace(child, scaler_owns_replicas=False)
    world.edit(lambda fleet: with_agents(fleet, image="registry.example.com/interviewer:2"))

    plan = world.cycle()

    assert kinds(plan, CreateChild) == []
    assert kinds(plan, ScaleChild) == [str(child.key)]


def test_a_speech_pool_scaled_by_hand_is_set_back():
    """The fleet is the place to change a size."""
    world = a_world(a_full_fleet())
    key = ObjectKey("Deployment", "voice", "interviews-speech-tts")
    world.tamper(key, lambda manifest: _with_spec(manifest, replicas=5))
    world.children[key] = replace(world.children[key], scaler_owns_replicas=False)

    plan = world.cycle()

    assert [step.replicas_to for step in plan.steps if isinstance(step, ScaleChild)] == [1]
    assert plan.decisions[0].reason is Reason.REPLICAS_DRIFTED


class TestDeletion:
    """`kubectl delete` drains first."""

    def test_an_idle_fleet_is_drained_and_released(self):
        """Idle workers settle first: one may be getting a call at this moment."""
        world = a_world()
        world.delete_fleet()

        first = world.cycle()
        world.wait(6)
        last = world.cycle()

        assert not any(isinstance(step, ReleaseFleet) for step in first.steps)
        assert isinstance(last.steps[0], ReleaseFleet)

    def test_a_call_is_waited_for_and_what_carries_it_stays(self):
        """Media, speech and Redis are part of every call."""
        world = a_world(a_full_fleet())
        world.call(world.workers()[0].uid, 1)
        world.delete_fleet()

        for _ in range(20):
            world.cycle()
            world.move()
            world.wait(5)

        assert (len(world.workers()), world.is_released, world.cut) == (1, False, [])
        assert len(world.replicasets(Tier.MEDIA)) == 2

    def test_evaluators_stop_at_once(self):
        """They carry no call and cost money."""
        fleet = a_fleet({**FULL_SPEC, "evaluation": {"image": "e:1", "minReplicas": 2}})
        world = a_world(fleet)
        world.delete_fleet()

        scaled = {
            step.key.name: step.replicas_to
            for step in world.cycle().steps
            if isinstance(step, ScaleChild)
        }

        assert scaled == {"interviews-evaluation": 0}

    def test_deletion_overrides_a_pause(self):
        """A paused fleet must not be undeletable."""
        world = a_world()
        world.fleet = replace(world.fleet, spec=a_fleet({**MINIMAL_SPEC, "paused": True}).spec)
        world.delete_fleet()

        assert world.cycle().steps

    def test_a_fleet_that_was_never_held_is_left_to_the_collector(self):
        """Without our finalizer the object is already gone for everybody else."""
        world = a_world()
        world.delete_fleet()
        world.fleet = replace(world.fleet, has_finalizer=False)

        assert world.cycle().steps == ()

    def test_the_deadline_wakes_the_fleet_by_itself(self):
        """A silent worker changes nothing that would wake it."""
        world = a_world()
        world.call(world.workers()[0].uid, 1)
        world.delete_fleet()
        world.run_rounds(6)

        plan = world.cycle()

        assert plan.wake_after is not None
        assert timedelta(0) < plan.wake_after <= timedelta(seconds=3960)


def test_a_worker_without_a_word_is_never_touched_however_long_it_takes():
    """Unknown holds: nobody is removed for being silent."""
    world = a_world(with_agents(a_minimal_fleet(), min_replicas=3))
    for pod in world.workers():
        world.truths[pod.uid].is_silent = True
        world.truths[pod.uid].sessions = 1
    world.edit(lambda fleet: with_agents(fleet, min_replicas=0, max_replicas=1))

    world.run_rounds(30, seconds=30)

    assert (len(world.workers()), world.cut) == (3, [])


def test_the_plan_wakes_itself_for_the_end_of_a_settle_time():
    """Five seconds after a cordon nothing in the cluster moves."""
    world = a_world(with_agents(a_minimal_fleet(), min_replicas=2))
    world.edit(lambda fleet: with_agents(fleet, min_replicas=0, max_replicas=1))
    world.cycle()

    plan = world.cycle()

    assert plan.wake_after == 5 * SECOND


def test_a_thousand_workers_are_planned_in_an_instant():
    """A cycle must stay short for the largest fleet the API admits."""
    world = a_world(with_agents(a_minimal_fleet(), min_replicas=1000, max_replicas=1000))
    world.edit(lambda fleet: with_agents(fleet, min_replicas=400, max_replicas=400))

    plan = world.cycle()

    assert len(plan.steps) == 1200


def _with_udp_port(port: int):
    def change(fleet: Fleet) -> Fleet:
        network = fleet.spec.media.network.model_copy(update={"udp_port": port})
        return with_media(fleet, network=network)

    return change


def _config_revisions(world: World) -> set[str]:
    return {
        child.labels[REVISION]
        for key, child in world.children.items()
        if key.kind == "ConfigMap" and "-media-config-" in key.name
    }


def _with_spec(manifest: Manifest, **fields: object) -> Manifest:
    return {**manifest, "spec": {**manifest["spec"], **fields}}


def _with_image(image: str):
    def change(manifest: Manifest) -> Manifest:
        template = manifest["spec"]["template"]
        container = {**template["spec"]["containers"][0], "image": image}
        spec = {**template["spec"], "containers": [container]}
        return _with_spec(manifest, template={**template, "spec": spec})

    return change
