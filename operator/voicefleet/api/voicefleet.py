"""What a user may write in a VoiceFleet.

Published are only fields that this version of the operator acts on. References to Secrets
and ServiceAccounts are bounded so that together there are at most 28: an admission policy
checks each against its author's own rights, and one request can afford that many checks.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator

from voicefleet.api.base import ApiModel, ImageReference, ObjectName, Port, SecretReference
from voicefleet.api.media import MediaSpec
from voicefleet.api.patterns import DNS_LABEL
from voicefleet.api.pods import DeviceCount, PodSettings, ResourceAmounts, Resources
from voicefleet.api.scaling import ScalingSpec
from voicefleet.api.times import TimeOfDay, TimeZone, Weekday, require_known_zone

WORKERS_MAX = 1000
"""The size up to which one fleet is measured; a larger one is better split by region."""

WorkerCount = Annotated[int, Field(ge=0, le=WORKERS_MAX)]
PositiveWorkerCount = Annotated[int, Field(ge=1, le=WORKERS_MAX)]
PoolCount = Annotated[int, Field(ge=0, le=200)]
PositivePoolCount = Annotated[int, Field(ge=1, le=200)]


class DeletionPolicy(StrEnum):
    """What happens to live calls when a fleet is deleted."""

    DRAIN = "Drain"
    NOW = "Now"


class SpeechStage(StrEnum):
    """The stage of a turn that a speech pool serves."""

    STT = "STT"
    LLM = "LLM"
    TTS = "TTS"


class SpotUse(StrEnum):
    """Whether evaluation runs on nodes that the cloud may take back."""

    REQUIRED = "Required"
    PREFERRED = "Preferred"
    NEVER = "Never"


class AgentsSpec(PodSettings):
    """The workers that talk with callers."""

    image: ImageReference
    """Container image of the worker. A change starts new workers and lets each old one finish
    its calls; it never ends one."""
    image_pull_secret_refs: Annotated[tuple[SecretReference, ...], Field(max_length=3)] = ()
    """Secrets with registry credentials for `image`."""
    agent_name: Annotated[str, Field(min_length=1, max_length=63, pattern=DNS_LABEL)] = "agent"
    """Name under which workers register with the media servers; dispatch rules ask for it."""
    sessions_per_worker: Annotated[int, Field(ge=1, le=200)] = 8
    """Calls that one worker may hold at once (its slots). Too many on one worker make every
    answer on it slow."""
    min_replicas: WorkerCount = 2
    """Workers kept even when nobody calls. 0 means that a fleet may stand without workers."""
    max_replicas: PositiveWorkerCount = 20
    """Workers at most, counting those that take new calls. Lowering it ends no call: surplus
    workers take no new calls and leave when they are empty."""
    floor_replicas: WorkerCount = 0
    """Lower bound set by hand, on top of `minReplicas`; `kubectl scale` writes this field. 0
    hands the count back to the operator."""
    max_session_seconds: Annotated[int, Field(ge=60, le=28800)] = 3600
    """Longest call in seconds. Workers get this much time, and a margin, to finish their calls
    whenever a node is drained or a worker leaves."""
    env_from_secret_refs: Annotated[tuple[SecretReference, ...], Field(max_length=6)] = ()
    """Secrets whose keys become environment variables of the worker, such as provider keys. A
    later one wins over an earlier one."""
    service_account_name: ObjectName | None = None
    """ServiceAccount of the workers, for a cloud's workload identity. Not set means one of the
    fleet's own, without any right in the cluster."""


