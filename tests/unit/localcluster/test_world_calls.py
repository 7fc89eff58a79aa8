"""Callers: the same ones for whoever scales, none lost without being counted."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from voicefleet.sim.latency import ttfb_p95
from voicefleet_localcluster.world.calls import Line, Traffic
from voicefleet_localcluster.world.pods import PodFacts
from voicefleet_localcluster.world.population import Inhabitant
from voicefleet_localcluster.world.turns import BOUNDS, Turns
from voicefleet_localcluster.world.workers import ChangeError, Server, Worker

BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TICK = 0.1


def a_place(name: str, *, port: int = 8081, is_ready: bool = True) -> PodFacts:
    """Return the pod of a worker or a server."""
    return PodFacts(
        uid=f"uid-{name}",
        namespace="hiring",
        name=name,
        owner="interviews",
        address="127.77.16.1",
        labels=(),
        ports=frozenset({port}),
        revision="1a2b3c4d",
        backend="selfHosted",
        slots=4,
        token=None,
        is_ready=is_ready,
    )


def workers_of(count: int, **state: Any) -> list[Inhabitant[Worker]]:
    """Return Ready workers of four slots each."""
    return [
        Inhabitant(a_place(f"w{n}"), Worker(f"w{n}", "1a2b3c4d", "selfHosted", 4, **state))
        for n in range(count)
    ]


def servers_of(count: int) -> list[Inhabitant[Server]]:
    """Return Ready media servers."""
    return [Inhabitant(a_place(f"s{n}", port=6789), Server(f"s{n}")) for n in range(count)]


def pass_time(line: Line, seconds: float, workers: list[Any], servers: list[Any]) -> None:
    """Let a line go on for so long."""
    begun = BEGIN + timedelta(seconds=line.tally.worker_seconds and 1000)
    for tick in range(round(seconds / TICK)):
        line.advance(begun + timedelta(seconds=tick * TICK), TICK, workers, servers)


def test_every_caller_ends_in_exactly_one_column():
    """A verdict that loses callers between its columns proves nothing."""
    line = Line("hiring", Traffic(calls_per_second=3, median_seconds=4))

    pass_time(line, 60, workers_of(2), servers_of(1))

    tally = line.tally
    assert tally.offered > 100
    assert tally.turned_away > 0
    assert tally.answered == tally.completed + tally.cut + len(line.running)
    assert tally.offered == tally.answered + tally.turned_away + len(line.waiting)


def test_the_same_seed_brings_the_same_callers_whatever_answers_them():
    """Two autoscalers are compared on the same day, not on two days."""
    few, many = (Line("a", Traffic(2, 5, seed=7)), Line("b", Traffic(2, 5, seed=7)))

    pass_time(few, 30, workers_of(1), servers_of(1))
    pass_time(many, 30, workers_of(9), servers_of(1))

    assert few.tally.offered == many.tally.offered
    assert few.tally.turned_away > many.tally.turned_away == 0


@pytest.mark.parametrize("state", [{"cordoned": True}, {"unreachable": True}, {"reserved": 4}])
def test_a_worker_that_takes_no_calls_gets_none(state: dict[str, Any]):
    """A cordon that callers do not heed would make every drain endless."""
    workers = workers_of(1, **state)
    line = Line("hiring", Traffic(calls_per_second=2, median_seconds=5))

    pass_time(line, 10, workers, servers_of(1))

    assert line.tally.answered == 0
    assert workers[0].actor.sessions == ()


def test_a_call_whose_pod_vanishes_is_cut():
    """What the whole product promises not to do has to be visible here."""
    workers = workers_of(1)
    line = Line("hiring", Traffic(calls_per_second=2, median_seconds=60))
    pass_time(line, 3, workers, servers_of(1))
    running = len(line.running)

    line.advance(BEGIN + timedelta(seconds=4), TICK, [], [])

    assert running > 0
    assert line.tally.cut == running
    assert line.running == {}


def test_rooms_and_connections_are_those_of_the_calls():
    """The operator's second witness before it removes anything."""
    servers = servers_of(2)
    line = Line("hiring", Traffic(calls_per_second=2, median_seconds=60))

    pass_time(line, 3, workers_of(3), servers)

    assert sum(server.actor.rooms for server in servers) == len(line.running)
    assert sum(server.actor.participants for server in servers) == 2 * len(line.running)


def test_an_unknown_wish_is_refused_by_name():
    """A misspelt rate would be a quiet day."""
    with pytest.raises(ChangeError, match="callsPerHour: unknown"):
        Traffic().with_changes({"callsPerHour": 3})


@pytest.mark.parametrize(("load", "milliseconds"), [(0.0, 240), (0.7, 346), (0.8, 392), (0.9, 484)])
def test_answers_slow_down_with_the_load(load: float, milliseconds: int):
    """The figures of the curve; the target of 400 ms lies just above 80 % load."""
    assert ttfb_p95(load) == pytest.approx(milliseconds, abs=1)


def test_the_histogram_holds_the_curves_p95():
    """Prometheus computes the P95 from these bars; it must be the one that was meant."""
    turns, random = Turns(), Random(5)
    seconds = sorted(turns.answer(0.7, random) for _ in range(4000))

    text = turns.metrics({"fleet": "interviews"})

    assert seconds[3800] == pytest.approx(0.346, rel=0.04)
    assert sum(turns.counts) == 4000
    assert 'fleet="interviews",pipeline="cascade",le="+Inf"} 4000' in text
    assert text.count("_bucket{") == len(BOUNDS) + 1


def test_everybody_who_rang_is_remembered_whatever_became_of_them():
    """The same day is simulated from it, so those who were turned away must not be missing."""
    line = Line("hiring", Traffic(calls_per_second=3, median_seconds=4))

    pass_time(line, 60, workers_of(1), servers_of(1))

    assert line.tally.turned_away > 0
    assert len(line.callers) == line.tally.offered
    assert all(caller.seconds > 0 for caller in line.callers)


def test_a_call_that_has_ended_is_remembered_as_long_as_it_lasted():
    """The simulator ends a call to the millisecond, the world at its next tick."""
    line = Line("hiring", Traffic(calls_per_second=3, median_seconds=4))

    pass_time(line, 60, workers_of(9), servers_of(1))

    first = line.callers[0]
    assert first.seconds == pytest.approx(round(first.seconds, 1), abs=1e-9)


def test_a_new_rate_before_the_first_caller_does_not_begin_the_wait_anew():
    """The demo tells its rate each second; with a long first wait nobody would ever ring."""
    line = Line("hiring", Traffic(calls_per_second=0.5, seed=3))

    for second in range(60):
        line.change(Traffic(calls_per_second=0.5, median_seconds=30 + second, seed=3))
        line.advance(BEGIN + timedelta(seconds=second), 1.0, workers_of(1), servers_of(1))

    assert line.tally.offered > 15


@pytest.mark.parametrize("cordoned", [False, True])
def test_a_worker_answers_as_fast_as_the_simulators_at_the_same_load(cordoned: bool):
    """Eight slots served well are 80 % of what fits, and a cordon slows nobody down."""
    worker = Worker("w", "1a2b3c4d", "selfHosted", 8, cordoned=cordoned)

    full = worker.with_sessions(8, BEGIN)

    assert full.load == 0.8
    assert ttfb_p95(full.load) < 400
