"""What the operator reports about a fleet.

Values are written at most twice a minute in steady state, so they are for people and for
tools that read now and then; metrics are the place for everything faster. Words written by
a newer or older operator must stay readable, so reasons are text here and not an enum.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from voicefleet.api.base import ApiModel, Timestamp

DRAINING_MAX = 10
"""Replicas shown while they drain; the totals are in the tiers' own blocks."""
DECISIONS_MAX = 20
"""Decisions kept for `kubectl describe`; older ones are in the Events and the logs."""
REVISIONS_MAX = 16
"""Revisions shown at once. More than two live together only after hasty edits."""
CONDITIONS_MAX = 16
SURGES_MAX = 5
"""Windows of SurgePlans shown at once; the plans' own status has all of them."""
DESIRES_MAX = 12
"""Parts of a formula; no tier has more."""
FIGURES_MAX = 16
"""Numbers, and signals, of one size."""

Count = Annotated[int, Field(ge=0)]
Name = Annotated[str, Field(max_length=253)]
Word = Annotated[str, Field(max_length=128)]
SENTENCE_MAX = 1024
"""Characters of one sentence; the note of an Event ends there as well."""


def _shorten(text: object) -> object:
    """End a sentence that is too long with an ellipsis.

    Sentences repeat what a server said, which has no limit; a status that cannot be written
    would tell nobody anything.
    """
    is_long = isinstance(text, str) and len(text) > SENTENCE_MAX
    return f"{str(text)[: SENTENCE_MAX - 1]}…" if is_long else text


Sentence = Annotated[str, Field(max_length=SENTENCE_MAX), BeforeValidator(_shorten)]


class ConditionStatus(StrEnum):
    """Whether a condition holds; `Unknown` is neither."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(ApiModel):
    """One fact about the fleet that can be waited for."""

    type: Word
    """Word for the fact, for example `Ready`."""
    status: ConditionStatus
    """Whether the fact holds."""
    reason: Word
    """Word for why, listed in docs/reasons.md."""
    message: Sentence
    """Sentence with the object, the number, the limit and the next step."""
    last_transition_time: Timestamp
    """Time of the last change of `status`."""
    observed_generation: Count | None = None
    """Generation of the manifest that the condition is about."""


class Summary(ApiModel):
    """Ready-made text for the columns of `kubectl get`."""

    sessions: Word = ""
    """Running sessions and slots of workers that take new ones, for example `34/48`."""
    agents: Word = ""
    """Ready and wanted workers, for example `6/6`."""
    media: Word = ""
    """Ready and wanted media servers, for example `2/2`."""
    latency: Word = ""
    """P95 of the time to the first sound of an answer, for example `312 ms`. Empty without a
    metrics provider."""
    target: Word = ""
    """What that P95 should be at most. Empty without a metrics provider."""


class DesireStatus(ApiModel):
    """What one part of a size's formula asks for."""

    name: Word
    """Word for the part: `demand`, `forecast`, `latency`, `spare`, `surge`, `minimum`."""
    replicas: Count
    """Replicas that it asks for."""
    message: Sentence
    """The formula with its numbers."""


class SizingStatus(ApiModel):
    """How a size came about. Written at most twice a minute while only numbers move."""

    wanted: Count
    """Replicas that the signals ask for after every limit: in mode Recommend, and while paused,
    what it would be."""
    reason: Word
    """Word for what the size rests on, listed in docs/reasons.md."""
    message: Sentence
    """Sentence with the numbers."""
    desires: Annotated[tuple[DesireStatus, ...], Field(max_length=DESIRES_MAX)] = ()
    """What each part of the formula asks for, the one that counts first."""
    figures: Annotated[Mapping[Word, Count], Field(max_length=FIGURES_MAX)] = {}
    """Numbers behind it by name: `forecast` and `safety` in sessions, `leadSeconds`, and
    `capacityPercent`, the share of its slots that a worker counts for."""
    invalid: Annotated[Mapping[Word, Sentence], Field(max_length=FIGURES_MAX)] = {}
    """Signals that cannot be used, with the reason. Nothing is taken away because of them."""


class RevisionStatus(ApiModel):
    """Workers made from one pod template."""

    revision: Word
    """Hash of the template; label `voicefleet.dev/revision` of the pods."""
    replicas: Count = 0
    """Workers of this revision, cordoned ones included."""
    ready_replicas: Count = 0
    """Workers of this revision that have registered with a media server."""
    cordoned_replicas: Count = 0
    """Workers of this revision that take no new sessions."""
    sessions: Count | None = None
    """Sessions on this revision. Not set while any of its workers has not reported."""


