"""The status of a fleet that cannot be acted on: what was known stays, and the reason is added.

Here is no typed fleet, because the manifest may be what is wrong; so this is made from the
stored object. Pure; called by `shell/reconcile`.
"""

import json
from datetime import datetime

from voicefleet.api.reasons import ConditionType, Reason
from voicefleet.api.status import Condition, ConditionStatus, VoiceFleetStatus
from voicefleet.manifests import Manifest

MESSAGE_CHARACTERS_MAX = 4096
"""What the CRD allows in a condition's message."""


def stall_status(body: Manifest, reason: Reason, message: str, now: datetime) -> VoiceFleetStatus:
    """Return the last status with condition Stalled, for this generation of the manifest.

    Counts stay what they were when the fleet could still be observed. `Ready` keeps its word
    too, because the calls go on; only its generation tells that it is about an older manifest.
    """
    before = read_status(body)
    generation = int(body["metadata"].get("generation", 0))
    known = {condition.type: condition for condition in before.conditions}
    stalled = Condition(
        type=ConditionType.STALLED,
        status=ConditionStatus.TRUE,
        reason=reason,
        message=message[:MESSAGE_CHARACTERS_MAX],
        last_transition_time=_since(known.get(ConditionType.STALLED), now),
        observed_generation=generation,
    )
    others = (
        condition
        for condition in before.conditions
        if condition.type not in {ConditionType.STALLED, ConditionType.RECONCILING}
    )
    conditions = tuple(sorted((*others, stalled), key=lambda condition: condition.type))
    return before.model_copy(update={"observed_generation": generation, "conditions": conditions})


def read_status(body: Manifest) -> VoiceFleetStatus:
    """Return the stored status; one that cannot be read counts as none."""
    try:
        return VoiceFleetStatus.model_validate_json(json.dumps(body.get("status") or {}))
    except ValueError:
        return VoiceFleetStatus()


def _since(before: Condition | None, now: datetime) -> datetime:
    if before is not None and before.status is ConditionStatus.TRUE:
        return before.last_transition_time
    return now.replace(microsecond=0)
