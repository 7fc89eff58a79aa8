"""What is news, and what is not."""

from collections import Counter
from datetime import timedelta

import pytest

from support.cycles import IMAGE, NAMESPACE, FakeMeter, Shell, a_fleet_body, fleet_key_of
from support.fakes import NOW, FakeClock, FakeCluster, FakeRecorder
from voicefleet.api.reasons import ConditionType, Reason
from voicefleet.api.status import AgentsStatus, Condition, ConditionStatus, VoiceFleetStatus
from voicefleet.errors import UnavailableError
from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.model.decision import Decision
from voicefleet.model.observed import Tier
from voicefleet.shell.memory import FleetMemory
from voicefleet.shell.news import (
    COUNT_INTERVAL_SECONDS,
    STATUS_INTERVAL_SECONDS,
    find_interval,
    find_transitions,
    without_moving,
)
from voicefleet.shell.report import GROWTH_PATIENCE_SECONDS, PUT_OFF_SECONDS, Reporter
from voicefleet.shell.stalled import stall_status

TRUE, FALSE = ConditionStatus.TRUE, ConditionStatus.FALSE
UNREADY = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}


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


def at_count(replicas: int, ready: int, **more: object) -> Manifest:
    """Return a status that differs from others only in counts of replicas."""
    agents = {"replicas": replicas, "readyReplicas": ready, "desiredReplicas": 3}
    return {"agents": agents, "summary": {"agents": f"{ready}/3"}, **more}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(at_count(2, 2), at_count(3, 2), COUNT_INTERVAL_SECONDS, id="a-pod-came"),
        pytest.param(
            with_sessions("0+?/16", None),
            with_sessions("0/16", 0),
            COUNT_INTERVAL_SECONDS,
            id="the-first-count-of-calls",
        ),
        pytest.param(
            with_sessions("3/16", 3),
            with_sessions("4/16", 4),
            STATUS_INTERVAL_SECONDS,
            id="a-call-came",
        ),
        pytest.param(
            at_count(2, 2), at_count(2, 2, observedGeneration=2), 0.0, id="another-generation"
        ),
        pytest.param(
            at_count(2, 2, conditions=[]),
            at_count(3, 3, conditions=[{"type": "Ready"}]),
            0.0,
            id="a-condition-and-a-count",
        ),
    ],
)
def test_what_is_new_decides_how_soon_it_is_written(
    before: Manifest, after: Manifest, expected: float
):
    """A condition pages somebody; a count that moves on in a moment only wakes watchers."""
    assert find_interval(before, after) == expected


async def test_pods_that_come_and_go_are_written_once_a_second():
    """A surge of 60 workers moves two counts 60 times each, and every write wakes watchers."""
    shell = Shell()
    key = await shell.apply(a_fleet_body(agents={"image": IMAGE, "minReplicas": 8}))
    pods = [pod.name for pod in shell.cluster.pods(key) if pod.tier == "agents"]
    shell.cluster.edit(ObjectKey("Pod", NAMESPACE, pods[0]), UNREADY)
    await shell.settle()
    shell.cluster.writes.clear()

    for pod in pods[1:]:
        shell.cluster.edit(ObjectKey("Pod", NAMESPACE, pod), UNREADY)
        await shell.settle(0.25)

    assert 1 <= shell.cluster.writes.count(f"status {key}") <= 3


async def test_growth_that_was_decided_is_told_in_one_event():
    """The decision says it; "not ready" and "ready" around it are an alarm about nothing."""
    shell = Shell()
    key = await shell.apply(a_fleet_body())
    before = count_events(shell.recorder)

    shell.cluster.edit(key, {"spec": {"agents": {"minReplicas": 4}}})
    await shell.settle()

    assert count_events(shell.recorder) - before == Counter(BelowMinimum=1)
    assert shell.condition("Ready")["status"] == "True"


GROWN = Decision(Tier.AGENTS, 2, 4, Reason.BELOW_MINIMUM, "minReplicas is 4")
ROOM = (ConditionType.CAPACITY_AVAILABLE, TRUE, Reason.CAPACITY_READY)
GROWING = a_status(
    (ConditionType.READY, FALSE, Reason.AGENTS_NOT_READY),
    (ConditionType.RECONCILING, TRUE, Reason.SCALING_UP),
    ROOM,
)
GROWING_WITHOUT_MEDIA = a_status(
    (ConditionType.READY, FALSE, Reason.MEDIA_NOT_READY),
    (ConditionType.RECONCILING, TRUE, Reason.SCALING_UP),
    ROOM,
)
GROWN_WELL = a_status((ConditionType.READY, TRUE, Reason.ALL_TIERS_READY), ROOM)


def count_events(recorder: FakeRecorder) -> Counter[str]:
    """Return how often each reason was recorded."""
    return sum((Counter({str(one.reason): one.count}) for one in recorder.events), Counter())


