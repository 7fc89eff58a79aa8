"""Two replicas: one leads and one waits, and the Lease says which, whatever clocks say."""

import itertools
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from support.api import Api, eventually
from support.cluster_fixtures import operator_for
from support.manifests import a_fleet_manifest, is_settled
from voicefleet_localcluster.operator_process import LEADING, OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]

TAKE_OVER_SECONDS = 10 + 2 + 2
"""The Lease's duration, one retry of the standby, and a busy machine."""
HAND_OVER_SECONDS = 2 + 1
"""One retry of the standby, and finishing what was begun."""

_pairs = itertools.count(1)


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
