"""The disruption budget on a real API server: busy workers stay, idle ones may go."""

from dataclasses import replace

import pytest

from support.api import Api, eventually
from support.fleets import a_minimal_fleet
from voicefleet.api.labels import BUSY, REVISION
from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.render.agents_disruption_budget import render_agents_disruption_budget
from voicefleet.render.agents_replicaset import render_agents_replicaset
from voicefleet.render.agents_service_account import render_agents_service_account
from voicefleet.render.objects import with_replicas

pytestmark = pytest.mark.cluster


def create(api: Api, manifest: Manifest) -> Manifest:
    """Create a child that belongs to nobody, so that no garbage collector takes it."""
    orphan = {**manifest["metadata"], "ownerReferences": []}
    return api.create({**manifest, "metadata": orphan})


def workers_of(api: Api, fleet: Fleet, revision: str) -> list[Manifest]:
    """Return the Ready workers of one revision."""
    pods = api.list("Pod", fleet.namespace, f"{REVISION}={revision}")
    return [pod for pod in pods if is_ready(pod)]


def is_ready(pod: Manifest) -> bool:
    """Say whether a pod counts as Ready."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def evict(api: Api, pod: Manifest) -> int:
    """Ask for a pod's eviction, as `kubectl drain` does, and return the answer's status."""
    metadata = pod["metadata"]
    path = f"{api.path('Pod', metadata['namespace'], metadata['name'])}/eviction"
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
    }
    return api.send("POST", path, json=body).status_code


@pytest.mark.parametrize("busy", [1, 2, 3])
def test_draining_a_node_evicts_idle_workers_and_no_busy_one(api: Api, namespace: str, busy: int):
    """A node upgrade on a working day would otherwise end every call on the node."""
    fleet = replace(a_minimal_fleet(), namespace=namespace)
    workers = create_workers(api, fleet, count=3)
    for pod in workers[:busy]:
        api.patch(
            "Pod", namespace, pod["metadata"]["name"], {"metadata": {"labels": {BUSY: "true"}}}
        )
    eventually("the budget has seen them", lambda: guarded(api, fleet) == busy)

    answers = [evict(api, pod) for pod in workers]

    assert answers == [429] * busy + [201] * (3 - busy)


def create_workers(api: Api, fleet: Fleet, *, count: int) -> list[Manifest]:
    """Create a fleet's workers with their account and their budget, and wait until Ready."""
    replicaset = render_agents_replicaset(fleet)
    create(api, render_agents_service_account(fleet))
    create(api, render_agents_disruption_budget(fleet))
    create(api, with_replicas(replicaset, count))
    revision = replicaset["metadata"]["labels"][REVISION]
    eventually("workers are Ready", lambda: len(workers_of(api, fleet, revision)) == count)
    return workers_of(api, fleet, revision)


def guarded(api: Api, fleet: Fleet) -> int:
    """Return how many healthy pods the budget counts."""
    name = render_agents_disruption_budget(fleet)["metadata"]["name"]
    budget = api.get("PodDisruptionBudget", fleet.namespace, name)
    return int(budget.get("status", {}).get("currentHealthy", 0))
