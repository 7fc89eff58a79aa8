"""What the cycle relies on the Kubernetes API for, proven on the fake and on the real one."""

import pytest

from support.worlds import (
    World,
    a_child,
    a_config_map,
    a_pod,
    a_replica_set,
    eventually,
)
from voicefleet.api import labels
from voicefleet.errors import ConflictError, RefusedError
from voicefleet.manifests import Manifest, ObjectKey, key_of
from voicefleet.model.observed import Child, Pod
from voicefleet.model.ownership import is_ours
from voicefleet.model.plan import MarkPod

NO_SUCH_UID = "00000000-0000-0000-0000-000000000000"

AT = "2026-11-23T09:00:00Z"


def child_of(world: World, manifest: Manifest) -> Child:
    """Return a child as the cache shows it."""
    return world.cluster.children(world.fleet)[key_of(manifest)]


async def stored(world: World, key: ObjectKey) -> Manifest:
    """Return an object that must be on the server."""
    found = await world.find(key)
    assert found is not None
    return found


async def a_running_pod(world: World) -> Pod:
    """Create a pod and wait until the cache shows it."""
    await world.create(a_pod(world))
    await eventually(lambda: world.cluster.pods(world.fleet))
    return world.cluster.pods(world.fleet)[0]


def a_mark(pod: Pod, *, busy: bool) -> MarkPod:
    """Return marks for a pod: busy, or none."""
    return MarkPod(
        key=ObjectKey("Pod", pod.namespace, pod.name),
        uid=pod.uid,
        labels={labels.BUSY: "true"} if busy else {},
        annotations={labels.SAFE_TO_EVICT: "false"} if busy else {},
        because="the worker holds a session",
    )


async def test_an_applied_child_is_seen_at_once(world: World):
    """The next cycle may start before the watch has said anything."""
    await world.cluster.apply(a_config_map(world, level="1"))

    assert child_of(world, a_config_map(world)).manifest["data"] == {"level": "1"}


async def test_applying_the_same_again_writes_nothing(world: World):
    """A write is a changed resourceVersion; a repeated cycle must be silent."""
    await world.cluster.apply(a_config_map(world, level="1"))
    before = child_of(world, a_config_map(world)).resource_version

    await world.cluster.apply(a_config_map(world, level="1"))

    assert child_of(world, a_config_map(world)).resource_version == before


async def test_what_is_no_longer_sent_goes_away_and_what_others_wrote_stays(world: World):
    """Server-side apply knows who wrote which field; we rely on it to remove ours only."""
    await world.cluster.apply(a_config_map(world, ours="1", old="1"))
    await world.edit(key_of(a_config_map(world)), {"data": {"theirs": "1"}})

    await world.cluster.apply(a_config_map(world, ours="1"))

    assert child_of(world, a_config_map(world)).manifest["data"] == {"ours": "1", "theirs": "1"}


async def test_a_field_that_somebody_changed_is_put_back(world: World):
    """Drift of our own fields is repaired by force."""
    await world.cluster.apply(a_config_map(world, level="1"))
    await world.edit(key_of(a_config_map(world)), {"data": {"level": "2"}})

    await world.cluster.apply(a_config_map(world, level="1"))

    assert child_of(world, a_config_map(world)).manifest["data"] == {"level": "1"}


async def test_what_somebody_changes_is_seen_and_wakes_the_fleet(world: World):
    """The cycle runs on events; a change that nobody reports waits for the resync."""
    await world.cluster.apply(a_config_map(world, level="1"))
    world.changes.clear()

    await world.edit(key_of(a_config_map(world)), {"data": {"level": "2"}})

    await eventually(
        lambda: child_of(world, a_config_map(world)).manifest["data"] == {"level": "2"}
    )
    assert world.changes == [world.fleet]


