"""What the world reads from a pod, and who lives where."""

from typing import Any

import pytest

from voicefleet_localcluster.world.pods import SecretKey, read_pod
from voicefleet_localcluster.world.population import NobodyError, Population
from voicefleet_localcluster.world.watch import take_note


def a_pod(name: str = "a-x1", *, port: int = 8081, **changes: Any) -> dict[str, Any]:
    """Return a pod that has an address and listens on one port."""
    environment = [
        {"name": "VOICEFLEET_REVISION", "value": "1a2b3c4d"},
        {"name": "VOICEFLEET_SESSIONS_PER_WORKER", "value": "12"},
        {
            "name": "VOICEFLEET_WORKER_TOKEN",
            "valueFrom": {"secretKeyRef": {"name": "a-worker-1f", "key": "token"}},
        },
    ]
    metadata = {
        "uid": changes.get("uid", f"uid-{name}"),
        "namespace": "hiring",
        "name": name,
        "labels": changes.get("labels", {"voicefleet.dev/tier": "agents"}),
        "ownerReferences": [{"kind": "ReplicaSet", "name": changes.get("owner", "a")}],
        "resourceVersion": "1",
    }
    container = {"name": "main", "env": environment, "ports": [{"containerPort": port}]}
    status = {"podIP": changes.get("address", "127.77.16.1"), "phase": "Running"}
    return {"metadata": metadata, "spec": {"containers": [container]}, "status": status}


def a_population(*pods: dict[str, Any]) -> Population:
    """Return a population in which these pods live."""
    population = Population(changed=lambda: None)
    for pod in pods:
        take_note(population, {"type": "ADDED", "object": pod})
    return population


def test_a_pod_says_itself_what_it_is():
    """Environment and ports cannot be edited later, so a stripped label changes nobody."""
    facts = read_pod(a_pod(labels={}))

    assert facts is not None
    assert (facts.revision, facts.slots, facts.backend) == ("1a2b3c4d", 12, "selfHosted")
    assert facts.token == SecretKey("hiring", "a-worker-1f", "token")
    assert facts.is_worker
    assert not facts.is_server


@pytest.mark.parametrize("status", [{}, {"podIP": "127.77.16.1", "phase": "Succeeded"}])
def test_nobody_answers_for_a_pod_without_an_address_or_after_its_end(status: dict[str, str]):
    """The operator must see a refused connection, as with a real pod."""
    assert read_pod({**a_pod(), "status": status}) is None


def test_what_a_worker_knew_goes_with_its_pod():
    """A replaced pod that was still cordoned would hide that cordons do not survive."""
    population = a_population(a_pod())
    worker = population.workers.find("hiring", "a-x1")
    worker.become(worker.actor.with_cordon(cordoned=True))

    take_note(population, {"type": "DELETED", "object": a_pod()})
    take_note(population, {"type": "ADDED", "object": a_pod(uid="another")})

    assert not population.workers.find("hiring", "a-x1").actor.cordoned


def test_an_update_of_a_pod_leaves_its_calls_alone():
    """Every label that the operator writes comes back as an update."""
    population = a_population(a_pod())
    worker = population.workers.find("hiring", "a-x1")
    worker.become(worker.actor.with_cordon(cordoned=True))

    take_note(population, {"type": "MODIFIED", "object": a_pod(labels={"busy": "true"})})

    assert population.workers.find("hiring", "a-x1").actor.cordoned
    assert list(population.workers.select("hiring", ("busy", "true")))


def test_a_server_is_found_by_the_name_of_its_replica_set():
    """People know interviews-media-1; the five letters behind it are chance."""
    population = a_population(a_pod("interviews-media-1-x7k2p", port=6789, owner="media-1"))

    assert population.servers.find("hiring", "media-1").pod.name == "interviews-media-1-x7k2p"


def test_a_name_that_several_pods_share_is_refused_with_their_names():
    """Changing one of them by chance would make a test pass every other time."""
    population = a_population(a_pod("a-x1"), a_pod("a-x2", address="127.77.16.2"))

    with pytest.raises(NobodyError, match=r"2 workers of that name.*a-x1, a-x2"):
        population.workers.find("hiring", "a")


def test_a_list_forgets_who_is_not_on_it():
    """After a broken watch nobody tells of the deletions in between."""
    population = a_population(a_pod("a-x1"), a_pod("a-x2", address="127.77.16.2"))

    population.keep_only(["uid-a-x2"])

    assert population.sockets() == {("127.77.16.2", 8081)}


def test_the_next_pod_at_an_address_is_the_one_that_answers_there():
    """Addresses are given out again; the news of an end can come after the next beginning."""
    population = a_population(a_pod("a-x1"), a_pod("a-x2"))

    take_note(population, {"type": "DELETED", "object": a_pod("a-x1")})

    found = population.workers.at("127.77.16.1")
    assert found is not None
    assert found.pod.name == "a-x2"
