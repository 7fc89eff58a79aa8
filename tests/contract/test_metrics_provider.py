"""What sizes are judged by beside sessions: on the fake, and on a real Prometheus that scrapes."""

import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pytest

from support.fakes import FakeMetrics
from support.fleets import a_full_fleet, with_spec
from support.prometheus import RealPrometheus, real_prometheus
from support.worlds import eventually
from voicefleet.adapters.clock import SystemClock
from voicefleet.adapters.prometheus import PrometheusMetrics
from voicefleet.api.status import SpeechStatus, VoiceFleetStatus
from voicefleet.manifests import ObjectKey
from voicefleet.model.fleet import Fleet
from voicefleet.model.signal import (
    DueWork,
    EvaluationQueue,
    PoolSignals,
    Sample,
    Signals,
    Stage,
)
from voicefleet.ports import MetricsProvider
from voicefleet.settings import parse_platform

APPEARS_SECONDS = 15.0
"""Two scrapes and a round of questions, on a busy machine."""


@dataclass(frozen=True)
class Facts:
    """What happened in a fleet, in the same minute."""

    turns: int = 240
    ttfb_seconds: float = 0.38
    tts_seconds: float = 0.14
    error_turns: int = 12
    ended: int = 40
    dropped: int = 10
    rate_limited: int = 3
    gpu_percent: tuple[float, ...] = (80.0, 90.0)
    waiting: int = 7
    work_seconds: tuple[tuple[int, float], ...] = ((3600, 600.0), (7200, 900.0))
    in_flight: int = 2


class Desk(Protocol):
    """A metrics provider, and fleets that it hears of."""

    metrics: MetricsProvider
    wakes: list[ObjectKey]

    async def tell(self, fleet: Fleet, facts: Facts) -> None:
        """Let this happen in a fleet."""
        ...


class FakeDesk:
    """A provider in memory, which knows the answer."""

    def __init__(self) -> None:
        self.wakes: list[ObjectKey] = []
        self.metrics = FakeMetrics(self.wakes.append)

    async def tell(self, fleet: Fleet, facts: Facts) -> None:
        """Let this happen in a fleet."""
        now = SystemClock().now()
        pool = PoolSignals(
            (Sample(sum(facts.gpu_percent) / len(facts.gpu_percent), now),),
            Sample(len(facts.gpu_percent) / 4, now),
            Sample(facts.waiting, now),
        )
        due = (DueWork(now, 600.0), DueWork(now, 300.0))
        self.metrics.answer(
            key_of_fleet(fleet),
            Signals(
                ttfb_milliseconds=Sample(397.5, now, facts.turns),
                stages={Stage.TTS: Sample(147.5, now, facts.turns)},
                error_ratio=Sample(facts.error_turns / facts.turns, now),
                drop_off_ratio=Sample(facts.dropped / facts.ended, now),
                rate_limit_hits=Sample(facts.rate_limited, now),
                pools={"tts": pool, "stt": PoolSignals()},
                evaluation=EvaluationQueue(now, due, facts.in_flight),
            ),
        )