class SpeechSpec(PodSettings):
    """One pool of speech servers: speech to text, language model, or text to speech."""

    name: Annotated[str, Field(min_length=1, max_length=15, pattern=DNS_LABEL)]
    """Name of the pool, unique in the fleet; the pool's Service is called
    `FLEET-speech-NAME`."""
    stage: SpeechStage
    """Stage of a turn that the pool serves: `STT` hears, `LLM` thinks, `TTS` speaks. It cannot
    be changed; add a pool of another name instead."""
    image: ImageReference
    """Container image of the speech server. A change rolls over to new pods, each ready (its
    model loaded) before an old one goes."""
    port: Port = 8000
    """TCP port on which the server answers HTTP, including `GET /health` for readiness."""
    gpus_per_replica: Annotated[DeviceCount | None, Field(ge=1)] = None
    """Whole NVIDIA GPUs of each replica, the same as `nvidia.com/gpu` in `resources.limits`. Not
    set means what `resources` says. A change rolls over to new pods."""
    streams_per_replica: Annotated[int, Field(ge=1, le=1000)] = 20
    """Requests that one replica serves at once without making callers wait."""
    gpu_utilization_percent: Annotated[int, Field(ge=30, le=95)] = 75
    """GPU utilisation in percent above which the pool counts as busy. Replicas are added only if
    requests wait or the stage is slow as well: batching makes a healthy GPU busy."""
    gpu_sustained_seconds: Annotated[int, Field(ge=60, le=900)] = 300
    """Time in seconds during which each 1-minute average must be above `gpuUtilizationPercent`."""
    latency_budget_milliseconds: Annotated[int, Field(ge=10, le=10000)] | None = None
    """P95 of the pool's stage in milliseconds above which the stage counts as slow. Not set means
    its part of `scaling.targetTTFBMilliseconds`: 15 % for `STT`, 35 % for `LLM`, 20 % for `TTS`."""
    min_replicas: PoolCount = 1
    """Replicas kept even when nobody calls. 0 means that the pool may stand empty."""
    max_replicas: PositivePoolCount = 8
    """Replicas at most."""
    image_pull_secret_refs: Annotated[tuple[SecretReference, ...], Field(max_length=1)] = ()
    """Secret with registry credentials for `image`."""
    env_from_secret_refs: Annotated[tuple[SecretReference, ...], Field(max_length=1)] = ()
    """Secret whose keys become environment variables of the server, such as a model hub's
    token."""

    @property
    def pod_resources(self) -> Resources:
        """The resources of each pod, with the GPUs wherever they were written."""
        if self.gpus_per_replica is None:
            return self.resources
        limits = self.resources.limits or ResourceAmounts()
        with_gpus = limits.model_copy(update={"nvidia_gpu": self.gpus_per_replica})
        return self.resources.model_copy(update={"limits": with_gpus})


class EvaluationWindow(ApiModel):
    """Off-peak hours: evaluators work then, and outside them only for what would be late."""

    name: Annotated[str, Field(min_length=1, max_length=63, pattern=DNS_LABEL)]
    """Name of the window, unique in the fleet."""
    days: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)]
    """Days of the week on which the window begins."""
    from_time: Annotated[TimeOfDay, Field(alias="from")]
    """Time of day at which it begins, for example `22:00`."""
    to_time: Annotated[TimeOfDay, Field(alias="to")]
    """Time of day at which it ends; one that is not after `from` is on the next day."""
    time_zone: TimeZone = "UTC"
    """Time zone of both times, by its name in the IANA database, for example `Europe/Berlin`.
    Changes to and from daylight saving time are followed."""

    _has_known_zone = field_validator("time_zone")(require_known_zone)


class EvaluationSpec(PodSettings):
    """Pods that evaluate finished calls. They never carry a live one."""

    image: ImageReference
    """Container image of the evaluator."""
    image_pull_secret_refs: Annotated[tuple[SecretReference, ...], Field(max_length=2)] = ()
    """Secrets with registry credentials for `image`."""
    spot: SpotUse = SpotUse.PREFERRED
    """Whether evaluators run on spot nodes, which cost less and may vanish: `Required` only
    there, `Preferred` there if there are any, `Never` on none."""
    min_replicas: PoolCount = 0
    """Evaluators kept even when nothing waits to be evaluated."""
    max_replicas: PositivePoolCount = 10
    """Evaluators at most."""
    deadline_seconds: Annotated[int, Field(ge=900, le=604800)] = 21600
    """Longest time in seconds that any evaluation may still take from now. One whose own
    deadline is later counts as due by then; a nearer one counts as it is."""
    windows: Annotated[tuple[EvaluationWindow, ...], Field(max_length=8)] = ()
    """Off-peak hours. Evaluators then work through everything that waits; at other times they
    work only as much as deadlines force. Leave it out to spread work evenly over the time that
    deadlines allow."""
    env_from_secret_refs: Annotated[tuple[SecretReference, ...], Field(max_length=3)] = ()
    """Secrets whose keys become environment variables of the evaluator."""


class VoiceFleetSpec(ApiModel):
    """What the author wants of one fleet of voice agents."""

    paused: bool = False
    """Observe and report only: while true the operator writes no child at all. Deletion still
    works."""
    deletion_policy: DeletionPolicy = DeletionPolicy.DRAIN
    """What `kubectl delete` does to live calls: `Drain` lets them end first, for at most
    `agents.maxSessionSeconds`; `Now` cuts them."""
    agents: AgentsSpec
    """The workers that talk with callers."""
    speech: Annotated[tuple[SpeechSpec, ...], Field(max_length=6)] = ()
    """Pools of speech servers of your own. Leave it out when workers use providers outside."""
    media: MediaSpec
    """The media servers (LiveKit) that carry the calls' audio."""
    evaluation: EvaluationSpec | None = None
    """Pods that evaluate finished calls. Leave it out to have none."""
    scaling: ScalingSpec = ScalingSpec()
    """How the number of workers follows demand, between `agents.minReplicas` and
    `agents.maxReplicas`."""
