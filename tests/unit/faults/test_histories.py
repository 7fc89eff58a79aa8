"""Fault histories and what judges them: a harness that cannot fail proves nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.api import Manifest
from support.faults import WRITE, Fault, FaultKind, Trouble
from support.histories import (
    COMBINATIONS,
    History,
    Scenario,
    crash_histories,
    history_of,
    shorter,
)
from support.manifests import NEXT_IMAGE, a_fleet_manifest
from support.oracles import Calls, Claims, differences, faults_in_log, shape_of

SEEDS = st.integers(min_value=0, max_value=2**32)
HISTORY = History.parse("scale speech: 409@write#3 gone@pods#12 503@read#4x6")


@given(SEEDS)
def test_a_history_is_read_back_from_its_line(seed: int):
    """The line is all that a failure leaves behind."""
    history = history_of(seed)

    assert History.parse(str(history)) == history


@given(SEEDS)
def test_a_seed_is_one_history(seed: int):
    """A seed that means something else on the next machine finds nothing again."""
    assert history_of(seed) == history_of(seed)


def test_seeds_reach_every_scenario_tier_and_kind_of_fault():
    """What no seed reaches is never tried, however many are."""
    histories = [history_of(seed) for seed in range(1000)]

    assert {history.scenario for history in histories} == set(Scenario)
    assert {history.tiers for history in histories} == set(COMBINATIONS)
    assert {fault.kind for history in histories for fault in history.faults} == set(FaultKind)


@pytest.mark.parametrize(
    ("line", "strikes_all"),
    [("create plain: 409@write#3 gone@pods#2", False), ("create plain: kill@write#3", True)],
    ids=["answers and watches", "the process"],
)
def test_a_history_that_ends_the_operator_is_told_from_others(line: str, *, strikes_all: bool):
    """Beside it, what was forgotten for another fleet would be healed by the next process."""
    assert History.parse(line).strikes_all is strikes_all


def test_shorter_histories_lack_one_fault_each():
    """Cutting down keeps what is left in order, or it would be another history."""
    kept = [[str(fault) for fault in one.faults] for one in shorter(HISTORY)]

    assert kept == [
        ["gone@pods#12", "503@read#4x6"],
        ["409@write#3", "503@read#4x6"],
        ["409@write#3", "gone@pods#12"],
    ]


def test_a_fault_strikes_its_own_target_and_number_only():
    """A fault that also strikes elsewhere cannot be cut down."""
    trouble = Trouble((Fault(FaultKind.CONFLICT, WRITE, at=2, times=2),))

    struck = [trouble.meet(target) is not None for target in ("write", "read", "write", "write")]

    assert struck == [False, False, True, True]
    assert trouble.meet(WRITE) is None


def test_crash_histories_leave_out_no_write():
    """A crash point that is skipped is the one that an outage picks."""
    histories = crash_histories(Scenario.CREATE, COMBINATIONS[0], writes=47, every=10)

    points = sorted(fault.at for history in histories for fault in history.faults)
    assert points == list(range(1, 48))


def test_a_death_that_others_ordered_reads_as_an_own_one():
    """The line of a failure has to bring everything that struck, whoever ordered it."""
    trouble = Trouble()
    for _ in range(7):
        trouble.meet(WRITE)

    trouble.suffer(FaultKind.KILL)

    assert [str(fault) for fault in trouble.suffered] == ["kill@write#7"]


@pytest.mark.parametrize("text", ["409@write", "write#3", "418@write#3", "409@write#x"])
def test_a_line_that_is_no_history_is_refused(text: str):
    """A typing error must not become a history without faults, which always passes."""
    with pytest.raises(ValueError, match=r"fault|FaultKind"):
        History.parse(f"create plain: {text}")


def _a_namespace(uid_hash: str, *, replicas: int = 2, namespace: str = "team-1") -> dict:
    marks = {
        "voicefleet.dev/fleet": "interviews",
        "voicefleet.dev/tier": "agents",
        "voicefleet.dev/revision": uid_hash,
    }
    name = f"interviews-agents-{uid_hash}"
    workload: Manifest = {
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{uid_hash}",
            "creationTimestamp": "2026-03-02T09:00:00Z",
            "labels": marks,
        },
        "spec": {"replicas": replicas},
    }
    return {("ReplicaSet", name): workload}


def test_two_runs_have_one_shape_although_their_hashes_differ():
    """Revisions follow from the fleet's UID; a difference there would be a false alarm."""
    one = shape_of(_a_namespace("11111111", namespace="team-1"), "team-1")
    other = shape_of(_a_namespace("22222222", namespace="team-2"), "team-2")

    assert differences(one, other) == []