class RealDesk:
    """The adapter, with a Prometheus and the pods that it scrapes."""

    def __init__(
        self, metrics: PrometheusMetrics, wakes: list[ObjectKey], prometheus: RealPrometheus
    ) -> None:
        self.metrics = metrics
        self.wakes = wakes
        self._prometheus = prometheus

    async def tell(self, fleet: Fleet, facts: Facts) -> None:
        """Let counters begin at nothing, be scraped, and grow: only growth is counted."""
        self._count(fleet, replace(facts, turns=0, error_turns=0, ended=0, dropped=0,
                                   rate_limited=0))  # fmt: skip
        own = f'{{namespace="{fleet.namespace}"}}'
        await eventually(
            lambda: self._prometheus.query(f"voicefleet_turns_total{own}"), seconds=APPEARS_SECONDS
        )
        self._count(fleet, facts)

    def _count(self, fleet: Fleet, facts: Facts) -> None:
        target = self._prometheus.target
        own = {"namespace": fleet.namespace, "fleet": fleet.name}
        histogram = "voicefleet_turn_ttfb_seconds"
        target.observe(histogram, facts.ttfb_seconds, times=facts.turns, **own)
        histogram = "voicefleet_turn_stage_seconds"
        target.observe(histogram, facts.tts_seconds, times=facts.turns, stage="tts", **own)
        fine = facts.turns - facts.error_turns
        target.add("voicefleet_turns_total", fine, outcome="ok", **own)
        target.add("voicefleet_turns_total", facts.error_turns, outcome="error", **own)
        ended = "voicefleet_sessions_ended_total"
        target.add(ended, facts.dropped, reason="user_dropped", **own)
        target.add(ended, facts.ended - facts.dropped, reason="completed", **own)
        hits = "voicefleet_provider_requests_total"
        target.add(hits, facts.rate_limited, outcome="rate_limited", provider="acme", **own)
        for number, percent in enumerate(facts.gpu_percent):
            pod = f"{fleet.name}-speech-tts-7d9f{number}-x2c4v"
            gpu = {"namespace": fleet.namespace, "pod": pod, "gpu": "0"}
            target.set("DCGM_FI_DEV_GPU_UTIL", percent, **gpu)
        target.set("voicefleet_speech_requests_waiting", facts.waiting, pool="tts", **own)
        for within, work in facts.work_seconds:
            name = "voicefleet_evaluation_queue_work_seconds"
            target.set(name, work, due_within=str(within), **own)
        target.set("voicefleet_evaluations_in_flight", facts.in_flight, **own)


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPrometheus]:
    """One Prometheus for all tests of this process."""
    with real_prometheus(tmp_path_factory.mktemp("prometheus")) as running:
        yield running


@pytest.fixture(
    params=["fake", pytest.param("prometheus", marks=[pytest.mark.binaries, pytest.mark.slow])]
)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    """A provider that has heard of nothing yet."""
    if request.param == "fake":
        yield FakeDesk()
        return
    real: RealPrometheus = request.getfixturevalue("prometheus")
    wakes: list[ObjectKey] = []
    platform = parse_platform(
        f"metricsProviders: {{default: {{prometheusURL: '{real.url}', intervalSeconds: 1}}}}",
        source="platform.yaml",
    )
    async with PrometheusMetrics(
        lambda: platform,
        folder=tmp_path,
        clock=SystemClock(),
        wake=wakes.append,
        jitter=lambda: 0.5,
        meter=NoMeter(),
    ) as metrics:
        yield RealDesk(metrics, wakes, real)


class NoMeter:
    """Counts nothing."""

    def note_signal_error(self, cause: str) -> None:
        """Do what the protocol says."""
        assert cause


def a_fleet() -> Fleet:
    """Return a fleet with every tier, in a namespace that no other test has."""
    speech = (SpeechStatus(name="tts", ready_replicas=4), SpeechStatus(name="stt"))
    fleet = with_spec(a_full_fleet(), "scaling.metricsProvider", "default")
    namespace = f"calls-{uuid.uuid4().hex[:8]}"
    return replace(fleet, namespace=namespace, status=VoiceFleetStatus(speech=speech))


def key_of_fleet(fleet: Fleet) -> ObjectKey:
    """Return a fleet's address."""
    return ObjectKey("VoiceFleet", fleet.namespace, fleet.name)


async def told(desk: Desk, fleet: Fleet, facts: Facts | None = None) -> Signals:
    """Let something happen in a fleet, and return its signals once all of it is known."""
    desk.metrics.signals(fleet)
    await desk.tell(fleet, facts or Facts())
    await eventually(lambda: is_complete(desk.metrics.signals(fleet)), seconds=APPEARS_SECONDS)
    return desk.metrics.signals(fleet)


def is_complete(signals: Signals) -> bool:
    """Say whether every signal of `Facts` has arrived, the growth of counters included."""
    hits, pool, queue = signals.rate_limit_hits, signals.pools.get("tts"), signals.evaluation
    return (
        signals.ttfb_milliseconds is not None
        and bool(signals.stages)
        and signals.error_ratio is not None
        and signals.drop_off_ratio is not None
        and hits is not None
        and hits.value > 0
        and pool is not None
        and bool(pool.utilization)
        and pool.coverage is not None
        and pool.waiting is not None
        and queue is not None
        and bool(queue.work)
    )


