"""An API server that has no time for the operator: fair queueing with one seat, and a crowd in it.

The operator must wait as long as it is told, keep its Lease, and go on where it was. Priority and
fairness is the server's own; only its limits are made tight here.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from support.api import Api, Manifest, eventually
from support.cluster_fixtures import operator_for
from support.manifests import a_fleet_manifest, is_settled
from voicefleet_localcluster.cluster import LocalCluster
from voicefleet_localcluster.installation import Installation

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("alone")]

FLOWS = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas"
LEVELS = "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations"
CROWD = 6
"""Threads that ask without a pause, against one seat and a queue of one."""
STARVED_SECONDS = 25
"""More than three times what a leader may go without renewing its Lease."""
REQUESTS_PER_SECOND_MAX = 40
"""Eight cycles with a handful of writes each, once a second: what Retry-After allows."""
TOO_MANY = 429


def a_level(name: str, shares: int, **more: object) -> Manifest:
    """Return a priority level with a queue of one."""
    queuing = {"queues": 1, "handSize": 1, "queueLengthLimit": 1}
    limited = {
        "nominalConcurrencyShares": shares,
        "limitResponse": {"type": "Queue", "queuing": queuing},
        **more,
    }
    return {
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "PriorityLevelConfiguration",
        "metadata": {"name": name},
        "spec": {"type": "Limited", "limited": limited},
    }


def a_flow(level: str, user: str) -> Manifest:
    """Return the rule that sends everything of a user to a level."""
    rule = {
        "subjects": [{"kind": "User", "user": {"name": user}}],
        "resourceRules": [
            {
                "verbs": ["*"],
                "apiGroups": ["*"],
                "resources": ["*"],
                "namespaces": ["*"],
                "clusterScope": True,
            }
        ],
    }
    return {
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "FlowSchema",
        "metadata": {"name": level},
        "spec": {
            "priorityLevelConfiguration": {"name": level},
            "matchingPrecedence": 300,
            "rules": [rule],
        },
    }


@contextmanager
def one_seat(api: Api, user: str) -> Iterator[None]:
    """Leave a user one seat: a level beside it takes most shares, and lends them to others."""
    objects = [
        (LEVELS, a_level("test-wide", 1200, lendablePercent=100)),
        (LEVELS, a_level("test-tight", 1, borrowingLimitPercent=0)),
        (FLOWS, a_flow("test-tight", user)),
    ]
    try:
        for path, body in objects:
            api.send("POST", path, json=body).raise_for_status()
        yield
    finally:
        for path, body in reversed(objects):
            api.send("DELETE", f"{path}/{body['metadata']['name']}")


@contextmanager
def a_crowd(installed: Installation) -> Iterator[None]:
    """Fill the seat and the queue with others' requests under the operator's name."""
    over = threading.Event()

    def ask() -> None:
        with closing(Api(installed.kubeconfig)) as api:
            while not over.is_set():
                api.send("GET", "/api/v1/pods")

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(CROWD)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def count_answers(cluster: LocalCluster, user: str) -> Counter[int]:
    """Return the operator's own requests by the status they were answered with."""
    return Counter(
        event["responseStatus"]["code"]
        for event in cluster.audit_events(user)
        if "aiohttp" in event["userAgent"] and event["verb"] != "watch"
    )


@pytest.mark.timeout(180)
def test_a_starved_operator_waits_keeps_its_lease_and_goes_on(
    cluster: LocalCluster, installed: Installation, api: Api, namespace: str
):
    """A leader that stops, or that asks ever more often, makes a busy cluster busier."""
    user = installed.user
    with operator_for(installed, identity="starved") as operator:
        with one_seat(api, user), a_crowd(installed):
            time.sleep(1)
            before = count_answers(cluster, user)
            for number in range(8):
                api.create(a_fleet_manifest(namespace, f"fleet-{number}"))
            time.sleep(STARVED_SECONDS)
            seen = count_answers(cluster, user) - before
            led_through = operator.is_running and "leadership ended" not in operator.log

        eventually(
            "all fleets are ready",
            lambda: all(is_settled(one) for one in api.list("VoiceFleet", namespace)),
            seconds=60,
        )

    assert led_through, operator.log[-2000:]
    assert seen[TOO_MANY] > 0
    assert seen.total() / STARVED_SECONDS < REQUESTS_PER_SECOND_MAX
