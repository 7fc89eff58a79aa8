"""How many media servers: connections by hand, and laws over any load and any silence."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.builders import MINUTE, NOW, SECOND, a_replicaset, a_server_pod, an_observation
from support.fleets import a_minimal_fleet
from voicefleet.api.media import MediaSpec
from voicefleet.api.reasons import Reason
from voicefleet.core.demand import Demand
from voicefleet.core.media import Servers, view_fleet_servers
from voicefleet.core.media_size import MediaSeen, decide_media_size
from voicefleet.model.observed import Observed, ServerReport, Tier
from voicefleet.model.signal import Sample, Signals
from voicefleet.model.size import Sizing
from voicefleet.model.surge import Surge

HOUR = timedelta(hours=1)


def a_spec(**fields: Any) -> MediaSpec:
    """Return 2 to 12 servers of 100 connections, 80 % used, 1 spare, unless told otherwise."""
    return MediaSpec(max_replicas=12).model_copy(update=fields)


def a_world(
    *participants: int | None, rooms_age: timedelta = 0 * SECOND, **fields: Any
) -> Observed:
    """Return one server per number; None is a server that tells rooms and no connections."""
    children, pods, reports = [], [], {}
    for number, count in enumerate(participants, start=1):
        name = f"media-{number}"
        children.append(a_replicaset(name, tier=Tier.MEDIA, server=number, revision="r"))
        pods.append(a_server_pod(f"{name}-pod", rooms=None, owner=name))
        reports[f"uid-{name}-pod"] = ServerReport(NOW - rooms_age, 1, count)
    return replace(an_observation(*children, seen=pods, **fields), servers=reports)


def see(observed: Observed, *, current: int, sessions: int = 0, silent: int = 0) -> MediaSeen:
    """Return what the size rests on; `silent` workers do not tell their sessions."""
    names = tuple(f"w{index}" for index in range(silent))
    return MediaSeen(
        servers=servers_of(observed),
        demand=Demand(sessions, sessions + 8 * silent, 1, 1, silent=names),
        observed=observed,
        current=current,
    )


def servers_of(observed: Observed) -> Servers:
    """Return the observed servers, all of the newest revision."""
    fleet = a_minimal_fleet()
    return view_fleet_servers(
        observed, current=observed.children.keys(), fleet_uid=fleet.uid, now=NOW
    )


def decide(seen: MediaSeen, memory: Any = None, **spec: Any) -> Sizing:
    """Decide once; what is remembered allows a fall unless told otherwise."""
    calm = {"trace": {"targets": [[int(NOW.timestamp()) - 3600, 0]], "counts": []}}
    return decide_media_size(a_spec(**spec), seen, calm if memory is None else memory, NOW)[0]


def test_servers_are_filled_to_their_share_and_one_is_spare():
    """170 connections / (100 * 80 %) = 2.1, so 3, and a spare: one may fail."""
    sizing = decide(see(a_world(90, 80), current=2))

    assert (sizing.wanted, sizing.reason) == (4, Reason.CONNECTIONS)
    assert sizing.because == (
        "media 2→4: 170 connections / (100 per server * 80 %) = 3 servers + 1 spare"
    )


@pytest.mark.parametrize(
    ("connections", "minimum", "wanted"),
    [
        pytest.param(0, 1, 1, id="nobody calls"),
        pytest.param(80, 1, 1, id="one server will do, and its author chose to have one"),
        pytest.param(81, 1, 3, id="two are needed, so a spare counts"),
        pytest.param(0, 2, 2, id="nobody calls and two are kept"),
        pytest.param(80, 2, 2, id="the spare is within the minimum"),
        pytest.param(81, 2, 3, id="the third is the spare"),
        pytest.param(160, 3, 3, id="two and a spare are the minimum"),
    ],
)
def test_a_spare_counts_towards_the_minimum(connections, minimum, wanted):
    """A fleet at rest stays at its minimum; kind fleets of one server stay at one."""
    sizing = decide(see(a_world(connections), current=minimum), min_replicas=minimum)

    assert sizing.wanted == wanted


def test_sessions_stand_in_for_servers_that_count_no_connections():
    """85 sessions are 170 connections at least."""
    sizing = decide(see(a_world(None, None), current=2, sessions=85))

    assert sizing.wanted == 4


def test_the_metrics_provider_stands_in_for_a_server():
    """Scraped connections of one pod, the other tells its own: 90 + 80."""
    told = Signals(connections={"uid-media-1-pod": Sample(90, NOW)})

    sizing = decide(see(a_world(None, 80, signals=told), current=2))

    assert sizing.wanted == 4


def test_the_larger_of_two_counts_is_believed():
    """Callers who wait for an agent are on servers only; calls being set up on workers only."""
    by_servers = decide(see(a_world(170), current=2, sessions=10))

    by_workers = decide(see(a_world(20), current=2, sessions=85))

    assert (by_servers.wanted, by_workers.wanted) == (4, 4)


def test_a_rise_is_carried_on_for_the_lead_time():
    """From 100 to 160 in 200 s beyond chance (2 * sqrt(130) = 22.8) is 0.186 a second.

    75 s further that is 13.95, so 14: (160 + 14) / 80 = 2.2. Without it 2 would do.
    """
    at = int(NOW.timestamp())
    memory = {"connections": [[at - 400, 100], [at - 200, 130], [at - 100, 160]]}

    sizing = decide(see(a_world(160), current=2), memory)

    assert sizing.wanted == 4
    assert "(160 connections + " in sizing.because


def test_announced_sessions_are_made_room_for_a_lead_time_early():
    """500 sessions in a minute are 1,000 connections: 12.5, so 13, and a spare."""
    surge = Surge("campus-day", "talks", NOW + MINUTE, NOW + HOUR, peak_sessions=500)

    sizing = decide(see(a_world(10, 10, surges=(surge,)), current=2), max_replicas=20)

    assert (sizing.wanted, sizing.reason) == (14, Reason.SURGE_AHEAD)
    assert "SurgePlan campus-day (talks)" in sizing.because


def test_a_window_that_forbids_it_lets_no_server_go():
    """The author expects callers whom nobody can count yet."""
    surge = Surge("campus-day", "talks", NOW - MINUTE, NOW + HOUR, inhibit_scale_down=True)

    sizing = decide(see(a_world(10, 10, 10, 10, 10, surges=(surge,)), current=5))

    assert sizing.wanted == 5


def test_fewer_connections_let_servers_go_one_by_one():
    """50 connections need one and a spare; of five one may go within a minute."""
    sizing = decide(see(a_world(10, 10, 10, 10, 10), current=5))

    assert (sizing.wanted, sizing.reason) == (4, Reason.CONNECTIONS)


def test_lost_memory_lets_nobody_go_for_a_whole_window():
    """A restarted operator does not know what was asked for a minute ago."""
    sizing = decide(see(a_world(10, 10, 10, 10, 10), current=5), {})

    assert sizing.wanted == 5


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(see(a_world(10, 10, None, 10, 10), current=5, silent=1),
                     id="neither a server nor a worker tells"),
        pytest.param(see(a_world(10, 10, 10, 10, 10, rooms_age=2 * MINUTE), current=5),
                     id="rooms are stale"),
        pytest.param(see(a_world(), current=5), id="no server runs any more"),
        pytest.param(see(a_world(10), current=5), id="fewer run than would be needed"),
    ],
)  # fmt: skip
def test_what_is_not_known_lets_no_server_go(seen):
    """A call on a server that nobody heard of is a call all the same."""
    sizing = decide(seen)

    assert (sizing.wanted, sizing.reason) == (5, Reason.HELD)


def test_what_is_not_known_may_still_add_servers():
    """Those that tell are enough to need more."""
    sizing = decide(see(a_world(170, None), current=2, silent=3))

    assert sizing.wanted == 4


def test_a_silent_server_counts_with_what_it_last_told():
    """Its calls have not ended because it fell silent."""
    fresh, silent = a_world(90, 80), a_world(90, 80, rooms_age=5 * MINUTE)
    half = replace(
        fresh, servers={**fresh.servers, "uid-media-2-pod": silent.servers["uid-media-2-pod"]}
    )

    sizing = decide(see(half, current=2))

    assert sizing.wanted == 4


LOADS = st.lists(st.none() | st.integers(0, 600), max_size=6)
BOUNDS = st.tuples(st.integers(1, 10), st.integers(1, 100)).map(sorted)


@given(LOADS, BOUNDS, st.integers(0, 120), st.integers(0, 9_000), st.integers(0, 3))
def test_the_size_stays_within_the_bounds(loads, bounds, current, sessions, silent):
    """Whatever is counted, the author's limits win."""
    seen = see(a_world(*loads), current=current, sessions=sessions, silent=silent)

    sizing = decide(seen, min_replicas=bounds[0], max_replicas=bounds[1])

    assert bounds[0] <= sizing.wanted <= bounds[1]