async def test_replicas_survive_a_template_once_the_scaler_owns_them(world: World):
    """Three writes in this order create a workload whose size a template never changes."""
    await world.cluster.apply(a_replica_set(world, replicas=3))
    key = key_of(a_replica_set(world))

    await world.cluster.scale(key, 3, None)
    await world.cluster.apply(a_replica_set(world, replicas=None))

    child = child_of(world, a_replica_set(world))
    assert (child.replicas, child.scaler_owns_replicas) == (3, True)


async def test_a_sole_owner_that_drops_replicas_resets_them_to_one(world: World):
    """The trap that the order above avoids; if it ever vanishes, the order may go too."""
    await world.cluster.apply(a_replica_set(world, replicas=3))

    await world.cluster.apply(a_replica_set(world, replicas=None))

    child = child_of(world, a_replica_set(world))
    assert (child.replicas, child.scaler_owns_replicas) == (1, False)


async def test_somebody_elses_scale_takes_the_replicas_from_the_scaler(world: World):
    """`kubectl scale` leaves us without ownership; the plan must notice and take it back."""
    await world.cluster.apply(a_replica_set(world, replicas=2))
    await world.cluster.scale(key_of(a_replica_set(world)), 2, None)

    await world.edit(key_of(a_replica_set(world)), {"spec": {"replicas": 4}})

    await eventually(lambda: child_of(world, a_replica_set(world)).replicas == 4)
    assert not child_of(world, a_replica_set(world)).scaler_owns_replicas


async def test_a_scale_on_an_old_version_conflicts(world: World):
    """A removal rests on what was observed; whatever happened since forbids it."""
    await world.cluster.apply(a_replica_set(world))
    key = key_of(a_replica_set(world))
    old = child_of(world, a_replica_set(world)).resource_version
    await world.edit(key, {"metadata": {"annotations": {"somebody.example/was": "here"}}})

    with pytest.raises(ConflictError):
        await world.cluster.scale(key, 1, old)

    assert (await stored(world, key))["spec"]["replicas"] == 0


async def test_a_scale_never_creates_a_workload(world: World):
    """An apply creates what it does not find; a workload without a template must not appear."""
    key = key_of(a_replica_set(world))

    with pytest.raises(ConflictError):
        await world.cluster.scale(key, 1, None)

    assert await world.find(key) is None


async def test_a_size_below_zero_is_refused_for_good(world: World):
    """A refusal ends in a condition and not in a loop, so it must be told from a conflict."""
    await world.cluster.apply(a_replica_set(world))

    with pytest.raises(RefusedError) as caught:
        await world.cluster.scale(key_of(a_replica_set(world)), -1, None)

    assert caught.value.status == 422


async def test_a_child_without_our_label_is_not_seen_until_it_is_read(world: World):
    """The caches select by label; the look before a create finds what fell out of them."""
    await world.cluster.apply(a_config_map(world))
    key = key_of(a_config_map(world))
    await world.edit(key, {"metadata": {"labels": None}})
    await eventually(lambda: key not in world.cluster.children(world.fleet))

    found = await world.cluster.refresh(key)

    assert found is not None
    assert is_ours(found.manifest, world.fleet_uid)
    assert key in world.cluster.children(world.fleet)


async def test_a_child_without_label_and_owner_is_known_by_our_handwriting(world: World):
    """Somebody stripped both; the field manager still says who made it."""
    await world.cluster.apply(a_config_map(world))
    key = key_of(a_config_map(world))
    await world.edit(key, {"metadata": {"labels": None, "ownerReferences": None}})
    await eventually(lambda: key not in world.cluster.children(world.fleet))

    found = await world.cluster.refresh(key)

    assert found is not None
    assert is_ours(found.manifest, world.fleet_uid)
    assert key in world.cluster.children(world.fleet)


async def test_a_strangers_object_of_our_name_is_told_apart(world: World):
    """It is shown to the executor, which refuses; it never enters the fleet's picture."""
    stranger = a_config_map(world)
    del stranger["metadata"]["labels"], stranger["metadata"]["ownerReferences"]
    await world.create(stranger)

    found = await world.cluster.refresh(key_of(stranger))

    assert found is not None
    assert not is_ours(found.manifest, world.fleet_uid)
    assert key_of(stranger) not in world.cluster.children(world.fleet)


