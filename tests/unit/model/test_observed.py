"""The facts of one cycle: what a child, a pod and a report say, and what they leave open."""

from datetime import timedelta

import pytest

from support.builders import (
    NOW,
    SECOND,
    a_replicaset,
    a_server_pod,
    a_worker,
    an_observation,
    with_manifest,
    with_pod,
)
from support.fleets import a_minimal_fleet
from voicefleet.manifests import ObjectKey
from voicefleet.model.observed import REPORT_AGE_MAX, Child


@pytest.mark.parametrize(
    ("age", "fresh"),
    [
        pytest.param(0 * SECOND, True, id="now"),
        pytest.param(REPORT_AGE_MAX, True, id="just-young-enough"),
        pytest.param(REPORT_AGE_MAX + SECOND, False, id="history"),
    ],
)
def test_a_report_is_believed_for_ten_seconds(age: object, fresh: bool):
    """A worker that said 0 eleven seconds ago may have a call now."""
    report = a_worker(report_age=age).worker

    assert report is not None
    assert report.is_fresh(NOW) is fresh


@pytest.mark.parametrize(
    ("started", "said", "counts"),
    [
        pytest.param(2 * SECOND, 1 * SECOND, True, id="said-since-the-start"),
        pytest.param(1 * SECOND, 2 * SECOND, False, id="said-before-the-start"),
        pytest.param(
            2 * SECOND, timedelta(seconds=1.5), False, id="said-in-the-second-of-the-start"
        ),
        pytest.param(None, 2 * SECOND, True, id="no-start-is-known"),
    ],
)
def test_a_restarted_container_has_said_nothing_yet(
    started: timedelta | None, said: timedelta, counts: bool
):
    """It has forgotten its cordon, and may have a call the moment it runs."""
    started_at = NOW - started if started is not None else None
    worker = with_pod(a_worker(report_age=said), started_at=started_at)
    server = with_pod(a_server_pod("m", owner="m-1", report_age=said), started_at=started_at)
    observed = an_observation(seen=(worker, server))

    assert (observed.report_of_worker(worker.pod) is not None) is counts
    assert (observed.report_of_server(server.pod) is not None) is counts


def test_a_child_is_read_as_the_server_defaults_it():
    """A ReplicaSet without `replicas` runs one pod, and one without a status has none Ready."""
    bare = Child(ObjectKey("ReplicaSet", "voice", "x"), {"metadata": {"name": "x"}})

    assert (bare.replicas, bare.ready_replicas, bare.is_deleting) == (1, 0, False)
    assert (bare.uid, bare.resource_version, bare.labels) == ("", "", {})


def test_a_child_knows_the_version_that_a_guarded_write_must_name():
    """A removal is worth nothing once the object has changed."""
    assert a_replicaset("new").resource_version == "17"


def test_stripped_labels_read_as_none_at_all():
    """The API server leaves the field out; nobody should have to remember that."""
    child = a_replicaset("new")
    stripped = with_manifest(child, metadata={**child.manifest["metadata"], "labels": None})

    assert stripped.labels == {}


def test_a_child_somebody_deleted_says_so():
    """It stays readable for as long as its finalizers hold it."""
    assert a_replicaset("new", deletionTimestamp="2026-03-02T08:59:59Z").is_deleting


@pytest.mark.parametrize(
    ("requested", "expected"),
    [pytest.param(None, False, id="alive"), pytest.param(NOW, True, id="deleted")],
)
def test_a_fleet_knows_whether_it_is_to_go(requested: object, expected: bool):
    """Deletion overrides everything else a fleet says."""
    assert a_minimal_fleet(deletion_requested_at=requested).is_deleting is expected


def test_a_fleet_is_named_as_logs_name_it():
    """`namespace/name` can be pasted into a kubectl command."""
    assert str(a_minimal_fleet()) == "voice/interviews"


def test_an_object_is_named_as_kubectl_prints_it():
    """The sentence of a step can be pasted too."""
    assert str(ObjectKey("Service", "voice", "interviews-media")) == "Service/interviews-media"
