"""What one cycle does to the media servers."""

import pytest

from support.builders import (
    MINUTE,
    NOW,
    SECOND,
    Seen,
    a_replicaset,
    a_server_pod,
    an_observation,
    with_pod,
)
from support.fleets import a_minimal_fleet
from voicefleet.api.labels import REVISION
from voicefleet.api.reasons import Reason
from voicefleet.api.status import MediaStatus, VoiceFleetStatus
from voicefleet.core.media import (
    MediaDecision,
    Servers,
    decide_media,
    find_last_number,
    find_media_revisions,
    view_fleet_servers,
)
from voicefleet.manifests import ObjectKey
from voicefleet.model.observed import Child, Observed, Tier

OWNER = a_minimal_fleet().uid


def a_server(number: int, revision: str = "now", **child: object) -> Child:
    """Return one server's ReplicaSet."""
    return a_replicaset(f"m-{number}", tier=Tier.MEDIA, server=number, revision=revision, **child)


def its_pod(number: int, **facts: object) -> Seen:
    """Return that server's pod, Ready and without a room unless said otherwise."""
    return a_server_pod(f"m-{number}-x", owner=f"m-{number}", **facts)


def servers(*children: Child, seen: tuple[Seen, ...] = ()) -> Servers:
    """Return the servers; those of revision `now` are as the author wants them."""
    observed = an_observation(*children, seen=seen)
    current = {child.key for child in children if child.labels[REVISION] == "now"}
    return view_fleet_servers(observed, current=current, fleet_uid=OWNER, now=NOW)


def decide(view: Servers, wanted: int, last_number: int = 3) -> MediaDecision:
    """Decide with `last_number` the highest number so far."""
    return decide_media(view, wanted, last_number=last_number, now=NOW)


def deleted(decision: MediaDecision) -> list[str]:
    """Return the names of the servers that go."""
    return [step.key.name for step in decision.deletions]


def test_missing_servers_get_numbers_that_were_never_used():
    """Callers and other servers remember names; an old name must not mean a new server."""
    view = servers(a_server(2), seen=(its_pod(2, rooms=3),))

    assert decide(view, 3, last_number=7).create == (8, 9)


@pytest.mark.parametrize(
    ("facts", "goes"),
    [
        pytest.param({"empty_for": 10 * SECOND}, True, id="empty-for-ten-seconds"),
        pytest.param({"empty_for": 9 * SECOND}, False, id="nine-seconds-are-one-reading"),
        pytest.param({"rooms": 1}, False, id="one-room"),
        pytest.param({"rooms": None}, False, id="no-reading-is-busy"),
        pytest.param(
            {"empty_for": MINUTE, "report_age": 11 * SECOND}, False, id="an-old-reading-is-busy"
        ),
        pytest.param({"is_running": False}, True, id="no-container-runs"),
        pytest.param({"rooms": 1, "is_deleting": True}, False, id="rooms-on-a-pod-that-is-leaving"),
    ],
)
def test_a_surplus_server_goes_only_when_it_is_certainly_empty(
    facts: dict[str, object],
    goes: bool,
):
    """Rooms cannot move to another server."""
    view = servers(a_server(1), a_server(2), seen=(its_pod(1, rooms=5), its_pod(2, **facts)))

    assert deleted(decide(view, 1)) == (["m-2"] if goes else [])


def test_of_two_empty_servers_the_newer_goes():
    """The oldest have the addresses that people know."""
    seen = tuple(its_pod(number, empty_for=MINUTE) for number in (1, 2, 3))
    view = servers(a_server(1), a_server(2), a_server(3), seen=seen)

    assert deleted(decide(view, 2)) == ["m-3"]


def test_a_new_configuration_starts_beside_the_old_one():
    """Servers are never restarted into a new configuration."""
    view = servers(a_server(1, "then"), a_server(2, "then"), seen=(its_pod(1, rooms=1), its_pod(2)))

    decision = decide(view, 2)

    assert (decision.create, deleted(decision)) == ((4,), [])
    assert decision.decisions[0].reason is Reason.NEW_REVISION


