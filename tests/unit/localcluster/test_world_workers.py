"""What a worker and a server of the world say, and how tests change it."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicefleet.adapters.livekit import parse_counts
from voicefleet.adapters.workers import WorkerState
from voicefleet_localcluster.world.workers import ChangeError, Server, Worker

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def a_worker(**fields: object) -> Worker:
    """Return a worker without calls."""
    return Worker(name="w", revision="1a2b3c4d", backend="selfHosted", slots=8, **fields)


@given(counts=st.lists(st.integers(0, 20), max_size=8))
def test_a_worker_holds_exactly_the_calls_it_was_told_and_no_call_twice(counts: list[int]):
    """An id that comes back would look like one call that moved in time."""
    worker, seen = a_worker(), set()
    for minute, count in enumerate(counts):
        before = {session.id for session in worker.sessions}

        worker = worker.with_changes({"sessions": count}, NOW + timedelta(minutes=minute))

        now = {session.id for session in worker.sessions}
        assert len(now) == count
        assert not (now - before) & seen
        seen |= now


@given(change=st.sampled_from(["sessions", "reserved", "slots"]), value=st.integers(0, 9))
def test_the_version_moves_exactly_when_something_changed(change: str, value: int):
    """A long poll that missed a change would keep an operator blind for five seconds."""
    worker = a_worker()

    changed = worker.with_changes({change: value}, NOW)

    assert (changed.version == worker.version) == (changed.report() == worker.report())


def test_the_oldest_calls_end_first():
    """Longest-running calls are what victims are chosen by."""
    worker = a_worker().with_changes({"sessions": 2}, NOW)
    worker = worker.with_changes({"sessions": 3}, NOW + timedelta(minutes=5))

    worker = worker.with_changes({"sessions": 1}, NOW + timedelta(minutes=6))

    assert worker.report()["oldestSessionStart"] == "2026-03-02T09:05:00+00:00"


def test_the_operator_reads_what_a_worker_says():
    """The stand-in is worth something only while it speaks the operator's contract."""
    report = a_worker().with_changes({"sessions": 2, "reserved": 1}, NOW).report()

    state = WorkerState.model_validate(report)

    assert (state.active, state.reserved, state.slots) == (2, 1, 8)
    assert state.oldest_session_start == NOW


def test_the_operator_reads_what_a_server_says():
    """A server that is asked in vain is never removed."""
    server = Server("interviews-media-1-x7k2p").with_changes({"rooms": 3, "participants": 6})

    counts = parse_counts(server.metrics(), source="test")

    assert (counts.rooms, counts.participants) == (3, 6)
    assert re.search(r'livekit_participant_total\{node_id="ND_\S+",\S+\} 6', server.metrics())


def test_a_cordon_is_idempotent_and_reversible():
    """The operator repeats its orders after every doubt."""
    cordoned = a_worker().with_cordon(cordoned=True)

    assert cordoned.cordoned
    assert cordoned.with_cordon(cordoned=True) is cordoned
    assert not cordoned.with_cordon(cordoned=False).cordoned


def test_a_worker_may_ignore_a_cordon():
    """Yes and not doing it is a fault that the operator has to notice by itself."""
    worker = a_worker(ignores_cordon=True)

    assert worker.with_cordon(cordoned=True) is worker


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"session": 1}, "session: unknown; possible are sessions"),
        ({"sessions": -1}, "sessions is -1"),
        ({"sessions": True}, "sessions is True"),
        ({"sessions": "3"}, "sessions is '3'"),
        ({"cordoned": 1}, "cordoned is 1"),
        ({"loopLagSeconds": float("nan")}, "loopLagSeconds is nan"),
    ],
)
def test_a_misspelt_change_is_refused(changes: dict[str, object], named: str):
    """A test whose set-up silently did nothing proves nothing."""
    with pytest.raises(ChangeError, match=re.escape(named)):
        a_worker().with_changes(changes, NOW)
