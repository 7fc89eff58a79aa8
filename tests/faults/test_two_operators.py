"""Two replicas: one leads and one waits, or both believe that they lead.

The Lease keeps them apart; where it fails to, for whatever reason, server-side apply by the
same managers and guarded writes must bring both to the same end.
"""

import asyncio
import itertools
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import httpx
import pytest

from support.api import Api, eventually
from support.arena import Arena
from support.cluster_fixtures import operator_for
from support.histories import COMBINATIONS, History, Scenario
from support.manifests import a_fleet_manifest, is_settled
from voicefleet_localcluster.operator_process import LEADING, OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]

OTHER = "voicefleet-other"
"""Namespace of a second Lease, so that two operators may both lead."""

TAKE_OVER_SECONDS = 10 + 2 + 2
"""The Lease's duration, one retry of the standby, and a busy machine."""
HAND_OVER_SECONDS = 2 + 1
"""One retry of the standby, and finishing what was begun."""
QUIET_SECONDS = 8.0

_pairs = itertools.count(1)


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


@pytest.fixture
def pair(installed, alone) -> Iterator[tuple[OperatorProcess, OperatorProcess]]:
    """Return a leader and a standby whose caches are warm."""
    number = next(_pairs)
    leader = operator_for(installed, identity=f"leader-{number}")
    standby = operator_for(installed, identity=f"standby-{number}")
    with ExitStack() as stack:
        stack.callback(leader.kill)
        leader.start()
        stack.callback(standby.stop)
        standby.start(until_leading=False)
        eventually("the standby is there", lambda: _is_healthy(standby), seconds=20)
        yield leader, standby


def _is_healthy(operator: OperatorProcess) -> bool:
    try:
        return operator.answers()
    except httpx.TransportError:
        return False


def _seconds_until_leading(operator: OperatorProcess, *, since: float) -> float:
    eventually("the standby leads", lambda: LEADING in operator.log, seconds=30, every=0.02)
    return time.monotonic() - since


def _is_ready(api: Api, namespace: str) -> bool:
    return is_settled(api.get("VoiceFleet", namespace, "interviews"))


@pytest.mark.asyncio(loop_scope="module")
async def test_two_active_operators_reach_the_same_end_and_fall_silent(
    arena: Arena, installed, second_lease
):
    """A Lease is a promise between clocks; the end must not depend on it."""
    changes = (Scenario.ROLLOUT, Scenario.SCALE, Scenario.MEDIA, Scenario.DELETE)
    lives = [History(scenario, COMBINATIONS[-1]) for scenario in changes]
    alone = await arena.judge(lives, quiet_seconds=QUIET_SECONDS)
    second = operator_for(replace(installed, namespace=OTHER), identity="usurper")
    await asyncio.to_thread(second.start)

    try:
        together = await arena.judge(lives, quiet_seconds=QUIET_SECONDS)
    finally:
        await asyncio.to_thread(second.stop)

    failed = [str(verdict) for verdict in (*alone, *together) if verdict.failures]
    assert failed == []
    assert "Traceback" not in second.log


def test_the_standby_takes_over_from_a_killed_leader(pair, api: Api, namespace: str):
    """Nobody looks after the fleets in between, so it has to be short and bounded."""
    leader, standby = pair
    killed_at = time.monotonic()

    leader.kill()
    api.create(a_fleet_manifest(namespace))

    assert _seconds_until_leading(standby, since=killed_at) < TAKE_OVER_SECONDS
    eventually("the new leader works", lambda: _is_ready(api, namespace), seconds=40)


def test_a_leader_that_is_told_to_stop_hands_over(pair, api: Api, namespace: str):
    """Every upgrade of the operator does this; waiting for the Lease would be for nothing."""
    leader, standby = pair
    stopped_at = time.monotonic()

    os.kill(leader.pid, signal.SIGTERM)

    assert _seconds_until_leading(standby, since=stopped_at) < HAND_OVER_SECONDS
    api.create(a_fleet_manifest(namespace))
    eventually("the new leader works", lambda: _is_ready(api, namespace), seconds=40)


def test_a_leader_that_slept_through_its_lease_ends(pair):
    """A stopped machine wakes up believing that nothing has happened."""
    leader, standby = pair
    os.kill(leader.pid, signal.SIGSTOP)
    asleep_at = time.monotonic()
    _seconds_until_leading(standby, since=asleep_at)

    os.kill(leader.pid, signal.SIGCONT)

    eventually("the sleeper has ended", lambda: not leader.is_running, seconds=10)
    assert standby.is_running
