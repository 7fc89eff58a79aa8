"""Which changes of signals are worth a cycle."""

from dataclasses import replace
from datetime import timedelta

import pytest

from support.builders import NOW
from voicefleet.adapters.prometheus_news import is_news
from voicefleet.model.signal import PoolSignals, Sample, Signals, Stage


def sample(value: float, *, age: int = 0) -> Sample:
    """Return a value of some seconds ago."""
    return Sample(value, NOW - timedelta(seconds=age), count=240)


BEFORE = Signals(
    ttfb_milliseconds=sample(400, age=10),
    stages={Stage.TTS: sample(140, age=10)},
    error_ratio=sample(0.01, age=10),
    rate_limit_hits=sample(0, age=10),
    pools={"tts": PoolSignals((sample(70, age=10),), sample(1.0), sample(3))},
)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(replace(BEFORE, ttfb_milliseconds=None), id="a signal went"),
        pytest.param(replace(BEFORE, drop_off_ratio=sample(0.1)), id="a signal came"),
        pytest.param(replace(BEFORE, ttfb_milliseconds=sample(450)), id="an eighth slower"),
        pytest.param(replace(BEFORE, stages={Stage.TTS: sample(190)}), id="a stage slower"),
        pytest.param(replace(BEFORE, error_ratio=sample(0.02)), id="twice the errors"),
        pytest.param(replace(BEFORE, rate_limit_hits=sample(1)), id="the first hit"),
        pytest.param(
            replace(BEFORE, pools={"tts": PoolSignals((sample(80),), sample(1.0), sample(3))}),
            id="busier GPUs",
        ),
        pytest.param(
            replace(BEFORE, pools={"tts": PoolSignals((sample(70),), sample(0.5), sample(3))}),
            id="half a pool unseen",
        ),
    ],
)
def test_a_change_that_may_decide_is_news(after: Signals):
    """The fleet is woken for it instead of at its next resync."""
    assert is_news(BEFORE, after)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(BEFORE, id="the same"),
        pytest.param(replace(BEFORE, ttfb_milliseconds=sample(400)), id="the same, newer"),
        pytest.param(replace(BEFORE, ttfb_milliseconds=sample(415)), id="some milliseconds"),
        pytest.param(replace(BEFORE, error_ratio=sample(0.012)), id="one error more"),
        pytest.param(replace(BEFORE, faults={"drop_off_ratio": "empty"}), id="another cause"),
    ],
)
def test_noise_is_none(after: Signals):
    """Each round brings other numbers; a thousand fleets would have cycles without end."""
    assert not is_news(BEFORE, after)