def test_an_old_server_goes_for_each_new_ready_one():
    """As many servers as wanted take calls all the time."""
    view = servers(
        a_server(1, "then"),
        a_server(2, "then"),
        a_server(4),
        seen=(its_pod(1, rooms=1), its_pod(2, empty_for=MINUTE), its_pod(4)),
    )

    assert deleted(decide(view, 2)) == ["m-2"]


def test_an_old_empty_server_stays_while_new_ones_are_broken():
    """An empty server that works is worth more than one that does not start."""
    view = servers(
        a_server(1, "then"),
        a_server(4),
        seen=(its_pod(1, empty_for=MINUTE), its_pod(4, is_running=False)),
    )

    assert deleted(decide(view, 1)) == []


def test_a_server_without_a_known_pod_counts_as_busy_while_its_controller_has_a_ready_one():
    """The cache of pods may lag behind the cache of ReplicaSets."""
    lagging = a_server(1)
    lagging.manifest["status"]["readyReplicas"] = 1
    view = servers(lagging, a_server(2), seen=(its_pod(2, rooms=1),))

    assert deleted(decide(view, 1)) == []


def test_an_emptiness_that_has_to_last_wakes_the_fleet_by_itself():
    """Nobody announces that ten seconds are over."""
    view = servers(
        a_server(1), a_server(2), seen=(its_pod(1, rooms=1), its_pod(2, empty_for=4 * SECOND))
    )

    assert decide(view, 1).wake_after == 6 * SECOND


def test_a_waiting_server_says_what_it_waits_for():
    """The note stands in the plan that an SRE reads."""
    view = servers(a_server(1), a_server(2), seen=(its_pod(1, rooms=4), its_pod(2, rooms=3)))

    assert decide(view, 1).notes == {"ReplicaSet/m-2": "surplus; waits for 3 rooms to close"}


def test_a_stopped_server_is_started_again():
    """Somebody scaled its ReplicaSet to zero by hand."""
    view = servers(a_replicaset("m-1", 0, tier=Tier.MEDIA, server=1, revision="now"))

    assert [step.replicas_to for step in decide(view, 1).claims] == [1]


def test_a_doubled_server_with_two_running_pods_is_left_alone():
    """Nobody can say which of the two the controller would take."""
    pods = (its_pod(1, rooms=1), a_server_pod("m-1-y", owner="m-1", rooms=1))
    view = servers(a_replicaset("m-1", 2, tier=Tier.MEDIA, server=1, revision="now"), seen=pods)

    assert decide(view, 1).claims == ()


@pytest.mark.parametrize(
    ("remembered", "existing", "created", "expected"),
    [
        pytest.param(7, [2], [], 7, id="the-status-remembers-servers-long-gone"),
        pytest.param(1, [4], [], 4, id="the-cluster-knows-more-than-an-old-status"),
        pytest.param(1, [4], [5], 5, id="one-made-a-moment-ago"),
        pytest.param(0, [], [], 0, id="none-yet"),
    ],
)
def test_the_last_number_is_never_forgotten(
    remembered: int, existing: list[int], created: list[int], expected: int
):
    """Three places know; the highest is right."""
    status = VoiceFleetStatus(media=MediaStatus(last_server=remembered))
    observed = an_observation(*(a_server(number) for number in existing))
    made = [ObjectKey("ReplicaSet", "voice", f"interviews-media-{number}") for number in created]

    assert find_last_number(status, observed, created=made) == expected


def test_a_configuration_is_used_until_its_last_pod_is_gone():
    """A container that restarts reads its file again."""
    leaving = with_pod(its_pod(1), is_deleting=True, revision="then")
    observed: Observed = an_observation(a_server(2), seen=(leaving,))

    assert find_media_revisions(observed.children, observed.pods) == {"then", "now"}


def test_a_server_that_somebody_is_deleting_is_replaced():
    """Its pod is on its way out; waiting would leave the tier short."""
    gone = a_server(1, deletionTimestamp="2026-03-02T08:59:59Z")

    decision = decide(servers(gone, a_server(2), seen=(its_pod(2),)), 2)

    assert decision.create == (4,)


def test_a_server_with_rooms_that_has_to_go_is_asked_again_soon():
    """Nothing announces its last room; the next resync may be an hour away."""
    view = servers(a_server(1), a_server(2), seen=(its_pod(1, rooms=2), its_pod(2, rooms=1)))

    assert decide(view, 1).wake_after == 10 * SECOND
