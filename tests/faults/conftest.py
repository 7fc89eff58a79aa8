"""The arena that the tests of one module share, on the cluster that all levels share.

A soak has a cluster of its own: two controllers are left out of it, which only fill Endpoints
that nobody reads, and cost a fifth of all requests. Its operator is forked, because thousands of
starts would be hours of imports.
"""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from support.arena import Arena
from support.forked_operator import ForkedOperator
from voicefleet_localcluster.cluster import LocalCluster
from voicefleet_localcluster.operator_process import OperatorProcess
from voicefleet_localcluster.options import ClusterOptions

IS_SOAK = bool(os.environ.get("VOICEFLEET_SOAK"))

if IS_SOAK:

    @pytest.fixture(scope="session")
    def cluster() -> Iterator[LocalCluster]:
        """Return a real control plane with kwok nodes and no Endpoints."""
        options = ClusterOptions(
            name=f"soak-{os.getpid()}",
            plain_nodes=4,
            pod_start_seconds=0.3,
            pod_stop_seconds=0.2,
            controllers="*,-endpoints-controller,-endpointslice-controller",
        )
        with LocalCluster.start(options) as cluster:
            yield cluster


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def arena(
    cluster, installed, alone, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Arena]:
    """Return an operator behind the fault proxy; the one that other tests share is stopped."""
    folder = tmp_path_factory.mktemp("arena")
    make = ForkedOperator if IS_SOAK else OperatorProcess
    async with Arena.open(cluster, installed, folder, make=make) as arena:
        yield arena
