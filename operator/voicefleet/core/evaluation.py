"""How many evaluators there should be. They never carry a live call, so any may go.

Called by `planning` and by the status.
"""

from voicefleet.api.status import VoiceFleetStatus
from voicefleet.api.voicefleet import EvaluationSpec
from voicefleet.core.sizes import Bounds
from voicefleet.model.observed import Child


def bound_evaluation(spec: EvaluationSpec) -> Bounds:
    """Return the bounds of the evaluators."""
    return Bounds(spec.min_replicas, spec.max_replicas)


def current_evaluation_size(status: VoiceFleetStatus, live: Child | None) -> int:
    """Return what the tier was last meant to have, else what it has, else 0."""
    if status.evaluation is not None:
        return status.evaluation.desired_replicas
    return live.replicas if live is not None else 0