async def test_reading_what_is_not_there_says_so(world: World):
    """Absence is an answer and no error."""
    assert await world.cluster.refresh(key_of(a_config_map(world))) is None


async def test_what_somebody_deletes_is_gone_from_the_picture(world: World):
    """A deleted child is restored only if its absence is seen, and seen soon."""
    await world.cluster.apply(a_config_map(world))
    world.changes.clear()

    await world.remove(key_of(a_config_map(world)))

    await eventually(lambda: not world.cluster.children(world.fleet))
    assert world.changes == [world.fleet]


async def test_what_we_delete_is_gone_at_once(world: World):
    """The next cycle must not plan the same deletion again."""
    await world.cluster.apply(a_config_map(world))
    child = child_of(world, a_config_map(world))

    await world.cluster.delete(child.key, child.uid)

    assert child.key not in world.cluster.children(world.fleet)
    assert await world.find(child.key) is None


async def test_a_delete_hits_only_the_object_that_was_observed(world: World):
    """A name can be reused; the successor of a child is not what was to be deleted."""
    await world.cluster.apply(a_config_map(world))
    key = key_of(a_config_map(world))

    with pytest.raises(ConflictError):
        await world.cluster.delete(key, NO_SUCH_UID)

    assert await world.find(key) is not None


async def test_deleting_what_is_gone_is_fine(world: World):
    """Somebody else may be quicker, and the end is the same."""
    key = key_of(a_config_map(world))

    await world.cluster.delete(key, NO_SUCH_UID)

    assert await world.find(key) is None


async def test_another_fleets_children_are_not_ours(world: World):
    """Two fleets share a namespace; a cycle must not touch the other one's children."""
    other = a_child(world, "ConfigMap", "other", data={})
    other["metadata"]["labels"] = {labels.FLEET: "somebody-elses"}
    await world.cluster.apply(other)

    await world.cluster.apply(a_config_map(world))

    assert list(world.cluster.children(world.fleet)) == [key_of(a_config_map(world))]


async def test_a_pod_is_seen_with_the_facts_that_decisions_need(world: World):
    """Tier, revision and grace come from the manifest; nothing runs without a kubelet's word."""
    pod = await a_running_pod(world)

    facts = (pod.name, pod.tier, pod.revision, pod.grace_seconds, pod.is_ready)
    assert facts == ("worker-1", "agents", "0a1b2c3d", 600, False)


async def test_a_pods_marks_come_and_go_as_a_whole(world: World):
    """The busy label carries a disruption budget; left behind it would stop node upgrades."""
    pod = await a_running_pod(world)
    await world.cluster.mark_pod(a_mark(pod, busy=True))
    marked = world.cluster.pods(world.fleet)[0]

    await world.cluster.mark_pod(a_mark(pod, busy=False))

    unmarked = world.cluster.pods(world.fleet)[0]
    assert (marked.labels[labels.BUSY], marked.annotations[labels.SAFE_TO_EVICT]) == (
        "true",
        "false",
    )
    assert labels.BUSY not in unmarked.labels
    assert labels.SAFE_TO_EVICT not in unmarked.annotations


async def test_a_mark_never_creates_a_pod(world: World):
    """An apply creates what it does not find; a vanished pod stays vanished."""
    pod = await a_running_pod(world)
    key = ObjectKey("Pod", pod.namespace, "worker-2")

    await world.cluster.mark_pod(
        MarkPod(key=key, uid=NO_SUCH_UID, labels={}, annotations={}, because="it is idle")
    )

    assert await world.find(key) is None


async def test_a_mark_leaves_a_pods_successor_alone(world: World):
    """A pod of the same name is another worker with calls of its own."""
    pod = await a_running_pod(world)
    key = ObjectKey("Pod", pod.namespace, pod.name)

    await world.cluster.mark_pod(
        MarkPod(key=key, uid=NO_SUCH_UID, labels={"x": "y"}, annotations={}, because="it is busy")
    )

    assert "x" not in (await stored(world, key))["metadata"]["labels"]