class Told:
    """Reports one status after the other, and returns what each was worth an Event."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.recorder = FakeRecorder()
        self.memory = FleetMemory()
        self.cluster = FakeCluster()
        self.cluster.create(a_fleet_body())
        self.leads = True
        self.meets = False
        self._reporter = Reporter(
            cluster=self.cluster,
            recorder=self.recorder,
            meter=FakeMeter(),
            clock=self.clock,
            may_write=lambda: self.leads,
            is_meeting=lambda: self.meets,
        )

    async def report(self, status: VoiceFleetStatus, *decisions: Decision) -> list[str]:
        """Report a status of this moment; returns the reasons of its Events."""
        before = count_events(self.recorder)
        self.memory.unreported = decisions
        body = self.cluster.get(fleet_key_of())
        await self._reporter.report(body, status, self.memory, key=fleet_key_of())
        return list(count_events(self.recorder) - before)


async def test_news_waits_while_other_fleets_wait_for_their_first_cycle():
    """What is done for the last of a thousand goes before what is told of the first."""
    told = Told()
    await told.report(GROWN_WELL)
    told.meets = True

    put_off = await told.report(GROWING, GROWN)
    told.meets = False
    after = await told.report(GROWING, GROWN)

    assert (put_off, after) == ([], ["BelowMinimum"])
    assert told.cluster.writes.count(f"status {fleet_key_of()}") == 2


async def test_news_does_not_wait_for_ever_for_fleets_that_keep_coming():
    """Half a minute is what somebody bears who looks at one fleet of many."""
    told = Told()
    await told.report(GROWN_WELL)
    told.meets = True
    put_off = await told.report(GROWING, GROWN)
    told.clock.advance(timedelta(seconds=PUT_OFF_SECONDS))

    late = await told.report(GROWING, GROWN)

    assert (put_off, late) == ([], ["BelowMinimum"])


async def test_a_new_fleet_is_told_of_at_once():
    """Whoever has just applied it looks at it."""
    told = Told()
    told.meets = True

    assert await told.report(GROWING, GROWN) != []


@pytest.mark.parametrize("sessions", [3, None], ids=["another-count", "not-known-yet"])
async def test_a_start_writes_no_count_that_the_process_before_has_written(sessions: int | None):
    """Workers' first words take a second on a busy machine; 1,000 fleets would be written."""
    told = Told()
    counted = {"agents": AgentsStatus(sessions=4)}
    await told.report(GROWN_WELL.model_copy(update=counted))
    told.memory = FleetMemory()

    await told.report(GROWN_WELL.model_copy(update={"agents": AgentsStatus(sessions=sessions)}))

    assert told.cluster.writes.count(f"status {fleet_key_of()}") == 1


async def test_a_worker_that_takes_too_long_to_start_is_told_after_all():
    """Whoever waits for capacity must learn that it does not come, and then that it did."""
    told = Told()
    await told.report(GROWN_WELL)
    at_once = await told.report(GROWING, GROWN)
    told.clock.advance(timedelta(seconds=GROWTH_PATIENCE_SECONDS))

    late, again, well = [await told.report(status) for status in (GROWING, GROWING, GROWN_WELL)]

    assert at_once == ["BelowMinimum"]
    assert (late, again, well) == (["AgentsNotReady"], [], ["AllTiersReady"])


async def test_another_trouble_while_a_fleet_grows_is_told_at_once():
    """New workers excuse nothing but themselves."""
    told = Told()
    await told.report(GROWN_WELL)
    await told.report(GROWING, GROWN)

    reasons = await told.report(GROWING_WITHOUT_MEDIA)

    assert reasons == ["MediaNotReady"]


async def test_a_fleet_that_loses_a_worker_is_told_at_once():
    """Nobody decided that."""
    told = Told()
    await told.report(GROWN_WELL)

    reasons = await told.report(GROWING)

    assert reasons == ["AgentsNotReady"]


async def test_a_replica_without_the_lease_writes_no_status_and_no_event():
    """The next leader may have written already; an older word over it would be untrue."""
    told = Told()
    told.leads = False

    with pytest.raises(UnavailableError, match="does not hold the Lease"):
        await told.report(GROWING, GROWN)

    assert told.cluster.writes == []
    assert told.recorder.events == []


async def test_a_wish_of_the_author_is_no_warning():
    """Whoever pinned the size by hand should not be alarmed by it."""
    cluster, recorder, clock = FakeCluster(), FakeRecorder(), FakeClock()
    body = cluster.create(a_fleet_body())
    reporter = Reporter(
        cluster=cluster,
        recorder=recorder,
        meter=FakeMeter(),
        clock=clock,
        may_write=lambda: True,
        is_meeting=lambda: False,
    )
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
