"""What exactly a write carries, on a scripted API server."""

import json
from typing import Any

import pytest

from support.fakes import FakeClock
from support.scripted_api import Reply, ScriptedApi
from voicefleet.adapters.kubernetes.cache import fleet_key
from voicefleet.adapters.kubernetes.cluster import KubernetesCluster
from voicefleet.adapters.kubernetes.session import ApiSession
from voicefleet.api import labels
from voicefleet.errors import ConflictError
from voicefleet.manifests import Manifest, ObjectKey

FLEET = fleet_key("calls", "interviews")
KEY = ObjectKey("ReplicaSet", "calls", "interviews-agents-0a1b2c3d")
WANTED: Manifest = {
    "apiVersion": "apps/v1",
    "kind": "ReplicaSet",
    "metadata": {
        "name": KEY.name,
        "namespace": KEY.namespace,
        "labels": {labels.FLEET: "interviews"},
    },
    "spec": {"template": {}},
}
GONE = Reply.failure(409, "uid mismatch: no existing object was found", reason="Conflict")


def stored(version: int, **more: Any) -> Reply:
    """Return the object as the server answers a write."""
    metadata = {**WANTED["metadata"], "uid": "uid-1", "resourceVersion": str(version), **more}
    return Reply(body={**WANTED, "metadata": metadata})


def cluster_on(session: ApiSession, api: ScriptedApi) -> KubernetesCluster:
    """Return the adapter with empty caches."""
    return KubernetesCluster(
        session,
        clock=FakeClock(),
        telemetry=api.telemetry,
        jitter=lambda: 0.0,
        on_change=lambda _: None,
    )


async def test_only_an_object_that_is_known_is_applied_with_its_identity():
    """Deleted in between, it must conflict: made anew by an apply it would start at one pod."""
    api = ScriptedApi([stored(1), GONE])

    async with api.session() as session:
        cluster = cluster_on(session, api)
        await cluster.apply(WANTED)
        with pytest.raises(ConflictError):
            await cluster.apply(WANTED)

    uids = [json.loads(seen.body)["metadata"].get("uid") for seen in api.seen]
    assert uids == [None, "uid-1"]


async def test_a_scale_carries_size_and_guards_and_nothing_else():
    """Whatever else it sent, the scaler would own and could never let go of."""
    api = ScriptedApi([stored(7)])

    async with api.session() as session:
        cluster = cluster_on(session, api)
        await cluster.apply(WANTED)
        await cluster.scale(KEY, 3, "7")

    sent = api.seen[1]
    assert sent.query == {"fieldManager": "voicefleet-scaler", "force": "true"}
    assert json.loads(sent.body) == {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": KEY.name,
            "namespace": "calls",
            "uid": "uid-1",
            "resourceVersion": "7",
        },
        "spec": {"replicas": 3},
    }


async def test_a_delete_names_the_object_that_was_observed():
    """Background, because the caller's cycle must not wait for pods to end."""
    api = ScriptedApi([Reply(body={"kind": "Status", "status": "Success"})])

    async with api.session() as session:
        await cluster_on(session, api).delete(KEY, "uid-1")

    assert json.loads(api.seen[0].body) == {
        "preconditions": {"uid": "uid-1"},
        "propagationPolicy": "Background",
    }


async def test_an_object_that_is_still_ending_stays_in_the_picture():
    """Its finalizers may hold it for long; until then its name is taken."""
    api = ScriptedApi([stored(1), stored(2, deletionTimestamp="2026-01-05T09:30:00Z")])

    async with api.session() as session:
        cluster = cluster_on(session, api)
        await cluster.apply(WANTED)
        await cluster.delete(KEY, "uid-1")

    assert cluster.children(FLEET)[KEY].is_deleting


async def test_reading_that_an_object_is_gone_takes_it_out_of_the_picture():
    """After a conflict the executor reads again, and the next plan must not meet a ghost."""
    api = ScriptedApi([stored(1), Reply.failure(404, reason="NotFound")])

    async with api.session() as session:
        cluster = cluster_on(session, api)
        await cluster.apply(WANTED)
        found = await cluster.refresh(KEY)

    assert (found, dict(cluster.children(FLEET))) == (None, {})


async def test_the_finalizer_is_guarded_by_the_version_it_was_read_at():
    """The list is replaced as a whole: without the guard another tool's entry could be lost."""
    fleet = {
        "kind": "VoiceFleet",
        "metadata": {
            "name": "interviews",
            "namespace": "calls",
            "uid": "uid-9",
            "resourceVersion": "5",
            "finalizers": ["backup.example/keep"],
        },
    }
    api = ScriptedApi([Reply(body=fleet)])

    async with api.session() as session:
        await cluster_on(session, api).set_finalizer(FLEET, present=True)

    assert [seen.method for seen in api.seen] == ["GET", "PATCH"]
    assert json.loads(api.seen[1].body) == {
        "metadata": {
            "resourceVersion": "5",
            "finalizers": ["backup.example/keep", labels.FINALIZER],
        }
    }


@pytest.mark.parametrize(
    ("reply", "is_terminating"),
    [
        pytest.param(Reply(body={"metadata": {"name": "calls"}}), False, id="alive"),
        pytest.param(
            Reply(body={"metadata": {"deletionTimestamp": "2026-01-05T09:30:00Z"}}), True, id="ends"
        ),
        pytest.param(Reply.failure(404, reason="NotFound"), True, id="gone"),
    ],
)
async def test_a_namespace_that_ends_is_told_from_one_that_lives(
    reply: Reply, *, is_terminating: bool
):
    """A fleet in a dying namespace lets go at once; any other drains."""
    api = ScriptedApi([reply])

    async with api.session() as session:
        found = await cluster_on(session, api).is_namespace_terminating("calls")

    assert found is is_terminating


async def test_each_kind_shows_its_objects_and_its_silence():
    """A watch that hangs must be seen before its fleets are."""
    api = ScriptedApi([stored(1)])

    async with api.session() as session:
        cluster = cluster_on(session, api)
        await cluster.apply(WANTED)

    registry = api.telemetry.registry
    shown = {
        name: registry.get_sample_value(f"voicefleet_operator_informer_{name}", {"kind": kind})
        for name, kind in (("objects", "ReplicaSet"), ("last_event_age_seconds", "Pod"))
    }
    assert shown == {"objects": 1, "last_event_age_seconds": 0}
