"""What the operator's metrics say about single fleets, put together when somebody scrapes.

A cycle only hands over a few numbers; a thousand fleets cost nothing between two scrapes, and a
fleet that is gone leaves no series behind. Registered by `adapters/telemetry`.
"""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from voicefleet.manifests import ObjectKey
from voicefleet.model.figures import FleetFigures

SIGNAL_LABELS = ("namespace", "fleet", "tier", "signal")
REPLICA_LABELS = ("namespace", "fleet", "tier")


class FleetCollector(Collector):
    """Holds each fleet's newest figures."""

    def __init__(self) -> None:
        self._figures: dict[ObjectKey, FleetFigures] = {}

    def note(self, key: ObjectKey, figures: FleetFigures) -> None:
        """Keep a fleet's figures in place of its old ones."""
        self._figures[key] = figures

    def forget(self, key: ObjectKey) -> None:
        """Drop a fleet that is gone."""
        self._figures.pop(key, None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the series of every fleet, as prometheus_client asks for them."""
        yield from self._collect_signals()
        yield from self._collect_replicas()

    def _snapshot(self) -> list[tuple[ObjectKey, FleetFigures]]:
        """Return the figures of this moment; cycles go on while a thread puts the text together."""
        return list(self._figures.items())

    def _collect_signals(self) -> Iterator[GaugeMetricFamily]:
        value = GaugeMetricFamily(
            "voicefleet_scaling_signal_value",
            "A signal as the last decision had it; seconds, ratios and counts.",
            labels=SIGNAL_LABELS,
        )
        threshold = GaugeMetricFamily(
            "voicefleet_scaling_signal_threshold",
            "The limit above which a tier acts or its condition warns, in the signal's own unit.",
            labels=SIGNAL_LABELS,
        )
        observed_at = GaugeMetricFamily(
            "voicefleet_scaling_signal_timestamp_seconds",
            "When the newest measurement behind a signal was taken, as Unix time.",
            labels=SIGNAL_LABELS,
        )
        for key, figures in self._snapshot():
            for one in figures.signals:
                labels = (key.namespace, key.name, one.tier, one.signal)
                value.add_metric(labels, one.value)
                observed_at.add_metric(labels, one.observed_at.timestamp())
                if one.threshold is not None:
                    threshold.add_metric(labels, one.threshold)
        yield from (value, threshold, observed_at)

    def _collect_replicas(self) -> Iterator[GaugeMetricFamily]:
        desired = GaugeMetricFamily(
            "voicefleet_fleet_replicas_desired",
            "Replicas that a tier should have.",
            labels=REPLICA_LABELS,
        )
        ready = GaugeMetricFamily(
            "voicefleet_fleet_replicas_ready",
            "Replicas of a tier that are ready.",
            labels=REPLICA_LABELS,
        )
        for key, figures in self._snapshot():
            for tier, replicas in figures.replicas.items():
                labels = (key.namespace, key.name, tier)
                desired.add_metric(labels, replicas.desired)
                ready.add_metric(labels, replicas.ready)
        yield from (desired, ready)