def test_a_replica_too_many_is_told_with_its_place():
    """The message is read at night, by somebody who did not write the test."""
    wanted = shape_of(_a_namespace("11111111"), "team-1")
    seen = shape_of(_a_namespace("11111111", replicas=3), "team-1")

    assert differences(wanted, seen) == [
        "ReplicaSet/interviews-agents-agents revision 1.spec.replicas: wanted 2, is 3"
    ]


def _a_leaving_pod(name: str) -> Manifest:
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "a",
            "uid": name,
            "deletionTimestamp": "2026-03-02T09:00:00Z",
            "ownerReferences": [{"name": "interviews-media-1"}],
        },
    }


def test_a_pod_that_leaves_in_a_call_is_noticed_once():
    """One cut call is one line, not one for each of its pod's last events."""
    calls = Calls()
    calls.now["a", "busy"] = 2

    for pod in (_a_leaving_pod("busy"), _a_leaving_pod("busy"), _a_leaving_pod("idle")):
        calls.watch("MODIFIED", pod)

    assert calls.cut_in("a") == ["a/busy with 2 calls"]


def test_a_media_server_that_leaves_with_rooms_is_noticed():
    """Rooms are counted by server, and a server's pod has a name of its own."""
    calls = Calls()
    calls.now["a", "interviews-media-1"] = 1

    calls.watch("DELETED", _a_leaving_pod("interviews-media-1-x7k2p"))

    assert len(calls.cut_in("a")) == 1


def _a_ready_fleet(version: int) -> Manifest:
    fleet = a_fleet_manifest("a", image=NEXT_IMAGE)
    fleet["metadata"] |= {"generation": 1, "resourceVersion": str(version)}
    ready = {"type": "Ready", "status": "True"}
    return {**fleet, "status": {"observedGeneration": 1, "conditions": [ready]}}


def _a_worker_set(version: int) -> Manifest:
    marks = {"voicefleet.dev/tier": "agents"}
    return {
        "kind": "ReplicaSet",
        "metadata": {"namespace": "a", "labels": marks, "resourceVersion": str(version)},
        "spec": {"template": {"spec": {"containers": [{"image": NEXT_IMAGE}]}}},
    }


@pytest.mark.parametrize(("made_at", "lies"), [(4, 0), (6, 1)], ids=["before it", "after it"])
def test_a_fleet_is_ready_only_for_an_image_that_workers_were_made_from(made_at: int, lies: int):
    """A status ahead of its children promises what a crash in between never keeps."""
    claims = Claims()

    claims.watch("MODIFIED", _a_ready_fleet(version=5))
    claims.watch("ADDED", _a_worker_set(version=made_at))

    assert len(claims.false_in("a")) == lies


def test_the_log_is_searched_for_what_the_operator_blames_itself_for():
    """A traceback is a defect even where everything converged after it."""
    lines = [
        "12:00:00.000 INFO    a/interviews: agents 0→2: minReplicas is 2",
        "12:00:00.000 WARNING a/interviews: apply Service: Conflict",
        "12:00:00.000 ERROR   Request attempt #1/9 failed; will retry: GET …",
        "Traceback (most recent call last):",
        "12:00:00.000 ERROR   a/interviews: refused its own plan: …",
    ]

    assert faults_in_log(lines) == lines[3:]
