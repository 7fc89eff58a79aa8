"""Rendered children on a real API server: accepted, stored as written, and hardened."""

from dataclasses import replace

import pytest

from support.api import Api, eventually
from support.fleets import a_full_fleet, a_minimal_fleet, with_spec
from support.rendered import all_children, pod_templates
from voicefleet.manifests import Manifest, is_contained
from voicefleet.model.fleet import Fleet
from voicefleet.render.names import agents_service_account_name

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("installed")]

FLEETS = {
    "minimal": a_minimal_fleet(),
    "full": a_full_fleet(),
    "evaluation-preferred": with_spec(a_full_fleet(), "evaluation.spot", "Preferred"),
    "evaluation-never": with_spec(a_full_fleet(), "evaluation.spot", "Never"),
}
HARDENING = ("allowPrivilegeEscalation", "capabilities", "runAsNonRoot", "seccompProfile")
"""Words in which the API server complains about what every pod must have."""


@pytest.fixture(params=FLEETS.values(), ids=FLEETS)
def fleet(request: pytest.FixtureRequest, api: Api, namespace: str) -> Fleet:
    """Return a fleet in a namespace that enforces `restricted`; no operator acts on it."""
    written = {**request.param.spec.to_manifest(), "paused": True, "deletionPolicy": "Now"}
    stored = api.create(
        {
            "apiVersion": "voicefleet.dev/v1alpha1",
            "kind": "VoiceFleet",
            "metadata": {"name": request.param.name, "namespace": namespace},
            "spec": written,
        }
    )
    return replace(request.param, namespace=namespace, uid=stored["metadata"]["uid"])


def apply(api: Api, manifest: Manifest) -> Manifest:
    """Apply a manifest as the operator does and return what the server stored."""
    metadata = manifest["metadata"]
    answer = api.send(
        "PATCH",
        api.path(manifest["kind"], metadata["namespace"], metadata["name"]),
        json=manifest,
        params={"fieldManager": "voicefleet", "force": "true"},
        headers={"Content-Type": "application/apply-patch+yaml"},
    )
    assert answer.is_success, answer.text
    return dict(answer.json())


def test_every_child_is_stored_as_it_was_written(api: Api, fleet: Fleet):
    """A field that the server stores otherwise would look like drift in every cycle, for ever."""
    children = all_children(fleet)

    stored = [apply(api, child) for child in children]

    strange = [
        child["metadata"]["name"]
        for child, live in zip(children, stored, strict=True)
        if not is_contained(child, live)
    ]
    assert strange == []


def test_a_second_apply_writes_nothing(api: Api, fleet: Fleet):
    """An operator that writes without need wakes every controller that watches."""
    for child in all_children(fleet):
        apply(api, child)
        kind, name = child["kind"], child["metadata"]["name"]

        def is_quiet(child=child, kind=kind, name=name) -> bool:
            """Compare once more where another controller wrote its status in between."""
            before = api.get(kind, fleet.namespace, name)["metadata"]["resourceVersion"]
            return apply(api, child)["metadata"]["resourceVersion"] == before

        assert eventually(f"{kind}/{name} stays as it is", is_quiet, seconds=5)


def test_every_pod_satisfies_restricted_but_media_in_the_node_network(api: Api, fleet: Fleet):
    """A refused pod is a tier that never comes up, and nobody wants to lower the bar for it."""
    prepare_admission(api, fleet)

    answers = {
        name: create_pod(api, fleet, template) for name, template in pod_templates(fleet).items()
    }

    refused = {name: answer for name, answer in answers.items() if answer}
    if fleet.spec.media.network.mode == "HostNetwork":
        complaint = refused.pop("interviews-media-1")
        assert "hostNetwork=true" in complaint
        assert not any(word in complaint for word in HARDENING)
    assert refused == {}


def prepare_admission(api: Api, fleet: Fleet) -> None:
    """Make what admission looks up for pods: accounts and the priority class."""
    for name in {"default", agents_service_account_name(fleet)}:
        account = {"kind": "ServiceAccount", "apiVersion": "v1", "metadata": {"name": name}}
        api.send("POST", api.path("ServiceAccount", fleet.namespace), json=account)
    priority = {"metadata": {"name": "calls"}, "value": 1000}
    api.send("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", json=priority)


def create_pod(api: Api, fleet: Fleet, template: Manifest) -> str:
    """Let the server judge a pod of a template; return why it refuses, or an empty text."""
    pod = {**template, "metadata": {**template["metadata"], "generateName": "judged-"}}
    path = api.path("Pod", fleet.namespace)
    answer = api.send("POST", path, json=pod, params={"dryRun": "All"})
    return "" if answer.is_success else str(answer.json()["message"])
