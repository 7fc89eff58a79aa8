"""What is news, and what is not."""

import pytest

from support.cycles import FakeMeter, a_fleet_body, fleet_key_of
from support.fakes import NOW, FakeClock, FakeCluster, FakeRecorder
from voicefleet.api.reasons import ConditionType, Reason
from voicefleet.api.status import Condition, ConditionStatus, VoiceFleetStatus
from voicefleet.manifests import Manifest
from voicefleet.shell.memory import FleetMemory
from voicefleet.shell.report import Reporter, find_transitions, without_moving
from voicefleet.shell.stalled import stall_status

TRUE, FALSE = ConditionStatus.TRUE, ConditionStatus.FALSE


def a_status(*conditions: tuple[ConditionType, ConditionStatus, str]) -> VoiceFleetStatus:
    """Return a status with these conditions: type, status, reason."""
    return VoiceFleetStatus(
        conditions=tuple(
            Condition(
                type=kind, status=status, reason=reason, message="…", last_transition_time=NOW
            )
            for kind, status, reason in conditions
        )
    )


def told(before: VoiceFleetStatus | None, after: VoiceFleetStatus) -> list[str]:
    """Return the conditions that an Event is written about."""
    known = before.to_manifest() if before else {}
    return [condition.type for condition in find_transitions(known, after)]


READY = a_status((ConditionType.READY, TRUE, Reason.ALL_TIERS_READY))
STARTING = a_status((ConditionType.READY, FALSE, Reason.REDIS_NOT_READY))
STILL_STARTING = a_status((ConditionType.READY, FALSE, Reason.AGENTS_NOT_READY))
FULL = a_status((ConditionType.CAPACITY_AVAILABLE, FALSE, Reason.QUOTA_EXCEEDED))
UNPLACED = a_status((ConditionType.CAPACITY_AVAILABLE, FALSE, Reason.UNSCHEDULABLE))
ROOMY = a_status((ConditionType.CAPACITY_AVAILABLE, TRUE, Reason.CAPACITY_READY))
UNKNOWN_WORD = a_status((ConditionType.CAPACITY_AVAILABLE, FALSE, "WordOfANewerOperator"))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(STARTING, READY, ["Ready"], id="it-became-ready"),
        pytest.param(READY, STARTING, ["Ready"], id="it-stopped-being-ready"),
        pytest.param(None, STARTING, [], id="a-new-fleet-is-never-ready-at-once"),
        pytest.param(STARTING, STILL_STARTING, [], id="one-tier-after-the-other-starts"),
        pytest.param(None, FULL, ["CapacityAvailable"], id="trouble-from-the-start"),
        pytest.param(None, ROOMY, [], id="no-trouble-from-the-start"),
        pytest.param(FULL, UNPLACED, ["CapacityAvailable"], id="another-trouble"),
        pytest.param(FULL, ROOMY, ["CapacityAvailable"], id="trouble-is-over"),
        pytest.param(FULL, FULL, [], id="the-same-trouble"),
        pytest.param(None, UNKNOWN_WORD, [], id="a-word-of-a-newer-operator"),
    ],
)
def test_an_event_is_written_about_what_changed(
    before: VoiceFleetStatus | None, after: VoiceFleetStatus, expected: list[str]
):
    """Events are what `kubectl describe` ends with; noise there hides the one that matters."""
    assert told(before, after) == expected


def with_sessions(shown: str, count: int | None) -> Manifest:
    """Return a status that differs from others only in its calls and in a sentence about them."""
    counted = {} if count is None else {"sessions": count}
    return {
        "agents": {"replicas": 2, "revisions": [{"revision": "a", **counted}], **counted},
        "summary": {"sessions": shown, "agents": "2/2"},
        "conditions": [{"type": "Ready", "message": f"{shown} sessions", "status": "True"}],
        "draining": [{"pod": "a", "etaSeconds": 30 + (count or 0)}],
    }


def test_counts_of_calls_and_sentences_can_wait():
    """They move all the time, and each write wakes every watcher."""
    assert without_moving(with_sessions("3/16", 3)) == without_moving(with_sessions("4/16", 4))


def test_the_first_count_cannot_wait():
    """Whoever waits for a fleet to answer must not be told half a minute later."""
    assert without_moving(with_sessions("0+?/16", None)) != without_moving(with_sessions("0/16", 0))


async def test_a_wish_of_the_author_is_no_warning():
    """Whoever pinned the size by hand should not be alarmed by it."""
    cluster, recorder, clock = FakeCluster(), FakeRecorder(), FakeClock()
    body = cluster.create(a_fleet_body())
    reporter = Reporter(cluster=cluster, recorder=recorder, meter=FakeMeter(), clock=clock)
    pinned = a_status((ConditionType.SCALING_ACTIVE, FALSE, Reason.PINNED_BY_HAND))

    await reporter.report(body, pinned, FleetMemory(), key=fleet_key_of())

    assert [event.is_warning for event in recorder.events] == [False]


def test_a_stalled_fleet_keeps_what_was_known():
    """The calls go on; a status that forgot them would page somebody for nothing."""
    before = a_status(
        (ConditionType.READY, TRUE, Reason.ALL_TIERS_READY),
        (ConditionType.RECONCILING, TRUE, Reason.SCALING_UP),
    )
    body = a_fleet_body()
    stored = {
        **body,
        "metadata": {**body["metadata"], "generation": 4},
        "status": before.to_manifest(),
    }

    status = stall_status(stored, Reason.INVALID_SPEC, "x" * 5000, NOW)

    assert [condition.type for condition in status.conditions] == ["Ready", "Stalled"]
    assert status.observed_generation == 4
    assert len(status.conditions[1].message) <= 1024


def test_a_status_that_cannot_be_read_does_not_stop_the_report():
    """Somebody may have edited it by hand, or a newer operator has written it."""
    body = {**a_fleet_body(), "status": {"agents": "many"}}

    status = stall_status(body, Reason.INVALID_SPEC, "broken", NOW)

    assert [condition.type for condition in status.conditions] == ["Stalled"]