@given(st.lists(st.integers(0, 600), min_size=1, max_size=6), st.integers(0, 5),
       st.integers(0, 500), st.integers(0, 2_000), st.integers(0, 500))  # fmt: skip
def test_more_load_never_asks_for_fewer(loads, index, more, sessions, extra):
    """Monotone in the connections of each server and in sessions."""
    grown = [load + more * (i == index) for i, load in enumerate(loads)]
    little = see(a_world(*loads), current=3, sessions=sessions)
    much = see(a_world(*grown), current=3, sessions=sessions + extra)

    less, more_servers = (decide(seen, max_replicas=100).wanted for seen in (little, much))

    assert more_servers >= less


@given(LOADS, st.integers(1, 400), st.integers(0, 400))
def test_larger_servers_are_never_more(loads, size, extra):
    """Larger capacity never gives more."""
    seen = see(a_world(*loads), current=2, sessions=40)
    small = decide(seen, max_replicas=100, connections_per_server=size + 1)

    large = decide(seen, max_replicas=100, connections_per_server=size + 1 + extra)

    assert large.wanted <= small.wanted


@given(st.lists(st.integers(0, 600), min_size=1, max_size=5), st.integers(0, 500))
def test_a_further_valid_signal_never_lowers(loads, told):
    """What the provider adds about a server that is silent can only add."""
    world = a_world(*loads, None)
    uid = f"uid-media-{len(loads) + 1}-pod"
    heard = replace(world, signals=Signals(connections={uid: Sample(told, NOW)}))

    without = decide(see(world, current=2), max_replicas=100)

    assert decide(see(heard, current=2), max_replicas=100).wanted >= without.wanted


