"""One snapshot: what is asked anew, and what is left alone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from support.cycles import Shell, a_fleet_body
from support.fakes import NOW, FakeSecrets
from voicefleet.model.observed import Observed, ServerReport
from voicefleet.model.signal import Sample, Signals
from voicefleet.settings import Platform
from voicefleet.shell.fleets import make_fleet
from voicefleet.shell.observe import disown_strangers, find_server_look


class Asked:
    """Wraps a port's `read` and keeps whom it was asked about."""

    def __init__(self, port) -> None:
        self._port = port
        self.names: list[str] = []

    def __getattr__(self, name: str):
        return getattr(self._port, name)

    async def read(self, pod):
        """Do what the port says, and remember it."""
        self.names.append(pod.name)
        return await self._port.read(pod)


class Scene:
    """A fleet that stands, and an observer whose questions are counted."""

    async def build(self, **spec: object) -> "Scene":
        """Let the fleet come about."""
        self.shell = Shell()
        self.key = await self.shell.apply(a_fleet_body(**spec))
        self.observer = self.shell.reconciler._around.observer
        self.workers = self.observer._workers = Asked(self.shell.workers)
        self.servers = self.observer._servers = Asked(self.shell.servers)
        return self

    async def observe(self) -> Observed:
        """Take the snapshot of this moment."""
        body = self.shell.cluster.get(self.key)
        suffix = FakeSecrets().suffix(body["metadata"]["uid"])
        fleet = make_fleet(body, Platform(), secret_suffix=suffix)
        return await self.observer.observe(fleet, self.key, secrets_due=False)

    def pods(self, tier: str):
        """Return the fleet's pods of a tier."""
        return [pod for pod in self.shell.cluster.pods(self.key) if pod.tier == tier]


async def test_nobody_is_asked_while_nobody_may_leave():
    """A thousand workers must cost the operator nothing but their own long polls."""
    scene = await Scene().build()
    await scene.observe()
    scene.servers.names.clear()

    observed = await scene.observe()

    assert (scene.workers.names, scene.servers.names) == ([], [])
    assert len(observed.workers) == 2


@pytest.mark.parametrize(
    ("seconds", "times"),
    [
        pytest.param(15, 0, id="a-count-of-a-quarter-minute-is-used-again"),
        pytest.param(16, 1, id="an-older-one-is-read-anew"),
    ],
)
async def test_servers_are_read_also_while_all_of_them_stay(seconds: int, times: int):
    """Their connections decide when one is added, and their rooms whether a worker may go."""
    scene = await Scene().build()
    await scene.observe()
    scene.servers.names.clear()

    scene.shell.clock.advance(timedelta(seconds=seconds))
    await scene.observe()

    assert len(scene.servers.names) == times


async def test_connections_come_from_the_servers_own_word():
    """It is seconds old; what a scrape stored of them may be a minute."""
    scene = await Scene().build()
    server = scene.pods("media")[0]
    scene.shell.servers.answer(server, rooms=4, participants=9)
    scene.shell.clock.advance(timedelta(seconds=16))

    observed = await scene.observe()

    sample = observed.signals.connections[server.uid]
    assert (sample.value, sample.observed_at) == (9.0, scene.shell.clock.now())


async def test_a_cordoned_worker_makes_the_rooms_matter():
    """The second witness of a removal has to speak of the same moment as the first."""
    scene = await Scene().build()
    await scene.observe()
    scene.servers.names.clear()
    scene.shell.workers.answer(scene.pods("agents")[0], is_cordoned=True, active=1)

    scene.shell.clock.advance(timedelta(seconds=5))
    await scene.observe()

    assert len(scene.servers.names) == 1


@pytest.mark.parametrize(
    ("age", "wait"),
    [
        pytest.param(0, None, id="read-in-this-cycle"),
        pytest.param(6, 9.0, id="read-a-moment-before"),
        pytest.param(40, None, id="of-a-server-that-does-not-answer"),
    ],
)
def test_what_a_cycle_did_not_read_is_read_once_more_after_it(age: int, wait: float | None):
    """Calls that began since are missing in it; a fleet at rest is woken by nothing."""
    seen = ServerReport(NOW - timedelta(seconds=age), rooms=2, participants=4)

    assert find_server_look(Observed(servers={"uid-1": seen}), NOW) == wait


