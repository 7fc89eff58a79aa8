"""A fleet that goes while nobody watches: the watch says 410, and the new list lacks it.

The operator notices at its next resync, or sooner: where the cluster's garbage collector knows
fleets already, the end of a child leads to a cycle, and that one finds out.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.api import Api, eventually
from support.arena import with_resync
from support.cluster_fixtures import operator_for
from support.fault_proxy import FaultProxy
from support.faults import ENDS, Fault, FaultKind, Trouble
from support.manifests import a_fleet_manifest, is_settled
from support.operator_log import tracebacks
from voicefleet_localcluster.operator_process import OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(300)]

RESYNC_SECONDS = 5
KEPT = {"metadata": {"finalizers": ["example.com/keep"]}}
"""Somebody else's finalizer: the operator lets the fleet go, and the fleet stays."""


@pytest.fixture
def proxy(installed, tmp_path: Path) -> Iterator[FaultProxy]:
    """Return the way to the API server on which a watch can be disturbed."""
    with FaultProxy(installed.kubeconfig, tmp_path) as proxy:
        yield proxy


@pytest.fixture
def behind(proxy: FaultProxy, installed, alone, tmp_path: Path) -> Iterator[OperatorProcess]:
    """Return an operator behind the proxy with a short resync interval."""
    platform = with_resync(installed.platform, tmp_path, seconds=RESYNC_SECONDS)
    changed = replace(installed, kubeconfig=proxy.kubeconfig, platform=platform)
    with operator_for(changed, identity="behind-proxy") as operator:
        yield operator


def test_a_fleet_deleted_while_nobody_watched_is_forgotten(
    behind: OperatorProcess, proxy: FaultProxy, api: Api, namespace: str
):
    """A ghost keeps making children, which the garbage collector removes, for ever.

    The first one is removed by the test: the collector of a new cluster looks for new kinds of
    owners every thirty seconds only.
    """
    fleet = a_fleet_manifest(namespace)
    fleet["metadata"]["finalizers"] = KEPT["metadata"]["finalizers"]
    api.create(fleet)
    eventually("ready", lambda: is_settled(api.get("VoiceFleet", namespace, "interviews")))
    api.delete("VoiceFleet", namespace, "interviews")
    eventually("let go by us", lambda: _finalizers(api, namespace) == ["example.com/keep"])
    assert _is_known(behind, namespace)
    trouble = Trouble((Fault(FaultKind.GONE, "voicefleets" + ENDS, at=1),))
    proxy.troubles[namespace] = trouble

    api.patch("VoiceFleet", namespace, "interviews", {"metadata": {"finalizers": None}})

    forgotten_by = 6 * RESYNC_SECONDS
    eventually("forgotten", lambda: not _is_known(behind, namespace), seconds=forgotten_by)
    written = proxy.writes_in(namespace)
    api.delete("Service", namespace, "interviews-media")
    time.sleep(2 * RESYNC_SECONDS)
    assert len(trouble.fired) == 1
    assert proxy.writes_in(namespace) == written, "the ghost has made a child again"
    assert tracebacks(behind.log) == []


def _is_known(operator: OperatorProcess, namespace: str) -> bool:
    """Say whether the operator's metrics are about a fleet in this namespace."""
    return f'namespace="{namespace}"' in operator.metrics()


def _finalizers(api: Api, namespace: str) -> list[str]:
    found = api.find("VoiceFleet", namespace, "interviews")
    return found["metadata"].get("finalizers", []) if found else []