async def test_nothing_is_known_of_a_fleet_at_first(desk: Desk):
    """A cycle never waits for a metrics provider, not even for the first answer."""
    began = time.monotonic()

    signals = desk.metrics.signals(a_fleet())

    assert time.monotonic() - began < 0.1
    assert signals.ttfb_milliseconds is None
    assert signals.pools.get("tts", PoolSignals()).utilization == ()


async def test_latency_is_the_p95_of_all_turns_with_their_number(desk: Desk):
    """The trigger of the whole product, and how much stands behind it."""
    ttfb = (await told(desk, a_fleet())).ttfb_milliseconds

    assert ttfb is not None
    assert ttfb.value == pytest.approx(397.5)
    assert ttfb.count is not None
    assert 240 <= ttfb.count < 600  # a counter that is some seconds old is extrapolated


async def test_a_sample_has_the_time_of_its_data(desk: Desk):
    """Age is judged by it; the moment of asking would make old data look new."""
    ttfb = (await told(desk, a_fleet())).ttfb_milliseconds

    assert ttfb is not None
    age = (SystemClock().now() - ttfb.observed_at).total_seconds()
    assert -1 < age < 10


async def test_each_stage_of_a_turn_has_its_own_p95(desk: Desk):
    """It names the guilty one; a stage that nobody reports is absent."""
    stages = (await told(desk, a_fleet())).stages

    assert {stage: sample.value for stage, sample in stages.items()} == {
        Stage.TTS: pytest.approx(147.5)
    }


async def test_shares_and_hits_are_those_of_the_fleet(desk: Desk):
    """Errors and callers who give up raise alarms; a rate limit must add no worker."""
    signals = await told(desk, a_fleet())

    assert signals.error_ratio is not None
    assert signals.drop_off_ratio is not None
    assert signals.rate_limit_hits is not None
    assert signals.error_ratio.value == pytest.approx(0.05)
    assert signals.drop_off_ratio.value == pytest.approx(0.25)
    assert 3 <= signals.rate_limit_hits.value < 8


async def test_a_pool_has_its_gpus_its_queue_and_how_much_of_it_was_seen(desk: Desk):
    """Two of four replicas measured are half a pool, whatever their average says."""
    pool = (await told(desk, a_fleet())).pools["tts"]

    assert pool.utilization[-1].value == pytest.approx(85.0)
    assert pool.coverage is not None
    assert pool.coverage.value == pytest.approx(0.5)
    assert pool.waiting is not None
    assert pool.waiting.value == 7


async def test_the_evaluation_queue_is_told_by_when_it_is_due(desk: Desk):
    """600 s within an hour and 900 s within two are 300 s in the second."""
    queue = (await told(desk, a_fleet())).evaluation

    assert queue is not None
    assert [due.work_seconds for due in queue.work] == [600.0, 300.0]
    assert queue.in_flight == 2


async def test_fleets_are_told_apart(desk: Desk):
    """All of them are in one answer."""
    one, two = a_fleet(), a_fleet()
    desk.metrics.signals(two)

    await told(desk, one)

    assert desk.metrics.signals(one).ttfb_milliseconds is not None
    assert desk.metrics.signals(two).ttfb_milliseconds is None


async def test_what_is_new_wakes_the_fleet(desk: Desk):
    """Callers who wait must not wait for the next resync as well."""
    fleet = a_fleet()
    desk.metrics.signals(fleet)

    await desk.tell(fleet, Facts())

    await eventually(lambda: desk.wakes, seconds=APPEARS_SECONDS)
    assert set(desk.wakes) == {key_of_fleet(fleet)}


async def test_a_forgotten_fleet_is_not_woken(desk: Desk):
    """It does not exist any more; a cycle for it would only find that out."""
    fleet, other = a_fleet(), a_fleet()
    for one in (fleet, other):
        desk.metrics.signals(one)
    desk.metrics.forget(key_of_fleet(fleet))

    await desk.tell(fleet, Facts())
    await desk.tell(other, Facts())

    await eventually(lambda: desk.wakes, seconds=APPEARS_SECONDS)
    assert set(desk.wakes) == {key_of_fleet(other)}
