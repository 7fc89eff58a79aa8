"""From a wrong answer over real HTTP to the plan: whatever is unknown takes no worker away.

First the answer is read by the adapter, then the whole operator lives with what the adapter made
of it, in virtual time: calls end, and a healthy fleet would shrink. The control proves that it
would.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from support.cycles import IMAGE, Shell, a_fleet_body, fleet_key_of
from support.metric_providers import a_provider
from support.stand_in_prometheus import (
    StandInPrometheus,
    body,
    error_body,
    never,
    nothing,
    status,
    twice,
    with_labels,
    with_shift,
    with_value,
)
from support.stand_ins import a_running, a_state, listening
from voicefleet.adapters.clock import SystemClock
from voicefleet.adapters.workers import HttpWorkers
from voicefleet.model.observed import Pod, Tier
from voicefleet.model.signal import Sample, Signals

STEP = timedelta(seconds=15)
OUTAGE = timedelta(minutes=15)
LONG_ENOUGH = timedelta(minutes=7)
"""For a fleet without faults to shrink all the way."""
BUSY, QUIET = 6, 2
"""Workers of the busy hour, and those that are enough afterwards."""


class Night:
    """A fleet that was large for its calls, and then one call is left on each worker."""

    def __init__(self) -> None:
        self.shell = Shell()
        self.signals: Callable[[datetime], Signals] = a_healthy_minute
        self.is_known = True
        """Whether workers answer properly."""

    async def begin(self) -> "Night":
        """Let the fleet be held large by its author, and then by nobody."""
        agents = {"image": IMAGE, "minReplicas": QUIET, "maxReplicas": 10, "floorReplicas": BUSY}
        self.shell.cluster.create(
            a_fleet_body(agents=agents, scaling={"metricsProvider": "default"})
        )
        await self.pass_time(timedelta(minutes=1))
        self.shell.cluster.edit(fleet_key_of(), {"spec": {"agents": {"floorReplicas": 0}}})
        assert self.replicas() == BUSY
        return self

    async def pass_time(self, duration: timedelta) -> None:
        """Let so much time pass in steps, with what workers and the provider say at each."""
        for _ in range(int(duration / STEP)):
            self.shell.clock.advance(STEP)
            self.shell.answer_new_pods()
            for pod in self.workers():
                if self.is_known:
                    self.shell.workers.answer(pod, active=1)
                else:
                    self.shell.workers.silence(pod)
            self.shell.metrics.answer(fleet_key_of(), self.signals(self.shell.clock.now()))
            self.shell.queue.add(fleet_key_of())
            while (key := self.shell.queue.take()) is not None:
                await self.shell.reconciler.reconcile(key)
                self.shell.queue.done(key)
                self.shell.cluster.run_controllers()

    def workers(self) -> list[Pod]:
        """Return the agents pods that are not on their way out."""
        pods = self.shell.cluster.pods(fleet_key_of())
        return [pod for pod in pods if pod.tier == Tier.AGENTS and not pod.is_deleting]

    def replicas(self) -> int:
        """Return the workers that should take sessions."""
        return int(self.shell.status()["agents"]["desiredReplicas"])


def a_healthy_minute(now: datetime) -> Signals:
    """Return what a provider says of a fleet whose callers do not wait."""
    return Signals(
        ttfb_milliseconds=Sample(310.0, now, count=240),
        error_ratio=Sample(0.0, now),
        drop_off_ratio=Sample(0.01, now),
        rate_limit_hits=Sample(0.0, now),
    )


async def test_without_any_fault_the_fleet_shrinks():
    """The control: every test below would pass for an operator that never scales down."""
    night = await Night().begin()

    await night.pass_time(LONG_ENOUGH)

    assert night.replicas() == QUIET


@pytest.mark.parametrize(
    ("stand_in", "cause"),
    [
        pytest.param(StandInPrometheus(respond=never), "timeout", id="says nothing"),
        pytest.param(StandInPrometheus(respond=status(503)), "http", id="503"),
        pytest.param(StandInPrometheus(respond=error_body()), "http", id="200 with an error"),
        pytest.param(StandInPrometheus(respond=body("<html>")), "parse", id="no JSON"),
        pytest.param(StandInPrometheus(spoil=nothing), "empty", id="empty vector"),
        pytest.param(StandInPrometheus(spoil=with_value("NaN")), "empty", id="NaN"),
        pytest.param(StandInPrometheus(spoil=with_value("+Inf")), "parse", id="Inf"),
        pytest.param(StandInPrometheus(spoil=with_value("-5")), "parse", id="negative"),
        pytest.param(StandInPrometheus(spoil=with_value("1e308")), "parse", id="1e308"),
        pytest.param(StandInPrometheus(spoil=with_shift(-600)), "stale", id="old"),
        pytest.param(StandInPrometheus(spoil=twice), "parse", id="two series"),
        pytest.param(StandInPrometheus(spoil=with_labels(fleet="b")), "empty", id="other labels"),
    ],
)
async def test_a_faulty_provider_takes_no_worker_away(
    stand_in: StandInPrometheus, cause: str, tmp_path: Path
):
    """At the end of a busy hour the size is held while it lasts, and the fleet says why."""
    async with a_provider(stand_in, tmp_path) as provider:
        heard = await provider.hear(cause)
    night = await Night().begin()
    night.signals = lambda _: replace(heard, pools={}, evaluation=None)

    await night.pass_time(LONG_ENOUGH)

    assert night.replicas() == BUSY
    assert night.shell.condition("SignalsFresh")["status"] == "False"
    assert cause in night.shell.condition("SignalsFresh")["message"]


def an_answer(**fields: Any) -> str:
    """Return what an idle worker says, with these fields changed."""
    return json.dumps(a_state(stateVersion=1, **fields))


def spoilt(text: str, before: str, after: str) -> str:
    """Return JSON that Python's own writer would not write."""
    assert before in text
    return text.replace(before, after)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        pytest.param(503, "", id="503"),
        pytest.param(302, "", id="redirect"),
        pytest.param(200, "", id="no body"),
        pytest.param(200, "<html>", id="no JSON"),
        pytest.param(200, spoilt(an_answer(), '"active": 0', '"active": NaN'), id="NaN"),
        pytest.param(200, spoilt(an_answer(), '"active": 0', '"active": Infinity'), id="Inf"),
        pytest.param(200, an_answer(active=-5), id="negative"),
        pytest.param(200, spoilt(an_answer(), '"active": 0', '"active": 1e308'), id="1e308"),
        pytest.param(200, an_answer(active="none"), id="garbage"),
        pytest.param(200, an_answer(padding="x" * 1_000_000), id="too long"),
        pytest.param(200, an_answer(schemaVersion=2), id="another schema"),
        pytest.param(200, an_answer(sessions=[{"startedAt": "soon"}]), id="no time"),
    ],
)
async def test_faulty_workers_are_not_taken_away(number: int, text: str):
    """A worker that answers nonsense may be full of calls; so may all of them."""
    pod = a_running(Tier.AGENTS, 1)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=number, text=text, headers={"Location": "http://127.0.0.9/"})

    application = web.Application()
    application.router.add_get("/voicefleet/state", answer)
    async with (
        listening(application, [pod.ip]) as port,
        HttpWorkers(
            clock=SystemClock(), wake=lambda _: None, jitter=lambda: 0.0, port=port
        ) as workers,
    ):
        report = await workers.read(pod)
    night = await Night().begin()
    night.is_known = report is not None

    await night.pass_time(LONG_ENOUGH)

    assert report is None
    assert night.replicas() == BUSY
    assert len(night.workers()) == BUSY


async def test_both_lost_at_once_take_nothing_away(tmp_path: Path):
    """The network of a node fails for everybody on it at the same time."""
    async with a_provider(StandInPrometheus(respond=never), tmp_path) as provider:
        heard = await provider.hear("timeout")
    night = await Night().begin()
    night.signals = lambda _: replace(heard, pools={}, evaluation=None)
    night.is_known = False

    await night.pass_time(OUTAGE)

    assert len(night.workers()) >= BUSY
    assert night.replicas() >= BUSY


async def test_after_an_outage_the_fleet_shrinks_as_ever():
    """Holding must end with its cause, or each outage would cost a night's money."""
    night = await Night().begin()
    night.signals = lambda _: Signals(faults={"ttfb": "timeout: no answer in 3 s"})
    await night.pass_time(OUTAGE)
    held = night.replicas()
    night.signals = a_healthy_minute

    await night.pass_time(LONG_ENOUGH)

    assert (held, night.replicas()) == (BUSY, QUIET)
