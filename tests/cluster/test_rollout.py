"""A new template never ends a call on the old one."""

import pytest

from support.api import Api, Manifest, eventually
from support.manifests import NEXT_IMAGE, a_fleet_manifest, is_settled

pytestmark = pytest.mark.cluster


def _pods(api: Api, namespace: str) -> dict[str, Manifest]:
    pods = api.list("Pod", namespace, "voicefleet.dev/tier=agents")
    return {
        pod["metadata"]["name"]: pod for pod in pods if "deletionTimestamp" not in pod["metadata"]
    }


def _image(pod: Manifest) -> str:
    return str(pod["spec"]["containers"][0]["image"])


def _settled(api: Api, namespace: str) -> bool:
    return is_settled(api.get("VoiceFleet", namespace, "interviews"))


def _apply(api: Api, namespace: str, **agents: object) -> dict[str, Manifest]:
    api.create(a_fleet_manifest(namespace, **agents))
    eventually("Ready", lambda: _settled(api, namespace), seconds=40)
    return _pods(api, namespace)


def _change_image(api: Api, namespace: str, image: str) -> None:
    api.patch("VoiceFleet", namespace, "interviews", {"spec": {"agents": {"image": image}}})


def test_a_new_image_replaces_idle_workers(api: Api, operator, world, namespace: str):
    """The common case: nobody is calling, and the new image is everywhere soon."""
    before = _apply(api, namespace)

    _change_image(api, namespace, NEXT_IMAGE)

    eventually(
        "only new workers",
        lambda: (
            {_image(pod) for pod in _pods(api, namespace).values()} == {NEXT_IMAGE}
            and len(_pods(api, namespace)) == len(before)
        ),
        seconds=60,
    )
    assert eventually("Ready", lambda: _settled(api, namespace), seconds=30)


def test_a_new_image_never_touches_a_busy_worker(api: Api, operator, world, namespace: str):
    """One template edit on a Deployment ends a call within two seconds; here none ends."""
    before = _apply(api, namespace, minReplicas=3)
    busy = min(before)
    world.set_sessions(namespace, busy, 2)
    eventually("known as busy", lambda: _is_busy(api, namespace, busy))

    _change_image(api, namespace, NEXT_IMAGE)

    eventually(
        "all idle ones replaced",
        lambda: (
            sum(_image(pod) == NEXT_IMAGE for pod in _pods(api, namespace).values()) == 3
            and len(_pods(api, namespace)) == 4
        ),
        seconds=60,
    )
    assert busy in _pods(api, namespace)
    assert world.is_cordoned(namespace, busy)
    world.set_sessions(namespace, busy, 0)
    eventually("the last old one left", lambda: busy not in _pods(api, namespace), seconds=40)


def test_a_worker_that_does_not_answer_counts_as_busy(api: Api, operator, world, namespace: str):
    """No report is not a report of zero: there may be a caller behind a broken endpoint."""
    silent = min(_apply(api, namespace))
    world.set_unreachable(namespace, silent)

    _change_image(api, namespace, NEXT_IMAGE)

    eventually(
        "the new revision stands",
        lambda: sum(_image(pod) == NEXT_IMAGE for pod in _pods(api, namespace).values()) == 2,
        seconds=60,
    )
    assert silent in _pods(api, namespace)


def test_an_image_that_never_starts_leaves_the_fleet_serving(
    api: Api, operator, world, namespace: str
):
    """One bad tag must not empty a fleet; the old workers stay and stay open."""
    before = _apply(api, namespace, minReplicas=4)

    api.patch(
        "VoiceFleet",
        namespace,
        "interviews",
        {"spec": {"agents": {"image": NEXT_IMAGE, "nodeSelector": {"no-such": "node"}}}},
    )

    fleet = eventually("it says why", lambda: _incapable(api, namespace), seconds=40)
    assert set(before) <= set(_pods(api, namespace))
    assert not any(world.is_cordoned(namespace, name) for name in before)
    assert "Unschedulable" in str(fleet["status"]["conditions"])


def test_a_changed_media_port_brings_a_new_server_before_the_old_one_goes(
    api: Api, operator, world, namespace: str
):
    """Calls live on servers: one more runs until the old one's own count reads zero."""
    _apply(api, namespace)
    world.set_rooms(namespace, "interviews-media-1", 1)

    change = {"spec": {"media": {"network": {"tcpPort": 7891}}}}
    api.patch("VoiceFleet", namespace, "interviews", change)

    eventually("a second server is up", lambda: len(_servers(api, namespace)) == 2, seconds=40)
    assert "interviews-media-1" in _servers(api, namespace)
    world.set_rooms(namespace, "interviews-media-1", 0)
    eventually(
        "only the new one", lambda: _servers(api, namespace) == ["interviews-media-2"], seconds=60
    )


def _servers(api: Api, namespace: str) -> list[str]:
    return sorted(
        item["metadata"]["name"]
        for item in api.list("ReplicaSet", namespace, "voicefleet.dev/tier=media")
    )


def _is_busy(api: Api, namespace: str, pod: str) -> bool:
    labels = api.get("Pod", namespace, pod)["metadata"]["labels"]
    return labels.get("voicefleet.dev/busy") == "true"


def _incapable(api: Api, namespace: str) -> Manifest | None:
    fleet = api.get("VoiceFleet", namespace, "interviews")
    found = [
        item
        for item in fleet["status"]["conditions"]
        if item["type"] == "CapacityAvailable" and item["status"] == "False"
    ]
    return fleet if found else None
