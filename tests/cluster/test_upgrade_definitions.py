"""The CRD is older than the operator, or newer: neither stops a fleet that runs."""

from collections.abc import Callable, Iterator

import pytest

from support.api import Api, Manifest, eventually
from support.definitions import change_definition, definitions, put_back
from support.manifests import NEXT_IMAGE, a_fleet_manifest, condition, is_settled

pytestmark = pytest.mark.cluster

NAME = "voicefleets.voicefleet.dev"
TOMORROW = "fieldOfTomorrow"

Change = Callable[[Manifest, Manifest], None]
"""Changes the properties of spec and status in place."""


@pytest.fixture
def redefine(installed, api: Api) -> Iterator[Callable[[Change], None]]:
    """Return what changes the CRD's schema; the chart's own comes back after the test."""
    before = definitions(api)[NAME]

    def redefine(change: Change) -> None:
        (version,) = definitions(api)[NAME]["spec"]["versions"]
        properties = version["schema"]["openAPIV3Schema"]["properties"]
        change(properties["spec"]["properties"], properties["status"]["properties"])
        change_definition(api, NAME, {"spec": {"versions": [version]}})

    yield redefine
    put_back(api, before)


def before_today(spec: Manifest, status: Manifest) -> None:
    """Take out what an older CRD might not have had yet."""
    del spec["agents"]["properties"]["topologySpread"]
    del status["draining"]
    del status["agents"]["properties"]["graceSeconds"]


def after_today(spec: Manifest, status: Manifest) -> None:
    """Add what a newer CRD may have, in both blocks and in a list."""
    text = {"type": "string", "maxLength": 20}
    spec["agents"]["properties"][TOMORROW] = {**text, "default": "new"}
    status[TOMORROW] = text
    status["decisions"]["maxItems"] = 100


def settled(api: Api, namespace: str) -> bool:
    """Say whether the operator calls the newest generation of the fleet Ready."""
    return is_settled(api.get("VoiceFleet", namespace, "interviews"))


def pods(api: Api, namespace: str) -> set[str]:
    """Return the UIDs of all pods of the fleet that are not on their way out."""
    found = api.list("Pod", namespace, "voicefleet.dev/fleet")
    return {pod["metadata"]["uid"] for pod in found if "deletionTimestamp" not in pod["metadata"]}


def touch(api: Api, namespace: str) -> None:
    """Change a count, so that the operator has to act and to tell it."""
    api.patch("VoiceFleet", namespace, "interviews", {"spec": {"agents": {"maxReplicas": 11}}})


def test_a_fleet_becomes_ready_under_a_crd_that_knows_less(
    api: Api, operator, redefine, namespace: str
):
    """Who installs CRDs apart from the chart may be a version behind for days."""
    redefine(before_today)

    api.create(a_fleet_manifest(namespace))

    fleet = eventually("Ready", lambda: _ready(api, namespace), seconds=120)
    assert fleet["status"]["agents"]["readyReplicas"] == 2
    assert "graceSeconds" not in fleet["status"]["agents"]
    assert "does not know `status.agents.graceSeconds`" in operator.log


def _ready(api: Api, namespace: str) -> Manifest | None:
    fleet = api.get("VoiceFleet", namespace, "interviews")
    return fleet if is_settled(fleet) else None


def test_an_older_operator_runs_under_a_newer_crd(api: Api, operator, redefine, namespace: str):
    """After a rollback the CRD stays, with fields that the older operator never heard of."""
    api.create(a_fleet_manifest(namespace))
    eventually("Ready", lambda: settled(api, namespace), seconds=120)
    before = pods(api, namespace)

    redefine(after_today)
    change = {"spec": {"agents": {TOMORROW: "used", "maxReplicas": 11}}}
    eventually(
        "the new field is stored",
        lambda: _patched(api, namespace, change)["spec"]["agents"].get(TOMORROW) == "used",
    )
    eventually("Ready", lambda: settled(api, namespace), seconds=120)

    assert pods(api, namespace) == before


def _patched(api: Api, namespace: str, change: Manifest) -> Manifest:
    return api.patch("VoiceFleet", namespace, "interviews", change)


def test_a_status_that_a_newer_operator_wrote_is_taken_over(
    api: Api, operator, redefine, namespace: str
):
    """Its words and its longer lists are no reason to stand still, or to forget the sizes."""
    api.create(a_fleet_manifest(namespace))
    eventually("Ready", lambda: settled(api, namespace), seconds=120)
    before = pods(api, namespace)
    operator.stop()
    redefine(after_today)
    eventually("tomorrow's status is stored", lambda: _write_tomorrow(api, namespace))

    operator.start()
    touch(api, namespace)
    eventually("Ready", lambda: settled(api, namespace), seconds=120)

    fleet = api.get("VoiceFleet", namespace, "interviews")
    assert pods(api, namespace) == before
    assert fleet["status"]["agents"]["desiredReplicas"] == 2
    assert len(fleet["status"]["decisions"]) <= 20
    assert condition(fleet, "Ready")["status"] == "True"


def _write_tomorrow(api: Api, namespace: str) -> bool:
    decision = {
        "time": "2026-11-21T10:00:00Z",
        "tier": "broker",
        "from": 1,
        "to": 2,
        "reason": "WordOfTomorrow",
        "message": "what a newer operator decided",
    }
    answer = api.send(
        "PATCH",
        f"{api.path('VoiceFleet', namespace, 'interviews')}/status",
        json={"status": {TOMORROW: "x", "decisions": [decision] * 40}},
        headers={"Content-Type": "application/merge-patch+json"},
    )
    return answer.is_success and TOMORROW in answer.json()["status"]


def test_a_change_after_a_crd_upgrade_needs_no_restart_of_the_operator(
    api: Api, operator, redefine, namespace: str
):
    """Helm replaces the CRD first; until the new operator runs, the old one has to."""
    api.create(a_fleet_manifest(namespace))
    eventually("Ready", lambda: settled(api, namespace), seconds=120)

    redefine(after_today)
    change = {"spec": {"agents": {"image": NEXT_IMAGE}}}
    api.patch("VoiceFleet", namespace, "interviews", change)

    assert eventually("Ready again", lambda: settled(api, namespace), seconds=120)
