"""A new operator takes over what an earlier one made: it replaces nothing of itself."""

from dataclasses import replace

import pytest

from support.builders import with_agents, with_media
from support.earlier import UpgradedWorld, is_made_earlier
from support.fleets import a_full_fleet, a_minimal_fleet, with_spec
from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Child, Tier
from voicefleet.model.plan import ApplyChild, CreateChild, Plan
from voicefleet.settings import Platform, PlatformImages

FLEETS = {"minimal": a_minimal_fleet(), "full": a_full_fleet()}
WORKLOADS = ("ReplicaSet", "Deployment")
NEW_IMAGE = "registry.example.com/interviewer:2.0"


def an_upgraded_world(fleet: Fleet | None = None) -> UpgradedWorld:
    """Return a fleet that an earlier operator made, at rest under today's."""
    world = UpgradedWorld(fleet or a_full_fleet())
    world.cycle()
    world.is_upgraded = True
    world.run()
    return world


def workloads(world: UpgradedWorld) -> dict[str, Child]:
    """Return every workload by kind and name."""
    return {str(key): child for key, child in world.children.items() if key.kind in WORKLOADS}


def made_anew(world: UpgradedWorld) -> list[str]:
    """Return the names of the workloads that carry today's rendering."""
    found = workloads(world).values()
    return sorted(child.key.name for child in found if not is_made_earlier(child.manifest))


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=FLEETS)
def test_no_pod_is_replaced_by_the_upgrade_itself(fleet: Fleet):
    """One upgrade would otherwise move every call of every fleet at the same minute."""
    world = UpgradedWorld(fleet)
    world.cycle()
    world.is_upgraded = True
    world.move()
    before = set(world.pods)

    world.run()

    assert set(world.pods) == before
    assert made_anew(world) == []


def test_an_upgrade_writes_to_no_workload():
    """What is as its author wants it needs no write; a Deployment would act on one."""
    world = UpgradedWorld(a_full_fleet())
    world.cycle()
    world.is_upgraded = True

    plan = world.cycle()

    assert applied(plan) == []


def applied(plan: Plan) -> list[str]:
    """Return the names of the workloads that a plan applies."""
    steps = [step.manifest for step in plan.steps if isinstance(step, ApplyChild)]
    return [each["metadata"]["name"] for each in steps if each["kind"] in WORKLOADS]


@pytest.mark.parametrize(
    ("path", "value", "tier"),
    [
        ("agents.image", NEW_IMAGE, Tier.AGENTS),
        ("media.network.udpPort", 7999, Tier.MEDIA),
        ("evaluation.spot", "Never", Tier.EVALUATION),
    ],
)
def test_an_authors_change_takes_up_todays_rendering_for_its_tier(
    path: str, value: object, tier: Tier
):
    """There the pods are replaced anyway; nobody else's are."""
    world = an_upgraded_world()

    world.edit(lambda fleet: with_spec(fleet, path, value))
    world.run(rounds=80)

    tiers = {
        child.labels["voicefleet.dev/tier"]: is_made_earlier(child.manifest)
        for child in workloads(world).values()
    }
    assert tiers == {each: each != tier for each in tiers}
    assert world.cut == []


def test_a_change_of_counts_keeps_the_workers_as_they_were_made():
    """A busy morning must not become a rollout because of last night's upgrade."""
    world = an_upgraded_world(a_minimal_fleet())

    world.edit(lambda fleet: with_agents(fleet, min_replicas=4))
    world.run()

    (workers,) = world.replicasets(Tier.AGENTS)
    assert workers.replicas == 4
    assert is_made_earlier(workers.manifest)


def test_a_media_server_beside_older_ones_is_made_today():
    """Its pod is new in any case, and the others go on as they are."""
    world = an_upgraded_world(a_minimal_fleet())
    before = {child.key for child in world.replicasets(Tier.MEDIA)}

    world.edit(lambda fleet: with_media(fleet, min_replicas=3))
    world.run()

    ages = {child.key in before: is_made_earlier(child.manifest) for child in media(world)}
    assert before < {child.key for child in media(world)}
    assert ages == {True: True, False: False}


