"""Two replicas: one leads and one waits, and the Lease says which, whatever clocks say."""

import itertools
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import httpx
import pytest

from support.api import Api, eventually
from support.cluster_fixtures import operator_for
from support.manifests import a_fleet_manifest, is_settled
from voicefleet.adapters.clock import SystemClock
from voicefleet_localcluster.client import JsonClient
from voicefleet_localcluster.operator_process import LEADING, OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]

LEASE_SECONDS = 10
TAKE_OVER_SECONDS = LEASE_SECONDS + 2
"""The Lease's duration, one look of the standby, and as much again for a busy machine."""
HAND_OVER_SECONDS = 2
"""Finishing what was begun takes 0.8 s at most, and the standby looks every second."""
RENEW_SECONDS = 2

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


def test_clocks_a_minute_apart_move_no_lease(cluster, pair, installed):
    """The time in the Lease is another machine's; only when it changes counts.

    The leader is the test itself. Its clock is a minute behind, then a minute ahead; by
    comparing times the standby would lead at once, or a minute too late.
    """
    operator, standby = pair
    operator.kill()
    leader = SkewedLeader(cluster.api, installed.namespace)
    for renewal in range(7):
        leader.renew(skew_seconds=-60 if renewal < 3 else 60)
        time.sleep(RENEW_SECONDS)
    has_waited = LEADING not in standby.log
    leader.renew(skew_seconds=60)

    took = _seconds_until_leading(standby, since=time.monotonic())

    assert has_waited
    assert LEASE_SECONDS - 1 < took < TAKE_OVER_SECONDS


class SkewedLeader:
    """A leader whose clock is wrong."""

    def __init__(self, api: JsonClient, namespace: str) -> None:
        """Take the Lease that an operator left behind."""
        self._api = api
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/voicefleet"

    def renew(self, *, skew_seconds: int) -> None:
        """Write the Lease as a holder does, with the wrong time."""
        now = SystemClock().now() + timedelta(seconds=skew_seconds)
        lease = self._api.call("GET", self._path)
        lease["spec"] |= {
            "holderIdentity": "skewed",
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": now.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        }
        self._api.call("PUT", self._path, lease)
