"""The Prometheus adapter against a stand-in server, with a clock that a test can set forward."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from support.fleets import a_full_fleet, with_spec
from support.stand_in_prometheus import (
    FLEET,
    NAMESPACE,
    READY_REPLICAS,
    StandInPrometheus,
    serving,
)
from support.worlds import eventually
from voicefleet.adapters.clock import SystemClock
from voicefleet.adapters.prometheus import PrometheusMetrics
from voicefleet.api.status import SpeechStatus, VoiceFleetStatus
from voicefleet.model.fleet import Fleet
from voicefleet.model.signal import Signals
from voicefleet.settings import Platform, parse_platform

TIMEOUT_SECONDS = 0.5


class ShiftedClock(SystemClock):
    """The system's clock, set forward by a test."""

    def __init__(self) -> None:
        self.shift = timedelta(0)

    def now(self) -> datetime:
        """Do what the port says."""
        return super().now() + self.shift

    def monotonic(self) -> float:
        """Do what the port says."""
        return super().monotonic() + self.shift.total_seconds()


@dataclass
class Provider:
    """The adapter, the stand-in it asks, and what it was told."""

    metrics: PrometheusMetrics
    platform: list[Platform]
    """The one configuration that the adapter reads; a test may put another in its place."""
    stand_in: StandInPrometheus
    clock: ShiftedClock
    fleet: Fleet
    errors: list[str] = field(default_factory=list)
    wakes: list[Any] = field(default_factory=list)

    def signals(self) -> Signals:
        """Return the fleet's signals of this moment."""
        return self.metrics.signals(self.fleet)

    async def hear(self, cause: str = "") -> Signals:
        """Return the signals once something came, or once everything failed for this cause."""
        self.signals()
        await eventually(lambda: self._has_heard(cause))
        return self.signals()

    def _has_heard(self, cause: str) -> bool:
        signals = self.signals()
        if cause:
            told = signals.faults.get("ttfb", "")
            return told.startswith(cause) and "not asked" not in told
        return signals.ttfb_milliseconds is not None and signals.evaluation is not None


def a_platform(url: str, **settings: Any) -> Platform:
    """Return a configuration with one provider, which is impatient."""
    provider = {"prometheusURL": url, "timeoutSeconds": TIMEOUT_SECONDS, "intervalSeconds": 1}
    return parse_platform(
        str({"metricsProviders": {"default": {**provider, **settings}}}), source="platform.yaml"
    )


def a_fleet() -> Fleet:
    """Return the fleet that the stand-in knows."""
    fleet = with_spec(a_full_fleet(), "scaling.metricsProvider", "default")
    ready = VoiceFleetStatus(speech=(SpeechStatus(name="tts", ready_replicas=READY_REPLICAS),))
    return replace(fleet, namespace=NAMESPACE, name=FLEET, status=ready)


@asynccontextmanager
async def a_provider(
    stand_in: StandInPrometheus,
    folder: Path,
    *,
    tls: ssl.SSLContext | None = None,
    url: str = "",
    **settings: Any,
) -> AsyncIterator[Provider]:
    """Open the adapter against a stand-in."""
    async with serving(stand_in, tls=tls) as address:
        platform, clock = [a_platform(url or address, **settings)], ShiftedClock()
        wakes: list[Any] = []
        errors: list[str] = []
        async with PrometheusMetrics(
            lambda: platform[0],
            folder=folder,
            clock=clock,
            wake=wakes.append,
            jitter=lambda: 0.5,
            meter=Counting(errors),
        ) as metrics:
            yield Provider(metrics, platform, stand_in, clock, a_fleet(), errors, wakes)


@dataclass(frozen=True)
class Counting:
    """Keeps causes, as a counter by cause would."""

    causes: list[str]

    def note_signal_error(self, cause: str) -> None:
        """Do what the protocol says."""
        self.causes.append(cause)