async def test_signals_are_those_of_the_metrics_provider():
    """The planner sees them as they were delivered; judging is its own business."""
    scene = await Scene().build()
    slow = Sample(612.0, NOW, count=240)
    scene.shell.metrics.answer(scene.key, Signals(ttfb_milliseconds=slow))

    observed = await scene.observe()

    assert observed.signals.ttfb_milliseconds == slow


async def test_a_ready_worker_that_was_never_heard_is_asked_once():
    """Unknown means busy: without a first word every start would write on every pod."""
    scene = await Scene().build()
    scene.observer.forget(scene.key)
    scene.shell.workers.follow(scene.key, ())

    observed = await scene.observe()
    await scene.observe()

    assert sorted(scene.workers.names) == sorted(pod.name for pod in scene.pods("agents"))
    assert len(observed.workers) == 2


async def test_a_silent_new_worker_is_not_asked_in_every_cycle():
    """Each question to a pod that does not answer may hold its fleet up for a second."""
    scene = await Scene().build()
    silent = scene.pods("agents")[0]
    scene.shell.workers.silence(silent)
    scene.shell.workers.follow(scene.key, ())
    scene.observer.forget(scene.key)
    await scene.observe()
    scene.workers.names.clear()

    await scene.observe()

    assert scene.workers.names == []


async def test_a_cordoned_empty_worker_is_asked_anew():
    """A removal rests on a word of this moment, not on one from before the cordon."""
    scene = await Scene().build()
    leaving = scene.pods("agents")[0]
    scene.shell.workers.answer(leaving, is_cordoned=True)

    await scene.observe()

    assert scene.workers.names == [leaving.name]


async def test_a_cordoned_busy_worker_is_left_to_talk():
    """It says itself when its last call ends; asking again and again would not end it sooner."""
    scene = await Scene().build()
    scene.shell.workers.answer(scene.pods("agents")[0], is_cordoned=True, active=1)

    await scene.observe()

    assert scene.workers.names == []


async def test_a_silent_worker_is_unknown_and_not_empty():
    """An absent report is not a report of zero."""
    scene = await Scene().build()
    silent = scene.pods("agents")[0]
    scene.shell.workers.silence(silent)
    scene.shell.workers.follow(scene.key, ())

    observed = await scene.observe()

    assert silent.uid not in observed.workers


@pytest.mark.parametrize(
    ("seconds", "times"),
    [
        pytest.param(1, 1, id="a-fresh-count-is-used-again"),
        pytest.param(5, 2, id="an-old-count-is-read-anew"),
    ],
)
async def test_servers_are_read_while_one_of_them_is_too_many(seconds: int, times: int):
    """Twice zero, ten seconds apart: only readings can tell, and only while they matter."""
    scene = await Scene().build(media={"minReplicas": 2, "network": {"mode": "PodNetwork"}})
    scene.shell.cluster.edit(scene.key, {"spec": {"media": {"minReplicas": 1}}})
    await scene.observe()

    scene.shell.clock.advance(timedelta(seconds=seconds))
    observed = await scene.observe()

    assert len(scene.servers.names) == 2 * times
    assert len(observed.servers) == 2


async def test_a_pod_that_only_names_our_replicaset_is_not_one_of_its_workers():
    """Its controller does not count it, so a real worker would be removed in its place."""
    scene = await Scene().build()
    real = scene.pods("agents")[0]
    forged = replace(real, name="stranger", uid="uid-stranger", owner_uid="uid-forged")

    pods = disown_strangers((real, forged), scene.shell.cluster.children(scene.key))

    assert [pod.owner_name for pod in pods] == [real.owner_name, ""]
    assert real.owner_uid


async def test_the_namespace_is_asked_about_only_for_a_fleet_that_leaves():
    """It would be one more request for every cycle of every fleet."""
    scene = await Scene().build()
    scene.shell.cluster.terminate_namespace(scene.key.namespace)
    before = await scene.observe()
    scene.shell.cluster.remove(scene.key)

    after = await scene.observe()

    assert (before.is_namespace_terminating, after.is_namespace_terminating) == (False, True)
