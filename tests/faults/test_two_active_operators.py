"""Two operators that both believe that they lead, as after a Lease was lost and not noticed.

The Lease keeps replicas apart; where it fails to, for whatever reason, server-side apply by the
same managers and guarded writes must bring both to the same end. A file of its own, because
the arena's operator holds the Lease for as long as the arena is open.
"""

import asyncio
from dataclasses import replace

import pytest

from support.arena import Arena
from support.cluster_fixtures import operator_for
from support.histories import COMBINATIONS, History, Scenario

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(600),
]

OTHER = "voicefleet-other"
"""Namespace of a second Lease, so that two operators may both lead."""

CHANGES = (Scenario.ROLLOUT, Scenario.SCALE, Scenario.MEDIA, Scenario.DELETE)
QUIET_SECONDS = 8.0


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


async def test_two_active_operators_reach_the_same_end_and_fall_silent(
    arena: Arena, installed, second_lease
):
    """A Lease is a promise between clocks; the end must not depend on it."""
    lives = [History(scenario, COMBINATIONS[-1]) for scenario in CHANGES]
    await arena.learn(lives, quiet_seconds=QUIET_SECONDS)
    second = operator_for(replace(installed, namespace=OTHER), identity="usurper")
    await asyncio.to_thread(second.start)

    try:
        together = await arena.judge(lives, quiet_seconds=QUIET_SECONDS)
    finally:
        await asyncio.to_thread(second.stop)

    failed = [str(verdict) for verdict in together if verdict.failures]
    assert failed == []
    assert "Traceback" not in second.log
