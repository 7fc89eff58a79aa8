"""Waiting until nobody leads: what an uninstallation does before it takes finalizers off."""

from datetime import timedelta

import pytest

from support.fakes import FakeClock, FakeLeaseStore
from voicefleet.cli.stop import STOP_SECONDS_MAX, parse_deployment, wait_until_nobody_leads
from voicefleet.errors import SpecError, UnavailableError
from voicefleet.manifests import ObjectKey
from voicefleet.ports import LeaseRecord


class Story:
    """A Lease over time: at these seconds, somebody writes this holder into it."""

    def __init__(self, *writes: tuple[float, str]) -> None:
        self.clock = FakeClock()
        self.lease = FakeLeaseStore()
        self._writes = list(writes)

    async def wait(self) -> float:
        """Wait until nobody leads; returns how many seconds it took."""
        await self._write_what_is_due()
        await wait_until_nobody_leads(self.lease, self.clock, sleep=self._sleep)
        return self.clock.monotonic()

    async def _sleep(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        await self._write_what_is_due()

    async def _write_what_is_due(self) -> None:
        while self._writes and self._writes[0][0] <= self.clock.monotonic():
            _, holder = self._writes.pop(0)
            before = await self.lease.read()
            record = LeaseRecord(
                holder=holder,
                renewed_at=self.clock.now(),
                duration_seconds=10,
                transitions=0,
                resource_version=before.resource_version if before else "",
            )
            await self.lease.write(record)


@pytest.mark.parametrize(
    ("writes", "seconds"),
    [
        pytest.param([], 4, id="there-never-was-a-leader"),
        pytest.param([(0, "a"), (1, "")], 5, id="the-leader-gave-it-back"),
        pytest.param([(0, "a"), (1, ""), (2, "b"), (3, "")], 7, id="a-standby-took-it-in-between"),
        pytest.param([(0, "a"), (2, "a")], 12, id="the-leader-died-without-a-word"),
    ],
)
async def test_it_waits_exactly_until_nobody_leads(writes: list[tuple[float, str]], seconds: float):
    """Too short, and finalizers come back; too long, and uninstalling times out."""
    story = Story(*writes)

    waited = await story.wait()

    assert waited == pytest.approx(seconds, abs=0.5)


async def test_a_leader_that_does_not_stop_is_named():
    """Taking finalizers off under a running operator would end in an undeletable fleet."""
    story = Story(*((second, "stubborn") for second in range(0, 200, 2)))

    with pytest.raises(UnavailableError, match="stubborn still leads 60 s after") as caught:
        await story.wait()

    assert "try again" in str(caught.value)
    assert story.clock.monotonic() <= STOP_SECONDS_MAX + 1


def test_the_deployment_is_written_with_its_namespace():
    """The hook's job runs without a namespace of its own to fall back on."""
    assert parse_deployment("a/b") == ObjectKey("Deployment", "a", "b")


@pytest.mark.parametrize("text", ["b", "/b", "a/", "a/b/c", ""])
def test_anything_else_is_refused_with_what_to_write(text: str):
    """Scaling the wrong thing to zero is worse than not uninstalling."""
    with pytest.raises(SpecError, match="write namespace/name"):
        parse_deployment(text)
