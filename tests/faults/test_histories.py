"""Whatever goes wrong between the operator and the API server, the end is the same.

    make soak                                          as many seeds as one likes
    VOICEFLEET_FAULT_HISTORY='scale plain: lost@write#9' make faults       one history again

`support.histories` explains how a history is read.
"""

import asyncio
import os
from dataclasses import replace

import pytest

from support.arena import Arena
from support.cluster_fixtures import operator_for
from support.faults import FaultKind
from support.histories import (
    COMBINATIONS,
    History,
    Scenario,
    Verdict,
    crash_histories,
    history_of,
)
from support.operator_log import tracebacks

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(900),
]

OTHER = "voicefleet-other"
"""Namespace of a second Lease, so that two operators may both lead."""

PLAIN, EVERYTHING = COMBINATIONS[0], COMBINATIONS[-1]

SEEDS = range(12)
"""Of the histories that every run repeats."""

FOUND = (
    # A conflict on a pod's marks was taken for a vanished pod: busy for ever without a call.
    "drift evaluation+external_redis: 409@write#31x6",
    # Twelve in a row failed once. They are pauses of nearly three minutes now that no other life's
    # death cuts them short, longer than a stage may take; eight are one.
    "create plain: 409@write#24x8",
    # An own write is no event, so the next step of a drain waited for the next resync.
    "scale plain: cut@voicefleets#18 500@write#4 409@write#28 409@write#28x6",
    "rollout plain: gone@pods#14 stale@pods#21 gone@replicasets#23",
    # Nothing announces a media server's last room; it was asked at the next resync only.
    "media evaluation+external_redis+speech: stale@configmaps#5 twice@replicasets#1",
    # A worker that fell silent and came back with the same word stayed marked as busy.
    "drift plain: lost@read#1 503@write#32 gone@networkpolicies#2 stale@pods#3",
    # kopf told of the first fleet's end after the second's creation; both were forgotten.
    "again speech: late@voicefleets#9",
)
"""Histories that failed once, each with what was wrong."""

_ALL = [
    *(history_of(seed, tiers=(PLAIN, EVERYTHING)) for seed in SEEDS),
    *map(History.parse, FOUND),
    *crash_histories(Scenario.CREATE, EVERYTHING, writes=36, every=6),
]
CALM = [history for history in _ALL if not history.strikes_all]
FATAL = [history for history in _ALL if history.strikes_all]
TOGETHER = [
    History(scenario, EVERYTHING)
    for scenario in (Scenario.ROLLOUT, Scenario.SCALE, Scenario.MEDIA, Scenario.DELETE)
]
"""Lives under two operators that both believe that they lead."""
TOGETHER_QUIET_SECONDS = 8.0
"""Longer than usual: two that correct each other would do so at the pace of their cycles."""

REPLAY = os.environ.get("VOICEFLEET_FAULT_HISTORY", "")


@pytest.fixture(scope="module")
def second_lease(cluster, installed) -> None:
    """Let the chart's identity hold a Lease in one more namespace."""
    account = installed.user.rpartition(":")[2]
    for path, body in (
        ("/api/v1/namespaces", {"metadata": {"name": OTHER}}),
        (
            f"/apis/rbac.authorization.k8s.io/v1/namespaces/{OTHER}/roles",
            {
                "metadata": {"name": "lease"},
                "rules": [
                    {
                        "apiGroups": ["coordination.k8s.io"],
                        "resources": ["leases"],
                        "verbs": ["get", "create", "update", "patch"],
                    }
                ],
            },
        ),
        (
            f"/apis/rbac.authorization.k8s.io/v1/namespaces/{OTHER}/rolebindings",
            {
                "metadata": {"name": "lease"},
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "Role",
                    "name": "lease",
                },
                "subjects": [
                    {"kind": "ServiceAccount", "name": account, "namespace": installed.namespace}
                ],
            },
        ),
    ):
        cluster.api.call("POST", path, body)


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


async def test_histories_of_fixed_seeds_and_those_that_failed_once_converge(arena: Arena):
    """Faults come in combinations that nobody thinks of, and what was broken once breaks again.

    All of them at once, because most of a life is waiting, but none that would end the operator:
    the next one looks at every fleet anew, and what was forgotten would not show.
    """
    await arena.learn([*CALM, *FATAL, *TOGETHER])
    starts = arena.starts

    verdicts = await _judge(arena, CALM)

    struck = {fault.kind for verdict in verdicts for fault in verdict.fired}
    assert len(struck) >= len(FaultKind) // 2, "hardly any kind of fault has struck"
    assert arena.starts == starts, "the operator has ended by itself"


async def test_a_crash_after_any_write_converges(arena: Arena):
    """A node dies without asking which write was the last one."""
    await arena.learn([*CALM, *FATAL, *TOGETHER])

    verdicts = await _judge(arena, FATAL)

    kills = sum(fault.kind is FaultKind.KILL for one in verdicts for fault in one.fired)
    assert kills >= 24


async def test_two_active_operators_reach_the_same_end_and_fall_silent(
    arena: Arena, installed, second_lease
):
    """A Lease is a promise between clocks; the end must not depend on it.

    Server-side apply by the same managers and guarded writes bring both to the same end.
    """
    await arena.learn([*CALM, *FATAL, *TOGETHER])
    second = operator_for(replace(installed, namespace=OTHER), identity="usurper")
    await asyncio.to_thread(second.start)

    try:
        together = await arena.judge(TOGETHER, quiet_seconds=TOGETHER_QUIET_SECONDS)
    finally:
        await asyncio.to_thread(second.stop)

    failed = [str(verdict) for verdict in together if verdict.failures]
    assert failed == []
    assert tracebacks(second.log) == []
