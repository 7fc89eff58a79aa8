"""A revision changes exactly when a new pod would differ from an old one."""

from dataclasses import replace

import pytest

from support.fleets import a_full_fleet, with_spec
from voicefleet.model.fleet import Fleet
from voicefleet.render.agents_replicaset import agents_revision
from voicefleet.render.media_replicaset import media_revision, render_media_replicaset
from voicefleet.render.speech_deployment import speech_revision
from voicefleet.settings import Platform, PlatformImages

OTHER_IMAGE = "registry.example.com/interviewer:2.0"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("agents.image", OTHER_IMAGE),
        ("agents.sessionsPerWorker", 5),
        ("agents.maxSessionSeconds", 600),
        ("agents.agentName", "other"),
        ("agents.resources.limits.memory", "8Gi"),
        ("agents.envFromSecretRefs", []),
        ("agents.nodeSelector", {}),
    ],
)
def test_what_a_worker_is_made_of_makes_a_new_revision(path: str, value: object):
    """Without it a change would never reach the workers that already run."""
    fleet = a_full_fleet()

    changed = with_spec(fleet, path, value)

    assert agents_revision(changed) != agents_revision(fleet)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("agents.minReplicas", 9),
        ("agents.maxReplicas", 99),
        ("agents.floorReplicas", 4),
        ("paused", True),
        ("deletionPolicy", "Now"),
        ("media.connectionsPerServer", 50),
        ("media.minReplicas", 3),
        ("media.network.signalPort", 7990),
        ("evaluation.spot", "Never"),
    ],
)
def test_what_a_worker_does_not_see_makes_no_new_revision(path: str, value: object):
    """Each new revision makes every call of the fleet move house."""
    fleet = a_full_fleet()

    changed = with_spec(fleet, path, value)

    assert agents_revision(changed) == agents_revision(fleet)


def with_media_image(fleet: Fleet) -> Fleet:
    """Return the fleet on a platform with another LiveKit image."""
    images = PlatformImages(livekit_server="livekit/livekit-server:v1.99.0")
    return replace(fleet, platform=Platform(images=images))


def test_media_servers_follow_their_file_their_image_and_the_longest_call():
    """A running server reads its file once, at start."""
    fleet = a_full_fleet()

    changed = {
        media_revision(with_spec(fleet, "media.network.udpPort", 7999)),
        media_revision(with_spec(fleet, "agents.maxSessionSeconds", 600)),
        media_revision(with_media_image(fleet)),
    }

    assert len(changed | {media_revision(fleet)}) == 4


def test_media_servers_do_not_follow_their_count_or_the_workers():
    """Replacing a server waits for its last call, so it is never done for nothing."""
    fleet = a_full_fleet()

    same = {
        media_revision(with_spec(fleet, "agents.image", OTHER_IMAGE)),
        media_revision(with_spec(fleet, "media.maxReplicas", 20)),
    }

    assert same == {media_revision(fleet)}


def test_all_servers_of_a_revision_carry_its_word():
    """The number of a server is not part of what it is made of."""
    fleet = a_full_fleet()

    labels = [render_media_replicaset(fleet, server)["metadata"]["labels"] for server in (1, 2)]

    assert {each["voicefleet.dev/revision"] for each in labels} == {media_revision(fleet)}


def test_one_pools_change_leaves_the_other_pool_alone():
    """A new text-to-speech image must not reload the model that hears."""
    fleet = a_full_fleet()
    pools = [pool.to_manifest() for pool in fleet.spec.speech]
    pools[1]["image"] = "registry.example.com/kokoro:1.5"

    changed = with_spec(fleet, "speech", pools)

    before = [speech_revision(fleet, pool) for pool in fleet.spec.speech]
    after = [speech_revision(changed, pool) for pool in changed.spec.speech]
    assert before[0] == after[0]
    assert before[1] != after[1]