async def test_a_secret_is_created_once(world: World):
    """We may create Secrets and never read them, so the server's answer is all we know."""
    secret = a_child(world, "Secret", "redis-1a2b3c4d", stringData={"password": "x"})
    first = await world.cluster.create_secret(secret)

    second = await world.cluster.create_secret(secret)

    assert (first, second) == (True, False)


async def test_our_finalizer_leaves_other_finalizers_alone(world: World):
    """A backup tool may hold the fleet too; its hold is not ours to take."""
    await world.edit(world.fleet, {"metadata": {"finalizers": ["backup.example/keep"]}})

    await world.cluster.set_finalizer(world.fleet, present=True)
    held = (await stored(world, world.fleet))["metadata"]["finalizers"]
    await world.cluster.set_finalizer(world.fleet, present=False)

    released = (await stored(world, world.fleet))["metadata"]["finalizers"]
    assert (set(held), released) == (
        {"backup.example/keep", labels.FINALIZER},
        ["backup.example/keep"],
    )


async def test_a_released_fleet_that_was_being_deleted_is_gone(world: World):
    """The last finalizer ends the fleet; the cycle must not meet its ghost."""
    await world.cluster.set_finalizer(world.fleet, present=True)
    await world.remove(world.fleet)

    await world.cluster.set_finalizer(world.fleet, present=False)

    assert world.cluster.find_fleet(world.fleet) is None
    assert await world.find(world.fleet) is None


async def test_a_fleet_that_is_gone_is_released_already(world: World):
    """Releasing twice is what a crash between the write and its answer leads to."""
    await world.remove(world.fleet)

    await world.cluster.set_finalizer(world.fleet, present=False)

    assert world.cluster.find_fleet(world.fleet) is None


async def test_a_fleet_being_deleted_takes_no_new_hold(world: World):
    """The API refuses it, and what was planned for a living fleet is wrong by now."""
    await world.edit(world.fleet, {"metadata": {"finalizers": ["backup.example/keep"]}})
    await world.remove(world.fleet)

    with pytest.raises(ConflictError):
        await world.cluster.set_finalizer(world.fleet, present=True)

    held = (await stored(world, world.fleet))["metadata"]["finalizers"]
    assert held == ["backup.example/keep"]


async def test_status_is_written_whole_and_only_when_it_differs(world: World):
    """Every status write wakes every watcher of fleets; the same again must not."""
    await world.cluster.write_status(world.fleet, {"observedGeneration": 1})
    first = await stored(world, world.fleet)

    await world.cluster.write_status(world.fleet, {"observedGeneration": 1})

    second = await stored(world, world.fleet)
    assert second["status"]["observedGeneration"] == 1
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_a_block_of_the_status_that_is_not_written_any_more_goes_away(world: World):
    """An empty block in its place would differ from what is wanted, in every cycle for ever."""
    window = {"plan": "p", "window": "w", "startTime": AT, "endTime": AT, "minReplicas": 1}
    await world.cluster.write_status(
        world.fleet, {"observedGeneration": 1, "surge": {"active": [window], "next": window}}
    )

    await world.cluster.write_status(
        world.fleet, {"observedGeneration": 1, "surge": {"active": [window]}}
    )

    assert (await stored(world, world.fleet))["status"]["surge"] == {"active": [window]}


async def test_status_of_a_fleet_that_is_gone_is_refused(world: World):
    """An apply must not bring a deleted fleet back."""
    await world.remove(world.fleet)

    with pytest.raises(RefusedError):
        await world.cluster.write_status(world.fleet, {"observedGeneration": 1})

    assert await world.find(world.fleet) is None


async def test_a_living_namespace_is_not_terminating(world: World):
    """A fleet lets go at once when its namespace goes, and never otherwise."""
    assert not await world.cluster.is_namespace_terminating(world.fleet.namespace)
