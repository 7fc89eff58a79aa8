"""Manifests are rendered once for a wish, and again as soon as the wish is another."""

from dataclasses import replace

import pytest

from support.fleets import a_full_fleet, a_minimal_fleet
from voicefleet.api.status import VoiceFleetStatus
from voicefleet.render.agents_replicaset import render_agents_replicaset
from voicefleet.render.media_replicaset import render_media_replicaset
from voicefleet.render.speech_service import render_speech_service
from voicefleet.settings import Platform, PlatformImages


def test_a_new_status_renders_nothing_anew():
    """Status changes in every busy cycle, and thirty manifests do not depend on it."""
    fleet = a_minimal_fleet()

    later = replace(fleet, status=VoiceFleetStatus(observed_generation=7))

    assert render_agents_replicaset(later) is render_agents_replicaset(fleet)


def test_a_spec_that_was_parsed_again_is_the_same_wish():
    """The operator parses the stored fleet in every cycle; equal words are equal wishes."""
    fleet = a_minimal_fleet()

    parsed_again = replace(fleet, spec=fleet.spec.model_copy(deep=True))

    assert render_agents_replicaset(parsed_again) is render_agents_replicaset(fleet)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"name": "other"}, id="another-fleet"),
        pytest.param({"uid": "another"}, id="another-fleet-of-this-name"),
        pytest.param({"secret_suffix": "89abcdef"}, id="another-install-key"),
        pytest.param({"refresh": "today"}, id="refresh"),
    ],
)
def test_another_wish_is_rendered_anew(change):
    """A manifest kept for too long would be applied to somebody else's objects."""
    fleet = a_minimal_fleet()

    changed = render_agents_replicaset(replace(fleet, **change))

    assert changed != render_agents_replicaset(fleet)


def test_another_platform_image_is_rendered_anew():
    """The platform team's new image has to reach new servers without any change of a fleet."""
    fleet = a_minimal_fleet()
    newer = Platform(images=PlatformImages(livekit_server="livekit/livekit-server:v9"))

    changed = render_media_replicaset(replace(fleet, platform=newer), 1)

    assert changed != render_media_replicaset(fleet, 1)


def test_arguments_tell_manifests_apart():
    """Two servers or two pools of one fleet must never share an object."""
    fleet = a_full_fleet()

    services = [render_speech_service(fleet, pool) for pool in fleet.spec.speech]
    servers = [render_media_replicaset(fleet, number) for number in (1, 2)]

    assert services[0]["metadata"]["name"] != services[1]["metadata"]["name"]
    assert servers[0]["metadata"]["name"] != servers[1]["metadata"]["name"]
