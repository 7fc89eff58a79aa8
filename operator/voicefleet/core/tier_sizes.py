"""The sizes of media, speech and evaluation for one fleet, as its plan and its status have them.

Plan and status ask here separately, from the same observation and memory, and so get the same
answer. A paused fleet, one that only wants advice, and one that is being deleted keep what
they have. Called by `planning`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from voicefleet.api.reasons import Reason
from voicefleet.api.scaling import ScalingMode
from voicefleet.api.voicefleet import EvaluationSpec, SpeechSpec, SpeechStage
from voicefleet.core.agents_size import as_advice
from voicefleet.core.demand import Demand, count_rooms
from voicefleet.core.evaluation import bound_evaluation, current_evaluation_size
from voicefleet.core.evaluation_size import decide_evaluation_size
from voicefleet.core.latency import STAGE_SHARES
from voicefleet.core.media import Servers, current_media_size
from voicefleet.core.media_size import MediaSeen, decide_media_size
from voicefleet.core.overview import Pool
from voicefleet.core.sizes import bound_media
from voicefleet.core.speech import bound_speech, current_speech_size
from voicefleet.core.speech_size import UNMEASURED, PoolSeen, decide_speech_size
from voicefleet.core.stabilise import Pace
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Child, Observed, Tier
from voicefleet.model.signal import Stage
from voicefleet.model.size import Sizing
from voicefleet.recall import remembered

STAGES = {
    SpeechStage.STT: Stage.STT,
    SpeechStage.LLM: Stage.LLM,
    SpeechStage.TTS: Stage.TTS,
}
"""Which part of a turn a pool serves."""

Memory = Mapping[str, Any]


@remembered(4)
def size_media(
    fleet: Fleet, observed: Observed, servers: Servers, *, demand: Demand, now: datetime
) -> tuple[Sizing, Memory]:
    """Return how many media servers a fleet should have, and what to remember."""
    current = current_media_size(fleet.status, servers)
    down = fleet.spec.scaling.scale_down
    seen = MediaSeen(
        servers,
        demand,
        observed,
        current,
        _stale_after(fleet),
        Pace(
            window_seconds=down.stabilization_window_seconds,
            fall_percent_per_minute=down.max_percent_per_minute,
        ),
    )
    sizing, part = decide_media_size(fleet.spec.media, seen, _recall(observed, Tier.MEDIA), now)
    return _carry_out(fleet, sizing, bound_media(fleet.spec.media).clamp(current)), part


@remembered(16)
def size_speech(
    fleet: Fleet,
    observed: Observed,
    pool: SpeechSpec,
    live: Child | None,
    *,
    demand: Demand,
    now: datetime,
) -> tuple[Sizing, Memory]:
    """Return how many replicas one speech pool should have, and what to remember of it."""
    current = current_speech_size(pool, fleet.status, live)
    there = Pool(Tier.SPEECH, pool.name, current, live)
    stage = STAGES[pool.stage]
    budget = STAGE_SHARES[stage] * fleet.spec.scaling.target_ttfb_milliseconds
    is_settled = (
        live is not None
        and live.replicas == there.replicas == there.ready == current
        and not there.is_rolling
    )
    stale_after = _stale_after(fleet)
    seen = PoolSeen(
        current=current,
        ready=there.ready,
        is_settled=is_settled,
        signals=observed.signals.pools.get(pool.name, UNMEASURED),
        stage_milliseconds=observed.signals.stages.get(stage),
        budget_milliseconds=pool.latency_budget_milliseconds or budget,
        demand=demand,
        rooms=count_rooms(observed, now, age_max=stale_after),
        stale_after=stale_after,
    )
    remembered = _recall(observed, Tier.SPEECH).get(pool.name)
    sizing, part = decide_speech_size(pool, seen, _as_mapping(remembered), now)
    return _carry_out(fleet, sizing, bound_speech(pool).clamp(current)), part


@remembered(4)
def size_evaluation(
    fleet: Fleet, spec: EvaluationSpec, observed: Observed, live: Child | None, *, now: datetime
) -> tuple[Sizing, Memory]:
    """Return how many evaluators a fleet should have, and what to remember."""
    current = current_evaluation_size(fleet.status, live)
    if fleet.is_deleting:
        return Sizing(0, Reason.FLEET_DELETED, f"{fleet} is deleted"), {}
    queue, memory = observed.signals.evaluation, _recall(observed, Tier.EVALUATION)
    sizing, part = decide_evaluation_size(spec, queue, memory, now, current=current)
    return _carry_out(fleet, sizing, bound_evaluation(spec).clamp(current)), part


def _carry_out(fleet: Fleet, sizing: Sizing, kept: int) -> Sizing:
    """Return the size that is really wanted: the present one where nothing may be changed."""
    if fleet.is_deleting:
        return Sizing(kept, Reason.FLEET_DELETED, f"{kept} stay until the last call has ended")
    if fleet.spec.paused:
        return as_advice(sizing, kept, because="spec.paused is true")
    if fleet.spec.scaling.mode is ScalingMode.RECOMMEND:
        return as_advice(sizing, kept, because="scaling.mode is Recommend")
    return sizing


@remembered(16)
def _stale_after(fleet: Fleet) -> timedelta:
    return timedelta(seconds=fleet.spec.scaling.stale_after_seconds)


def _recall(observed: Observed, tier: Tier) -> Memory:
    return _as_mapping(observed.memory.get(tier))


def _as_mapping(stored: object) -> Memory:
    """Return what was remembered; anybody may have edited it into something else."""
    # Nearly always a plain dictionary; asking an abstract class takes ten times as long.
    return stored if isinstance(stored, (dict, Mapping)) else {}