def media(world: UpgradedWorld) -> list[Child]:
    """Return the ReplicaSets of the media servers."""
    return world.replicasets(Tier.MEDIA)


def test_another_image_of_the_platform_waits_for_the_author_too():
    """The chart's values belong to the upgrade: one line there restarts no Redis by itself."""
    world = an_upgraded_world(a_minimal_fleet())
    before = set(world.pods)
    images = PlatformImages(livekit_server="livekit/livekit-server:v1.99.0", redis="redis:8")

    world.edit(lambda fleet: replace(fleet, platform=Platform(images=images)))
    world.run()

    assert set(world.pods) == before


def test_the_authors_word_renews_everything_and_cuts_nothing():
    """A security fix of an image cannot wait for the next feature."""
    world = an_upgraded_world()

    world.edit(lambda fleet: replace(fleet, refresh="2026-11-21"))
    world.run(rounds=80)

    assert made_anew(world) == sorted(child.key.name for child in workloads(world).values())
    assert world.cut == []


def test_a_refresh_says_that_a_new_revision_starts():
    """Nobody has deleted anything, and an SRE would look for who did."""
    world = an_upgraded_world(a_minimal_fleet())

    world.edit(lambda fleet: replace(fleet, refresh="2026-11-21", generation=fleet.generation - 1))
    plan = world.cycle()

    created = [step.because for step in plan.steps if isinstance(step, CreateChild)]
    assert created
    assert [told for told in created if "deleted" in told] == []


def test_a_refresh_without_a_new_rendering_replaces_nothing():
    """The word asks for today's rendering, not for a restart."""
    world = UpgradedWorld(a_full_fleet(), is_upgraded=True)
    world.run()
    before = set(world.pods)

    world.edit(lambda fleet: replace(fleet, refresh="2026-11-21"))
    world.run()

    assert set(world.pods) == before


@pytest.mark.parametrize("tier", [Tier.AGENTS, Tier.MEDIA, Tier.SPEECH, Tier.REDIS])
def test_a_template_changed_by_hand_is_restored_as_it_was_made(tier: Tier):
    """Drift repair must be no back door through which an upgrade replaces pods."""
    world = an_upgraded_world(a_full_fleet() if tier is Tier.SPEECH else a_minimal_fleet())
    child = next(
        child for child in workloads(world).values() if child.labels["voicefleet.dev/tier"] == tier
    )
    made = child.manifest["spec"]["template"]

    world.tamper(child.key, with_other_image)
    world.run()

    assert world.children[child.key].manifest["spec"]["template"] == made


def with_other_image(manifest: Manifest) -> Manifest:
    """Return a workload after `kubectl set image`."""
    template = manifest["spec"]["template"]
    (container,) = template["spec"]["containers"]
    pods = {**template["spec"], "containers": [{**container, "image": "evil.example.com/x"}]}
    return {
        **manifest,
        "spec": {**manifest["spec"], "template": {**template, "spec": pods}},
    }


def test_a_file_of_older_servers_comes_back_as_it_was():
    """A server that is restarted must find the file it was made with."""
    world = an_upgraded_world(a_minimal_fleet())
    revision = media(world)[0].labels["voicefleet.dev/revision"]
    key = next(
        key for key in world.children if key.kind == "ConfigMap" and key.name.endswith(revision)
    )
    data = world.children[key].manifest["data"]

    del world.children[key]
    world.run()

    assert world.children[key].manifest["data"] == data


def test_without_its_record_a_workload_is_made_anew():
    """Nobody can say any more what the author had written, so what he writes now counts."""
    world = an_upgraded_world(a_minimal_fleet())
    (workers,) = world.replicasets(Tier.AGENTS)
    redis = next(child for child in workloads(world).values() if child.key.name.endswith("-redis"))

    for child in (workers, redis):
        world.tamper(child.key, without_annotations)
    world.run(rounds=80)

    assert workers.key not in world.children
    assert not is_made_earlier(world.children[redis.key].manifest)
    assert world.cut == []


def without_annotations(manifest: Manifest) -> Manifest:
    """Return a workload whose annotations somebody took away."""
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": {}}}