class AgentsStatus(ApiModel):
    """The workers as the operator sees them."""

    replicas: Count = 0
    """Workers that exist, of all revisions, cordoned ones included."""
    desired_replicas: Count = 0
    """Workers that should take new sessions."""
    ready_replicas: Count = 0
    """Workers that have registered with a media server."""
    sessions: Count | None = None
    """Sessions on all workers. Not set while any ready worker has not reported."""
    slots: Count = 0
    """Sessions that the ready workers which are not cordoned may hold together."""
    selector: Annotated[str, Field(max_length=512)] = ""
    """Label selector of the workers, for `kubectl scale` and autoscalers."""
    revision: Word = ""
    """Revision that new workers are made from."""
    revisions: Annotated[tuple[RevisionStatus, ...], Field(max_length=REVISIONS_MAX)] = ()
    """Workers by revision."""
    grace_seconds: Count = 0
    """Time in seconds that workers get to finish their calls: the longest call and a margin."""
    sizing: SizingStatus | None = None
    """How the number of workers came about."""


class TierStatus(ApiModel):
    """Replicas of a tier."""

    replicas: Count = 0
    """Pods that exist."""
    desired_replicas: Count = 0
    """Pods that should exist."""
    ready_replicas: Count = 0
    """Pods that are ready."""
    sizing: SizingStatus | None = None
    """How the number of pods came about."""


class SpeechStatus(TierStatus):
    """One speech pool as the operator sees it."""

    name: Word
    """Name of the pool."""


class MediaStatus(TierStatus):
    """The media servers as the operator sees them."""

    last_server: Count = 0
    """Highest number ever given to a server of this fleet; numbers are never used twice."""
    revision: Word = ""
    """Revision that new servers are made from."""
    public_url: Name | None = None
    """Address that callers connect to."""


class EvaluationStatus(TierStatus):
    """The evaluators as the operator sees them."""


class AnnouncedSurge(ApiModel):
    """A window of a SurgePlan that is about this fleet."""

    plan: Name
    """Name of the SurgePlan."""
    window: Word
    """Name of the window, or `bookings`."""
    start_time: Timestamp
    """Time at which its demand begins; its workers are started before."""
    end_time: Timestamp
    """Time at which its demand ends; its workers leave one by one after it."""
    peak_sessions: Count | None = None
    """Calls that it expects at once. Not set where it names workers."""
    min_replicas: Count | None = None
    """Workers that it asks for. Not set where it names calls."""


class SurgeStatus(ApiModel):
    """Demand that SurgePlans announce for this fleet, at most a day ahead."""

    active: Annotated[tuple[AnnouncedSurge, ...], Field(max_length=SURGES_MAX)] = ()
    """Windows whose demand lasts now, glides included, the largest first, at most 5."""
    next: AnnouncedSurge | None = None
    """The window that begins next."""


class DrainingReplica(ApiModel):
    """A worker or server that takes no new calls and waits for its last one to end."""

    pod: Name
    """Name of the pod."""
    tier: Word
    """Tier of the pod: `agents` or `media`."""
    sessions: Count | None = None
    """Sessions it still has. Not set while it does not answer, and then it counts as busy."""
    since: Timestamp
    """Time at which it was first seen without new calls."""
    eta_seconds: Count | None = None
    """Seconds until its calls have ended at the latest. Not set while that is unknown."""


class DecisionStatus(ApiModel):
    """One thing that the operator decided."""

    time: Timestamp
    """Time of the decision."""
    tier: Word
    """Tier that it was about."""
    from_replicas: Annotated[Count, Field(alias="from")]
    """Replicas before."""
    to_replicas: Annotated[Count, Field(alias="to")]
    """Replicas after."""
    reason: Word
    """Word for why, listed in docs/reasons.md."""
    message: Sentence
    """Sentence with the numbers."""


class VoiceFleetStatus(ApiModel):
    """What the operator observed and did, as of the generation it names."""

    observed_generation: Count = 0
    """Generation of the manifest that this status is about. 0 before the first cycle."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=CONDITIONS_MAX)] = ()
    """Facts that can be waited for, one per type: `kubectl wait --for=condition=Ready`."""
    summary: Summary = Summary()
    """Ready-made text for the columns of `kubectl get`."""
    agents: AgentsStatus = AgentsStatus()
    """The workers as the operator sees them."""
    speech: Annotated[tuple[SpeechStatus, ...], Field(max_length=16)] = ()
    """The speech pools, one entry per pool."""
    media: MediaStatus = MediaStatus()
    """The media servers as the operator sees them."""
    evaluation: EvaluationStatus | None = None
    """The evaluators as the operator sees them; not set where the fleet has none."""
    surge: SurgeStatus | None = None
    """Demand that SurgePlans announce; not set where none does for the coming day."""
    draining: Annotated[tuple[DrainingReplica, ...], Field(max_length=DRAINING_MAX)] = ()
    """Workers and servers that wait for their last call, at most 10, the oldest first."""
    decisions: Annotated[tuple[DecisionStatus, ...], Field(max_length=DECISIONS_MAX)] = ()
    """What the operator decided, at most 20, the newest first."""
