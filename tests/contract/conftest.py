"""The worlds that the contract suites run in: a fake's, and the real outside system's.

The real variants carry the marker `cluster` where they need the local control plane.
"""

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from support.worlds import BOTH, FakeWorld, RealWorld, World, open_session
from voicefleet_localcluster.cluster import LocalCluster
from voicefleet_localcluster.options import ClusterOptions

CRDS = Path(__file__).parents[2] / "crds"


@pytest.fixture(scope="session")
def kubeconfig() -> Iterator[Path]:
    """A real control plane with our CRDs, one for each test process."""
    name = f"contract-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    options = ClusterOptions(name=name, plain_nodes=1, gpu_nodes=0, spot_nodes=0, with_world=False)
    with LocalCluster.start(options) as cluster:
        cluster.kubectl("apply", "-f", str(CRDS))
        cluster.kubectl("wait", "--for=condition=Established", "crd", "--all")
        yield cluster.kubeconfig


@pytest.fixture(params=BOTH)
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """A namespace with one fleet in it, on the fake and on the real API server."""
    namespace = f"contract-{uuid.uuid4().hex[:8]}"
    if request.param == "fake":
        yield await FakeWorld.make(namespace)
        return
    # Only the real variant needs the control plane, so it is not asked for above.
    kubeconfig = request.getfixturevalue("kubeconfig")
    async with open_session(kubeconfig) as session, RealWorld(session, namespace) as real:
        yield real
