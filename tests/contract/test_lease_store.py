"""What leadership rests on: one Lease that only one replica can take, fake and real."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from support.fakes import NOW, FakeLeaseStore
from support.worlds import BOTH, open_session
from voicefleet.adapters.kubernetes.lease import KubernetesLeaseStore
from voicefleet.errors import ConflictError
from voicefleet.ports import LeaseRecord, LeaseStore

MINE = LeaseRecord(
    holder="replica-1", renewed_at=NOW, duration_seconds=10, transitions=0, resource_version=""
)


@pytest.fixture(params=BOTH)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[LeaseStore]:
    """A Lease that does not exist yet."""
    if request.param == "fake":
        yield FakeLeaseStore()
        return
    async with open_session(request.getfixturevalue("kubeconfig")) as session:
        name = f"lease-{uuid.uuid4().hex[:8]}"
        yield KubernetesLeaseStore(session, namespace="default", name=name)


async def test_a_lease_that_nobody_took_is_absent(store: LeaseStore):
    """The first replica of all creates it."""
    assert await store.read() is None


async def test_a_lease_is_read_as_it_was_written(store: LeaseStore):
    """Holder and renewal decide who leads; a lost digit would decide wrongly."""
    written = await store.write(MINE)

    assert await store.read() == written == replace(MINE, resource_version=written.resource_version)


async def test_a_lease_is_renewed_on_its_version(store: LeaseStore):
    """Every renewal names the version it follows."""
    first = await store.write(MINE)

    second = await store.write(replace(first, transitions=1))

    assert second.transitions == 1
    assert second.resource_version != first.resource_version


async def test_two_replicas_cannot_both_create_it(store: LeaseStore):
    """Both saw no Lease; one of them must learn that it was second."""
    await store.write(MINE)

    with pytest.raises(ConflictError):
        await store.write(replace(MINE, holder="replica-2"))

    kept = await store.read()
    assert kept is not None
    assert kept.holder == "replica-1"


async def test_a_renewal_on_an_old_version_is_beaten(store: LeaseStore):
    """A frozen replica wakes up and renews what is another's by now."""
    old = await store.write(MINE)
    await store.write(replace(old, holder="replica-2", transitions=1))

    with pytest.raises(ConflictError):
        await store.write(replace(old, transitions=2))

    kept = await store.read()
    assert kept is not None
    assert kept.holder == "replica-2"


async def test_a_lease_can_be_let_go(store: LeaseStore):
    """On SIGTERM the holder is cleared, so that the other replica need not wait."""
    held = await store.write(MINE)

    released = await store.write(replace(held, holder=""))

    assert released.holder == ""
