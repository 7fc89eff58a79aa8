"""From what a cycle saw to the figures that the operator's metrics show. Pure.

Called by `shell/reconcile` once for each cycle that reports.
"""

from collections.abc import Iterator, Mapping

from voicefleet.api.status import VoiceFleetStatus
from voicefleet.core.latency import STAGE_SHARES
from voicefleet.core.signal_conditions import DROP_OFF_RATIO_MAX, ERROR_RATIO_MAX
from voicefleet.model.figures import FleetFigures, ReplicaFigure, SignalFigure
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Observed, Tier
from voicefleet.model.signal import Sample

MILLISECONDS_PER_SECOND = 1000.0
"""Metrics are in seconds whatever the manifest's unit is."""

PERCENT = 100.0


def read_figures(fleet: Fleet, observed: Observed, status: VoiceFleetStatus) -> FleetFigures:
    """Return a fleet's signals beside their limits, and its replicas by tier."""
    return FleetFigures(
        signals=(
            *_call_signals(fleet, observed),
            *_speech_signals(fleet, observed),
            *_media_signals(fleet, observed),
        ),
        replicas=_replicas(status),
    )


def _call_signals(fleet: Fleet, observed: Observed) -> Iterator[SignalFigure]:
    """Return what callers feel, latency beside the target and its part for each stage."""
    signals = observed.signals
    scale = 1 / MILLISECONDS_PER_SECOND
    target = fleet.spec.scaling.target_ttfb_milliseconds * scale
    ttfb, errors, leavers = signals.ttfb_milliseconds, signals.error_ratio, signals.drop_off_ratio
    yield from _figure(Tier.AGENTS, "ttfb_p95", ttfb, scale=scale, threshold=target)
    yield from _figure(Tier.AGENTS, "error_ratio", errors, threshold=ERROR_RATIO_MAX)
    yield from _figure(Tier.AGENTS, "drop_off_ratio", leavers, threshold=DROP_OFF_RATIO_MAX)
    yield from _figure(Tier.AGENTS, "rate_limit_hits", signals.rate_limit_hits)
    for stage, sample in signals.stages.items():
        part = target * STAGE_SHARES[stage]
        yield from _figure(Tier.AGENTS, f"{stage}_p95", sample, scale=scale, threshold=part)


def _speech_signals(fleet: Fleet, observed: Observed) -> Iterator[SignalFigure]:
    """Return each pool's newest GPU average, as a ratio beside its limit."""
    for pool in fleet.spec.speech:
        found = observed.signals.pools.get(pool.name)
        if found is None:
            continue
        newest = found.utilization[-1] if found.utilization else None
        limit = pool.gpu_utilization_percent / PERCENT
        name = f"gpu_utilization/{pool.name}"
        yield from _figure(Tier.SPEECH, name, newest, scale=1 / PERCENT, threshold=limit)
        yield from _figure(Tier.SPEECH, f"waiting/{pool.name}", found.waiting)


def _media_signals(fleet: Fleet, observed: Observed) -> Iterator[SignalFigure]:
    """Return all connections beside those above which servers are added."""
    samples = observed.signals.connections.values()
    if not samples:
        return
    media = fleet.spec.media
    per_server = media.connections_per_server * media.scale_out_percent / PERCENT
    total = Sample(
        sum(sample.value for sample in samples), min(sample.observed_at for sample in samples)
    )
    limit = per_server * len(observed.servers)
    yield from _figure(Tier.MEDIA, "connections", total, threshold=limit)


def _figure(
    tier: Tier,
    signal: str,
    sample: Sample | None,
    *,
    scale: float = 1.0,
    threshold: float | None = None,
) -> Iterator[SignalFigure]:
    if sample is not None:
        yield SignalFigure(tier, signal, sample.value * scale, sample.observed_at, threshold)


def _replicas(status: VoiceFleetStatus) -> Mapping[str, ReplicaFigure]:
    found = {
        Tier.AGENTS.value: ReplicaFigure(
            status.agents.desired_replicas, status.agents.ready_replicas
        ),
        Tier.MEDIA.value: ReplicaFigure(status.media.desired_replicas, status.media.ready_replicas),
    }
    if status.speech:
        found[Tier.SPEECH.value] = ReplicaFigure(
            sum(pool.desired_replicas for pool in status.speech),
            sum(pool.ready_replicas for pool in status.speech),
        )
    if status.evaluation is not None:
        found[Tier.EVALUATION.value] = ReplicaFigure(
            status.evaluation.desired_replicas, status.evaluation.ready_replicas
        )
    return found
