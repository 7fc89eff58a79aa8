"""The arena that the tests of one module share, on the cluster that all levels share."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support.arena import Arena


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def arena(
    cluster, installed, alone, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Arena]:
    """Return an operator behind the fault proxy; the one that other tests share is stopped."""
    folder = tmp_path_factory.mktemp("arena")
    async with Arena.open(cluster, installed, folder, identity="arena") as arena:
        yield arena
