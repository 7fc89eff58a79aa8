"""The liveness probe: a restart must help, or it must not happen."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from support.cycles import fleet_key_of
from support.fakes import FakeClock
from voicefleet.handlers.health import (
    SILENCE_SECONDS_MAX,
    WAITING_SECONDS_MAX,
    Health,
    UnhealthyError,
)
from voicefleet.shell.queue import WorkQueue


@dataclass
class Scene:
    """A process that leads and hears its watches, unless told otherwise."""

    silence: float = 1.0
    is_leading: bool = True

    def __post_init__(self) -> None:
        """Wire the probe."""
        self.clock = FakeClock()
        self.queue = WorkQueue(self.clock, jitter=lambda: 1.0)
        self.health = Health(self.queue, lambda: self.silence, lambda: self.is_leading)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(timedelta(seconds=seconds))


def test_a_leader_whose_queue_moves_is_well():
    """The usual answer."""
    assert Scene().health.check() == "in charge"


def test_a_standby_with_a_full_queue_is_well():
    """Nobody drains the queue of a replica that does not lead."""
    scene = Scene(is_leading=False)
    scene.queue.add(fleet_key_of())
    scene.wait(10 * WAITING_SECONDS_MAX)

    assert scene.health.check() == "standing by"


def test_a_leader_whose_queue_stands_still_is_restarted():
    """Only its loop answers; the operator behind it does nothing any more."""
    scene = Scene()
    scene.queue.add(fleet_key_of())
    scene.wait(WAITING_SECONDS_MAX + 1)

    with pytest.raises(UnhealthyError, match="waited"):
        scene.health.check()


def test_a_cycle_that_hangs_is_noticed():
    """It holds its fleet, and the other workers hide it from the queue's age."""
    scene = Scene()
    scene.queue.add(fleet_key_of())
    scene.wait(1)
    scene.queue.take()
    scene.wait(WAITING_SECONDS_MAX + 1)

    with pytest.raises(UnhealthyError, match="waited"):
        scene.health.check()


@pytest.mark.parametrize("is_leading", [True, False])
def test_a_dead_watch_is_noticed_in_every_replica(is_leading: bool):
    """A standby with an old cache would plan on it the moment it leads."""
    scene = Scene(silence=SILENCE_SECONDS_MAX + 1, is_leading=is_leading)

    with pytest.raises(UnhealthyError, match="heard nothing"):
        scene.health.check()


def test_a_short_outage_of_the_api_server_restarts_nobody():
    """A restart cannot help, and the kubelet's own pauses would make the outage longer."""
    assert Scene(silence=300).health.check() == "in charge"
