"""Whatever goes wrong between the operator and the API server, the end is the same.

    make soak                                          as many seeds as one likes
    VOICEFLEET_FAULT_HISTORY='scale plain: lost@write#9' make faults       one history again

`support.histories` explains how a history is read.
"""

import os

import pytest

from support.arena import Arena
from support.faults import FaultKind
from support.histories import (
    COMBINATIONS,
    History,
    Scenario,
    Verdict,
    crash_histories,
    history_of,
)

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(900),
]

PLAIN, EVERYTHING = COMBINATIONS[0], COMBINATIONS[-1]

SEEDS = range(12)
"""Of the histories that every run repeats."""

FOUND = (
    # A conflict on a pod's marks was taken for a vanished pod: busy for ever without a call.
    "drift evaluation+external_redis: 409@write#31x6",
    "create plain: 409@write#24x12",
    # An own write is no event, so the next step of a drain waited for the next resync.
    "scale plain: cut@voicefleets#18 500@write#4 409@write#28 409@write#28x6",
    "rollout plain: gone@pods#14 stale@pods#21 gone@replicasets#23",
    # Nothing announces a media server's last room; it was asked at the next resync only.
    "media evaluation+external_redis+speech: stale@configmaps#5 twice@replicasets#1",
    # A worker that fell silent and came back with the same word stayed marked as busy.
    "drift plain: lost@read#1 503@write#32 gone@networkpolicies#2 stale@pods#3",
)
"""Histories that failed once, each with what was wrong."""

REPLAY = os.environ.get("VOICEFLEET_FAULT_HISTORY", "")


async def _judge(arena: Arena, histories: list[History]) -> list[Verdict]:
    """Judge histories; one that is replayed by hand is cut down to its shortest form as well."""
    verdicts = await arena.judge(histories)
    failed = [verdict for verdict in verdicts if verdict.failures]
    if failed and REPLAY:
        failed.append(await arena.shrink(failed[0]))
    if failed:
        pytest.fail("\n".join(map(str, failed)), pytrace=False)
    return verdicts


@pytest.mark.skipif(not REPLAY, reason="VOICEFLEET_FAULT_HISTORY names no history")
async def test_a_history_given_by_hand_converges(arena: Arena):
    """Whoever is given a failing line sees the same failure, with one command."""
    verdicts = await _judge(arena, [History.parse(REPLAY)])

    assert [verdict.failures for verdict in verdicts] == [()]


async def test_histories_of_fixed_seeds_converge(arena: Arena):
    """Faults come in combinations that nobody thinks of; a seed thinks of them for us."""
    histories = [history_of(seed, tiers=(PLAIN, EVERYTHING)) for seed in SEEDS]

    verdicts = await _judge(arena, histories)

    struck = {fault.kind for verdict in verdicts for fault in verdict.fired}
    assert len(struck) >= len(FaultKind) // 2, "hardly any kind of fault has struck"


async def test_histories_that_failed_once_converge(arena: Arena):
    """What was broken once breaks again in the same place."""
    verdicts = await _judge(arena, [History.parse(line) for line in FOUND])

    assert sum(len(verdict.fired) for verdict in verdicts) >= len(FOUND)


async def test_a_crash_after_any_write_converges(arena: Arena):
    """A node dies without asking which write was the last one."""
    histories = crash_histories(Scenario.CREATE, EVERYTHING, writes=36, every=6)

    verdicts = await _judge(arena, list(histories))

    assert sum(len(verdict.fired) for verdict in verdicts) >= 24
