"""Deleting a fleet ends no call, and leaves nothing behind."""

import pytest

from support.api import Api, eventually
from support.manifests import a_fleet_manifest, is_settled, with_evaluation, with_speech

pytestmark = pytest.mark.cluster


def _apply(api: Api, namespace: str, **spec: object) -> None:
    manifest = with_evaluation(with_speech(a_fleet_manifest(namespace)))
    manifest["spec"].update(spec)
    api.create(manifest)
    eventually(
        "Ready", lambda: is_settled(api.get("VoiceFleet", namespace, "interviews")), seconds=40
    )


def _is_gone(api: Api, namespace: str) -> bool:
    return api.find("VoiceFleet", namespace, "interviews") is None


def _workers(api: Api, namespace: str) -> list[str]:
    pods = api.list("Pod", namespace, "voicefleet.dev/tier=agents")
    return sorted(pod["metadata"]["name"] for pod in pods)


def _nothing_left(api: Api, namespace: str) -> bool:
    return not api.children(namespace) and not api.list("Pod", namespace, "voicefleet.dev/fleet")


def test_a_deleted_idle_fleet_leaves_nothing(api: Api, operator, namespace: str):
    """What stays behind costs money and collides with the next fleet of that name."""
    _apply(api, namespace)

    api.delete("VoiceFleet", namespace, "interviews")

    eventually("the fleet is gone", lambda: _is_gone(api, namespace), seconds=60)
    assert eventually("nothing is left", lambda: _nothing_left(api, namespace), seconds=30)


def test_a_deleted_fleet_waits_for_its_calls(api: Api, operator, world, namespace: str):
    """The whole promise: `kubectl delete` during an interview lets the interview end."""
    _apply(api, namespace)
    busy, idle = _workers(api, namespace)
    world.set_sessions(namespace, busy, 1)
    eventually("the operator knows of the call", lambda: _marked_busy(api, namespace, busy))

    api.delete("VoiceFleet", namespace, "interviews")

    eventually("the idle worker left", lambda: idle not in _workers(api, namespace), seconds=40)
    assert busy in _workers(api, namespace)
    assert not _is_gone(api, namespace)
    world.set_sessions(namespace, busy, 0)
    eventually("the fleet is gone", lambda: _is_gone(api, namespace), seconds=40)


def test_deletion_policy_now_does_not_wait(api: Api, operator, world, namespace: str):
    """Somebody who writes Now means it, and gets the workers' own grace on top."""
    _apply(api, namespace, deletionPolicy="Now")
    world.set_sessions(namespace, _workers(api, namespace)[0], 1)

    api.delete("VoiceFleet", namespace, "interviews")

    assert eventually("the fleet is gone", lambda: _is_gone(api, namespace), seconds=15)


def test_deleting_the_namespace_is_not_held_up(api: Api, operator, world, namespace: str):
    """A namespace stuck in Terminating is the best-known sin of operators."""
    _apply(api, namespace)
    world.set_sessions(namespace, _workers(api, namespace)[0], 1)

    api.delete("Namespace", "", namespace)

    assert eventually(
        "the namespace is gone", lambda: api.find("Namespace", "", namespace) is None, seconds=60
    )


def test_a_paused_fleet_can_be_deleted(api: Api, operator, namespace: str):
    """Paused protects children from the operator, not the fleet from its author."""
    _apply(api, namespace)
    api.patch("VoiceFleet", namespace, "interviews", {"spec": {"paused": True}})

    api.delete("VoiceFleet", namespace, "interviews")

    assert eventually("the fleet is gone", lambda: _is_gone(api, namespace), seconds=60)


def _marked_busy(api: Api, namespace: str, pod: str) -> bool:
    labels = api.get("Pod", namespace, pod)["metadata"]["labels"]
    return labels.get("voicefleet.dev/busy") == "true"
