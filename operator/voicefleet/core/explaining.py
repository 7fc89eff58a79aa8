"""Puts a size into one sentence: what asked for it, and what kept it from being that.

The same words go to status, Events, logs and `voicefleet why`. Called by the sizes of the tiers
and by `planning`.
"""

from collections.abc import Mapping
from datetime import timedelta

from voicefleet.api.reasons import Reason
from voicefleet.api.status import SizingStatus
from voicefleet.core.combine import Combined
from voicefleet.core.sizes import Bounds, explain_size
from voicefleet.core.stabilise import Stable
from voicefleet.model.decision import Decision
from voicefleet.model.observed import Tier
from voicefleet.model.plan import NOTHING, Plan
from voicefleet.model.size import Desire, Sizing


def make_sizing(
    subject: str,
    current: int,
    combined: Combined,
    stable: Stable,
    *,
    bounds: Bounds,
    faults: Mapping[str, str],
    wake_after: timedelta | None = None,
) -> Sizing:
    """Return the size with its reason, its sentence and every number that led there.

    Args:
        subject: How the tier or pool is called, such as `speech tts`.
        current: Replicas it was last meant to have.
        combined: What the desires ask for.
        stable: What may be done of it now.
        bounds: The author's limits.
        faults: Signals that could not be used, with the reason.
        wake_after: When time alone may change the desires.
    """
    reason = _find_reason(current, combined, stable, bounds)
    told = _explain(current, combined, stable, bounds)
    waits = [wait for wait in (stable.wake_after, wake_after) if wait is not None]
    return Sizing(
        wanted=stable.wanted,
        reason=reason,
        because=f"{subject} {_say_move(current, combined, stable)}: {told}",
        desires=_binding_first(combined),
        invalid=dict(faults),
        wake_after=min(waits, default=None),
    )


def want_minimum(bounds: Bounds) -> Desire:
    """Return what the author wants at least; a tier at rest then asks for what it has."""
    because = f"{bounds.low_field} is {bounds.low}"
    return Desire("minimum", bounds.low, Reason.BELOW_MINIMUM, because, may_lower=False)


def explain_resize(
    tier: Tier, current: int, sizing: Sizing, bounds: Bounds, *, pool: str = ""
) -> Decision | None:
    """Return the decision behind a changed count: a bound's, or what the signals ask for."""
    if sizing.reason in {Reason.BELOW_MINIMUM, Reason.ABOVE_MAXIMUM}:
        return explain_size(tier, current, sizing.wanted, bounds, pool=pool)
    if sizing.wanted == current:
        return None
    return Decision(tier, current, sizing.wanted, sizing.reason, sizing.because)


def plan_advice(sizing: Sizing, told: SizingStatus | None, tier: Tier) -> Plan:
    """Tell of a recommended size, if status has another one; nearly always there is none."""
    advised = sizing.recommended
    if advised is None or (told is not None and told.wanted == advised):
        return NOTHING
    news = Decision(tier, sizing.wanted, advised, Reason.RECOMMENDED, sizing.because)
    return Plan(decisions=(news,))


def _say_move(current: int, combined: Combined, stable: Stable) -> str:
    """Return "4→6", "unchanged at 4", or "held at 4" where something unknown keeps it."""
    if current != stable.wanted:
        return f"{current}→{stable.wanted}"
    return f"{'held' if combined.binding is None else 'unchanged'} at {current}"


def _explain(current: int, combined: Combined, stable: Stable, bounds: Bounds) -> str:
    """Say what asked for a count, and whatever kept it from being that."""
    cause = _find_cause(current, combined, stable)
    asked = combined.held if cause is None else _say_desire(cause, stable.wanted)
    limit = _explain_limit(combined.target if cause is None else cause.replicas, bounds)
    return "; ".join(part for part in (asked, limit, stable.held) if part)


def _say_desire(desire: Desire, wanted: int) -> str:
    """Return the formula, and its result only where the count becomes another one."""
    if desire.replicas == wanted:
        return desire.because
    verb = "is" if desire.replicas == 1 else "are"
    return f"{desire.because}, so {desire.replicas} {verb} wanted"


def _find_cause(current: int, combined: Combined, stable: Stable) -> Desire | None:
    """Return what the sentence begins with; a minimum explains no fall, what let it fall does."""
    binding = combined.binding
    if binding is None or binding.reason is not Reason.BELOW_MINIMUM or stable.wanted >= current:
        return binding
    return next((each for each in combined.desires if each.may_lower), binding)


def _explain_limit(target: int, bounds: Bounds) -> str:
    if target > bounds.high:
        return f"{bounds.high_field} is {bounds.high}"
    return f"{bounds.low_field} is {bounds.low}" if target < bounds.low else ""


def _find_reason(current: int, combined: Combined, stable: Stable, bounds: Bounds) -> Reason:
    """Name what moved the count, else what it rests on."""
    if current < stable.wanted == bounds.low and combined.target <= bounds.low:
        return Reason.BELOW_MINIMUM
    if current > stable.wanted == bounds.high and combined.target >= bounds.high:
        return Reason.ABOVE_MAXIMUM
    if combined.binding is None:
        return Reason.HELD
    if combined.binding.reason is not Reason.BELOW_MINIMUM:
        return combined.binding.reason
    if stable.wanted == current:
        return Reason.STEADY
    cause = _find_cause(current, combined, stable)
    return cause.reason if cause is not None and cause.may_lower else Reason.HELD


def _binding_first(combined: Combined) -> tuple[Desire, ...]:
    """Return the desires as `Sizing` wants them; while the count is held, none binds."""
    if combined.binding is None:
        return combined.desires
    others = [desire for desire in combined.desires if desire is not combined.binding]
    return (combined.binding, *others)