@given(st.sampled_from([float("nan"), float("inf"), -1.0, 1e308, True, "7"]), st.integers(0, 9))
def test_absurd_values_never_lower_and_never_raise_an_exception(value, current):
    """A broken exporter must be no different from a silent one."""
    world = a_world(
        None, None, signals=Signals(connections={"uid-media-1-pod": Sample(value, NOW)})
    )

    sizing = decide(see(world, current=current, silent=1))

    assert sizing.wanted >= current


@given(LOADS, st.integers(0, 20), st.randoms(use_true_random=False))
def test_the_order_of_servers_does_not_matter(loads, current, random):
    """A cache may list them in any order."""
    world = a_world(*loads)
    children, pods = list(world.children.items()), list(world.pods)
    random.shuffle(children)
    random.shuffle(pods)
    shuffled = replace(world, children=dict(children), pods=tuple(pods))

    assert decide(see(world, current=current)) == decide(see(shuffled, current=current))


@given(LOADS, st.integers(0, 20), st.integers(0, 300))
def test_the_same_input_gives_the_same_answer_and_nothing_new(loads, current, sessions):
    """A second look at the same instant changes nothing, and neither does what it remembers."""
    seen = see(a_world(*loads), current=current, sessions=sessions)
    sizing, memory = decide_media_size(a_spec(), seen, {}, NOW)

    again, kept = decide_media_size(a_spec(), replace(seen, current=sizing.wanted), memory, NOW)

    assert again.wanted == sizing.wanted
    assert kept["connections"] == memory["connections"]


@settings(max_examples=25)
@given(st.integers(0, 900))
def test_a_constant_load_settles_and_stays(connections):
    """Two windows after the last change of the load nothing changes any more."""
    current, memory, sizes = 2, {}, []
    for tick in range(60):
        now = NOW + tick * 15 * SECOND
        world = a_world(connections, 0, 0)
        reports = {uid: replace(told, observed_at=now) for uid, told in world.servers.items()}
        seen = see(replace(world, servers=reports), current=current)
        sizing, memory = decide_media_size(a_spec(), seen, memory, now)
        current = sizing.wanted
        sizes.append(current)

    assert len(set(sizes[16:])) == 1
    assert sizes[0] == sizes[-1]


@settings(max_examples=25)
@given(st.lists(st.integers(0, 900), min_size=4, max_size=12), st.integers(1, 20))
def test_no_server_goes_within_a_window_of_one_that_came(loads, ticks):
    """A load that swings faster than the window buys servers once, and not again and again."""
    current, memory, came_at = 2, {}, None
    for tick in range(60):
        now = NOW + tick * 15 * SECOND
        world = a_world(loads[tick // ticks % len(loads)], 0, 0)
        reports = {uid: replace(told, observed_at=now) for uid, told in world.servers.items()}
        seen = see(replace(world, servers=reports), current=current)
        sizing, memory = decide_media_size(a_spec(), seen, memory, now)
        went = sizing.wanted < current
        assert not (went and came_at is not None and now - came_at < 120 * SECOND)
        came_at = now if sizing.wanted > current else came_at
        current = sizing.wanted


@given(st.integers(0, 40))
def test_missed_looks_do_not_let_anybody_go_at_once(minutes):
    """Between two looks far apart nobody has seen that so few were enough."""
    at = int(NOW.timestamp())
    memory = {
        "trace": {"targets": [[at - 9_000, 9]], "counts": [], "lookedAt": at - 61 - 60 * minutes}
    }
    seen = see(a_world(*[0] * 9), current=9)

    sizing = decide(seen, memory)

    assert sizing.wanted == 9
