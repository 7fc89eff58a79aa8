"""From answers to one fleet's signals: joined by name, dated, and refused where unsure."""

from dataclasses import replace
from datetime import timedelta

import pytest

from support.builders import NOW
from support.fleets import a_full_fleet
from voicefleet.adapters.prometheus_answers import Fault, Point
from voicefleet.adapters.prometheus_client import FaultCause
from voicefleet.adapters.prometheus_queries import Query
from voicefleet.adapters.prometheus_signals import Answers, read_signals
from voicefleet.api.status import SpeechStatus, VoiceFleetStatus
from voicefleet.model.fleet import Fleet
from voicefleet.model.signal import DueWork, Signals
from voicefleet.render.names import fleet_label

HOUR = timedelta(hours=1)
STALE_AFTER = timedelta(seconds=60)


def read(answers: Answers, fleet: Fleet | None = None) -> Signals:
    """Return a fleet's signals as these answers have them."""
    return read_signals(answers, fleet or a_full_fleet(), NOW, stale_after=STALE_AFTER)


def of(fleet: Fleet, value: float, **age: int) -> dict[tuple[str, ...], Point]:
    """Return one value of a fleet, so old."""
    return {(fleet.namespace, fleet.name): Point(value, NOW - timedelta(**age))}


def latency(fleet: Fleet, **changed: object) -> Answers:
    """Return a healthy P95 of a fleet; keywords replace answers by their question."""
    vectors = {
        Query.TTFB: of(fleet, 0.4),
        Query.TURNS: of(fleet, 100),
        Query.TURNS_SEEN_AT: of(fleet, NOW.timestamp()),
    }
    return Answers(vectors={**vectors, **{Query(name): one for name, one in changed.items()}})


def test_a_percentile_needs_to_know_when_its_newest_sample_was_taken():
    """Prometheus answers for two minutes after the last scrape as if nothing had happened."""
    answers = latency(a_full_fleet())
    del answers.vectors[Query.TURNS_SEEN_AT]
    answers.faults[Query.TURNS_SEEN_AT] = Fault(FaultCause.TIMEOUT, "no answer in 3 s")

    signals = read(answers)

    assert signals.ttfb_milliseconds is None
    assert signals.faults["ttfb"] == "timeout: the time of its newest sample: no answer in 3 s"


def test_a_platform_without_that_time_takes_the_moment_of_asking():
    """It was switched off on purpose, in the platform's own file."""
    answers = latency(a_full_fleet())
    answers.asked = frozenset(Query) - {Query.TURNS_SEEN_AT}

    assert read(answers).ttfb_milliseconds is not None


def test_a_percentile_of_unknown_turns_is_none():
    """It may be that of three."""
    answers = latency(a_full_fleet(), turns={})

    signals = read(answers)

    assert (signals.ttfb_milliseconds, signals.faults["ttfb"]) == (None, "empty: no such series")


def test_a_quiet_fleet_is_told_from_a_lost_one():
    """At night nobody speaks; that is no reason to hold a size, and an outage is."""
    fleet = a_full_fleet()
    empty = Fault(FaultCause.EMPTY, "not a number")
    quiet = latency(fleet, turns=of(fleet, 0), ttfb={(fleet.namespace, fleet.name): empty})

    assert read(quiet).faults["ttfb"] == "few: 0 turns in 2m, 20 needed"


def test_a_long_name_is_found_by_the_label_that_its_pods_carry():
    """Whoever scrapes takes the label; the agent image knows the name."""
    fleet = replace(a_full_fleet(), name="a" * 80)
    renamed = replace(fleet, name=fleet_label(fleet))

    signals = read(latency(renamed), fleet)

    assert renamed.name != fleet.name
    assert signals.ttfb_milliseconds is not None


def test_more_than_all_of_a_gpu_is_no_utilisation():
    """An exporter in another unit must not look like a pool on fire."""
    fleet = a_full_fleet()
    row = (Point(8200.0, NOW),)
    answers = Answers(
        rows={Query.GPU_UTILIZATION: {(fleet.namespace, "interviews-speech-tts"): row}}
    )

    signals = read(answers)

    assert signals.pools["tts"].utilization == ()
    assert signals.faults["utilization/tts"] == "parse: above 100 percent"


@pytest.mark.parametrize(
    ("ready", "coverage"),
    [
        pytest.param(4, 0.5, id="half of them"),
        pytest.param(1, 1.0, id="a pod that left is still measured"),
        pytest.param(0, None, id="of nothing"),
    ],
)
def test_coverage_is_the_share_of_ready_replicas(ready: int, coverage: float | None):
    """An average over one of four replicas says little about the pool."""
    status = VoiceFleetStatus(speech=(SpeechStatus(name="tts", ready_replicas=ready),))
    fleet = replace(a_full_fleet(), status=status)
    key = (fleet.namespace, "interviews-speech-tts")

    pool = read(Answers(vectors={Query.GPU_REPLICAS: {key: Point(2, NOW)}}), fleet).pools["tts"]

    assert (pool.coverage.value if pool.coverage else None) == coverage


def a_queue(*work: tuple[str, float]) -> Answers:
    """Return an evaluation queue by `due_within`."""
    fleet = a_full_fleet()
    key = (fleet.namespace, fleet.name)
    group = tuple((within, Point(seconds, NOW)) for within, seconds in work)
    return Answers(
        vectors={Query.EVALUATION_IN_FLIGHT: {key: Point(1, NOW)}},
        groups={Query.EVALUATION_WORK: {key: group}},
    )


def test_work_is_due_once():
    """Each bound holds the work of the ones before it; counted twice it would double the pool."""
    queue = read(a_queue(("7200", 900.0), ("3600", 600.0), ("10800", 900.0))).evaluation

    assert queue is not None
    assert queue.work == (DueWork(NOW + HOUR, 600.0), DueWork(NOW + 2 * HOUR, 300.0))


@pytest.mark.parametrize(
    ("work", "told"),
    [
        pytest.param((("soon", 5.0),), "parse: due_within is 'soon', no seconds", id="a word"),
        pytest.param((("nan", 5.0),), "parse: due_within is 'nan', no seconds", id="not a number"),
        pytest.param(
            (("60", 9.0), ("120", 5.0)), "parse: less work is due within a longer time", id="less"
        ),
        pytest.param(
            tuple((str(within), 1.0) for within in range(65)),
            "parse: 65 due times, 64 allowed",
            id="too many",
        ),
        pytest.param((), "empty: no such series", id="nothing"),
    ],
)
def test_a_queue_that_contradicts_itself_is_unknown(work: tuple[tuple[str, float], ...], told: str):
    """Evaluators are taken away when it is empty, so it must not look empty."""
    signals = read(a_queue(*work))

    assert (signals.evaluation, signals.faults["evaluation"]) == (None, told)


def test_an_idle_queue_is_known_to_be_empty():
    """Then the pool may go to nothing, and only then."""
    queue = read(a_queue(("3600", 0.0))).evaluation

    assert queue is not None
    assert (queue.work, queue.in_flight) == ((), 1)
