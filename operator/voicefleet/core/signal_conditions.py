"""The conditions about what is measured: is it known, and are callers answered in time.

An alarm that begins at its limit ends a fifth below it, so that a value at the limit is one
alarm and not twenty. Called by `core/conditions`.
"""

from collections.abc import Iterator
from datetime import timedelta

from voicefleet.api.reasons import ConditionType, Reason
from voicefleet.api.status import ConditionStatus
from voicefleet.core.finding import Finding
from voicefleet.core.latency import WELL_FILLED, Latency
from voicefleet.core.overview import Overview
from voicefleet.core.readings import read_sample

ALARM_FACTOR = 2
"""Twice the target raises an alarm: at 800 ms callers begin to hang up."""

ERROR_RATIO_MAX = 0.01
DROP_OFF_RATIO_MAX = 0.15
"""What teams that run voice agents take for the border between noise and a fault."""

ENDS_BELOW = 0.8
"""An alarm ends at this share of the limit at which it began."""


def find_signals(view: Overview) -> Finding:
    """Say whether everything that the number of workers is decided on is known."""
    if view.demand.fault:
        told = f"{view.demand.fault}; they count as full. {Reason.WORKERS_SILENT.next_step}"
        return Finding(ConditionType.SIGNALS_FRESH, False, Reason.WORKERS_SILENT, told)
    if view.latency is not None and view.latency.fault:
        provider = view.fleet.spec.scaling.metrics_provider
        told = (
            f"metricsProvider {provider}: the P95 of answers is not known "
            f"({view.latency.fault}); no worker is spared until it is"
        )
        return Finding(ConditionType.SIGNALS_FRESH, False, Reason.METRICS_UNKNOWN, told)
    told = Reason.SIGNALS_KNOWN.meaning
    return Finding(ConditionType.SIGNALS_FRESH, True, Reason.SIGNALS_KNOWN, told)


def find_latency(view: Overview) -> Finding | None:
    """Say whether callers are answered in time, or None where nobody measures it."""
    if view.latency is None:
        return None
    alarm = next(_alarms(view, view.latency), None)
    if alarm is not None:
        reason, told = alarm
        return Finding(ConditionType.LATENCY_WITHIN_TARGET, False, reason, told)
    known, target = view.latency.ttfb_milliseconds, view.latency.target_milliseconds
    if known is None:
        told = view.latency.fault or "too few turns of late"
        return Finding(ConditionType.LATENCY_WITHIN_TARGET, None, Reason.ANSWERS_UNKNOWN, told)
    told = f"P95 {known:.0f} ms, target {target} ms"
    return Finding(ConditionType.LATENCY_WITHIN_TARGET, True, Reason.ANSWERS_FAST, told)


def _alarms(view: Overview, latency: Latency) -> Iterator[tuple[Reason, str]]:
    """Yield what is wrong, the gravest first."""
    known, target = latency.ttfb_milliseconds, latency.target_milliseconds
    blame = _explain_stage(latency)
    too_slow = {Reason.ANSWERS_TOO_SLOW}
    if known is not None and _exceeds(view, known, ALARM_FACTOR * target, too_slow):
        told = f"P95 {known:.0f} ms, more than {ALARM_FACTOR} times the target of {target} ms"
        yield Reason.ANSWERS_TOO_SLOW, f"{told}{blame}"
    yield from _alarms_of_ratios(view)
    slow = {
        Reason.ANSWERS_SLOW,
        Reason.ANSWERS_TOO_SLOW,
        Reason.LATENCY_NOT_CAPACITY,
        Reason.PROVIDER_RATE_LIMITED,
    }
    if known is not None and _exceeds(view, known, target, slow):
        told = f"P95 {known:.0f} ms, target {target} ms{blame}"
        reason = _classify(view, latency)
        yield reason, f"{told}. {reason.meaning}"


def _alarms_of_ratios(view: Overview) -> Iterator[tuple[Reason, str]]:
    signals = view.observed.signals
    ratios = (
        (signals.error_ratio, ERROR_RATIO_MAX, Reason.ERROR_RATE_HIGH, "turns end in an error"),
        (signals.drop_off_ratio, DROP_OFF_RATIO_MAX, Reason.DROP_OFF_HIGH, "callers give up"),
    )
    stale_after = timedelta(seconds=view.fleet.spec.scaling.stale_after_seconds)
    for sample, limit, reason, words in ratios:
        value = read_sample(sample, view.now, stale_after=stale_after).value
        if value is not None and _exceeds(view, value, limit, {reason}):
            yield reason, f"{value:.1%} of {words}, the limit is {limit:.0%}. {reason.next_step}"


def _classify(view: Overview, latency: Latency) -> Reason:
    """Tell slow answers that more workers mend from those that they do not."""
    if latency.is_rate_limited:
        return Reason.PROVIDER_RATE_LIMITED
    slots = view.fleet.spec.agents.sessions_per_worker
    filled = view.demand.sessions / (slots * view.demand.serving) if view.demand.serving else 1.0
    return Reason.ANSWERS_SLOW if filled >= WELL_FILLED else Reason.LATENCY_NOT_CAPACITY


def _explain_stage(latency: Latency) -> str:
    guilty = latency.guilty
    if guilty is None:
        return ""
    stage, took, allowed = guilty
    return f"; stage {stage} takes {took:.0f} ms of the {allowed:.0f} ms that are its part"


def _exceeds(view: Overview, value: float, limit: float, reasons: set[Reason]) -> bool:
    """Say whether a value is over its limit, or was and is not yet clearly below it."""
    before = next(
        (
            condition
            for condition in view.fleet.status.conditions
            if condition.type == ConditionType.LATENCY_WITHIN_TARGET
        ),
        None,
    )
    was_over = (
        before is not None
        and before.status is ConditionStatus.FALSE
        and before.reason in {str(reason) for reason in reasons}
    )
    return value > (limit * ENDS_BELOW if was_over else limit)
