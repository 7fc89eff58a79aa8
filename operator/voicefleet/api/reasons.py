"""Every word that explains something: reasons stand in conditions, in Events and in decisions.

One table, so that a word means the same wherever it appears, and so that docs/reasons.md
cannot be out of date. A reason never carries data; the number is in the message beside it.
"""

from voicefleet.api.places import ConditionType, Place, ReasonWord

__all__ = ["ConditionType", "Place", "Reason"]


class Reason(ReasonWord):
    """Why a condition, an Event or a decision is what it is."""

    ALL_TIERS_READY = (
        "AllTiersReady",
        Place.READY,
        "Every tier has all the ready replicas it should have.",
    )
    AGENTS_NOT_READY = (
        "AgentsNotReady",
        Place.READY,
        "Fewer workers are ready than wanted; some calls may find no agent.",
        "Read condition CapacityAvailable, then the logs of the pod that the message names.",
    )
    MEDIA_NOT_READY = (
        "MediaNotReady",
        Place.READY,
        "Fewer media servers are ready than wanted; new calls may not connect.",
        "Read condition CapacityAvailable, then the logs of the server that the message names.",
    )
    REDIS_NOT_READY = (
        "RedisNotReady",
        Place.READY,
        "The fleet's own Redis is not ready; servers cannot agree who holds a new call.",
        "Look at the Redis pod that the message names. Running calls go on meanwhile.",
    )
    SPEECH_NOT_READY = (
        "SpeechNotReady",
        Place.READY,
        "A speech pool has fewer ready replicas than wanted; answers may become slow.",
        "Look at the pool's pods; loading a model can take minutes and is no fault.",
    )
    EVALUATION_NOT_READY = (
        "EvaluationNotReady",
        Place.READY,
        "Fewer evaluators are ready than wanted. No live call is concerned.",
        "Wait for spot nodes, or set `spec.evaluation.spot` to Preferred.",
    )
    APPLYING = (
        "Applying",
        Place.RECONCILING,
        "Children of the fleet are being created or corrected.",
        "Wait; this takes seconds.",
    )
    ROLLING_OUT = (
        "RollingOut",
        Place.RECONCILING,
        "A new revision runs beside the old one, whose workers or servers finish their calls.",
        "Wait for the last call, at most `spec.agents.maxSessionSeconds`.",
    )
    SCALING_UP = (
        "ScalingUp",
        Place.RECONCILING,
        "More replicas are wanted than are ready.",
        "Wait; if it lasts, read condition CapacityAvailable.",
    )
    SCALING_DOWN = (
        "ScalingDown",
        Place.RECONCILING,
        "Surplus replicas take no new calls and leave when they are empty.",
        "Wait; `status.draining` lists them.",
    )
    DRAINING = (
        "Draining",
        Place.RECONCILING,
        "Some workers or servers are waiting for their last call to end.",
        "Wait; `status.draining` lists them with their sessions.",
    )
    DELETING = (
        "Deleting",
        Place.RECONCILING,
        "The fleet is being deleted and waits for its calls to end.",
        "Wait, or set `spec.deletionPolicy` to Now to cut the calls that still run.",
    )
    INVALID_SPEC = (
        "InvalidSpec",
        Place.STALLED,
        "The manifest cannot be acted on; everything stays as it was.",
        "Change the field that the message names.",
    )
    NAME_TAKEN = (
        "NameTaken",
        Place.STALLED,
        "An object with the name of one of the fleet's children belongs to somebody else.",
        "Delete or rename that object, or create the fleet under another name.",
    )
    CHILD_REFUSED = (
        "ChildRefused",
        Place.STALLED,
        "The API server refuses one of the fleet's children for good.",
        "Act on the server's own sentence in the message, often a policy or a missing right.",
    )
    UNSAFE_PLAN = (
        "UnsafePlan",
        Place.STALLED,
        "The operator stopped itself: its plan would have ended a live call or broken a bound.",
        "Report it with the operator's log of that time; calls and pods are as they were.",
    )
    TOO_MANY_FLEETS = (
        "TooManyFleets",
        Place.STALLED,
        "This operator already looks after as many fleets as it is configured for.",
        "Raise `fleetsMax` in the operator's configuration, or delete a fleet.",
    )
    CAPACITY_READY = (
        "CapacityReady",
        Place.CAPACITY_AVAILABLE,
        "No pod of the fleet is refused, unplaced or failing to start.",
    )
    POD_SECURITY_REJECTED = (
        "PodSecurityRejected",
        Place.CAPACITY_AVAILABLE,
        "The namespace's Pod Security level refuses the pods of a tier.",
        "Use a namespace that admits it; in a test, set `spec.media.network.mode` to PodNetwork.",
    )
    QUOTA_EXCEEDED = (
        "QuotaExceeded",
        Place.CAPACITY_AVAILABLE,
        "A ResourceQuota of the namespace leaves no room for more pods.",
        "Raise the quota, lower the tier's `resources`, or lower its `maxReplicas`.",
    )
    POD_REFUSED = (
        "PodRefused",
        Place.CAPACITY_AVAILABLE,
        "The API server refuses to create a pod for another reason than quota or Pod Security.",
        "Act on the server's own sentence in the message.",
    )
    IMAGE_PULL_FAILED = (
        "ImagePullFailed",
        Place.CAPACITY_AVAILABLE,
        "A node cannot fetch a tier's image.",
        "Check the image's name and tag, and the tier's `imagePullSecretRefs`.",
    )
    CONFIG_MISSING = (
        "ConfigMissing",
        Place.CAPACITY_AVAILABLE,
        "A pod cannot start because a Secret or one of its keys does not exist.",
        "Create the Secret that the message names; the pod starts by itself then.",
    )
    CRASH_LOOPING = (
        "CrashLooping",
        Place.CAPACITY_AVAILABLE,
        "A container starts and ends again and again.",
        "Read its last words: `kubectl logs --previous` on the pod that the message names.",
    )
    UNSCHEDULABLE = (
        "Unschedulable",
        Place.CAPACITY_AVAILABLE,
        "No node has room for a pod, or none fits its selector and tolerations.",
        "Add nodes, or change the tier's `resources`, `nodeSelector` or `tolerations`.",
    )
    WITHIN_BOUNDS = (
        "WithinBounds",
        Place.SCALING_ACTIVE,
        "The number of workers is free between `minReplicas` and `maxReplicas`.",
    )
    PINNED_BY_HAND = (
        "PinnedByHand",
        Place.SCALING_ACTIVE,
        "`spec.agents.floorReplicas` holds more workers than `minReplicas` asks for.",
        "Set the floor to 0 (`kubectl scale --replicas=0`) when it is no longer needed.",
    )
    PAUSED_BY_SPEC = (
        "PausedBySpec",
        Place.SCALING_ACTIVE,
        "`spec.paused` is true: the operator observes and reports and writes no child.",
        "Set `spec.paused` to false to go on.",
    )
    GRACE_COVERS_LONGEST_CALL = (
        "GraceCoversLongestCall",
        Place.GRACE_SUFFICIENT,
        "Every worker may take the longest call and a margin to stop.",
    )
    GRACE_TOO_SHORT = (
        "GraceTooShort",
        Place.GRACE_SUFFICIENT,
        "Some workers, started before a change, would be killed before their longest call ends.",
        "Wait until they are replaced, or do not drain their nodes meanwhile.",
    )
    POD_NETWORK_FOR_TESTS = (
        "PodNetworkForTests",
        Place.READY,
        "Media servers are reachable inside the cluster only: `network.mode` is PodNetwork.",
        "Use HostNetwork for callers outside the cluster.",
    )
    BELOW_MINIMUM = (
        "BelowMinimum",
        Place.DECISION,
        "A tier had fewer replicas than `minReplicas`.",
    )
    ABOVE_MAXIMUM = (
        "AboveMaximum",
        Place.DECISION,
        "A tier had more replicas than `maxReplicas`; the surplus drains.",
        "Nothing; no call is ended.",
    )
    FLOOR_RAISED = (
        "FloorRaised",
        Place.DECISION,
        "`spec.agents.floorReplicas` asks for more workers than there were.",
    )
    NEW_REVISION = (
        "NewRevision",
        Place.DECISION,
        "The pods' template changed, so new replicas start beside the old ones.",
        "Nothing; the old ones finish their calls.",
    )
    REPLICAS_DRIFTED = (
        "ReplicasDrifted",
        Place.DECISION,
        "Somebody else changed the replicas of one of the fleet's workloads; it was set back.",
        "Use `kubectl scale` on the VoiceFleet, not on its children.",
    )
    CHILD_RESTORED = (
        "ChildRestored",
        Place.DECISION,
        "One of the fleet's children was deleted or changed; it is as it should be again.",
        "Change the VoiceFleet, not its children.",
    )
    WORKER_CORDONED = (
        "WorkerCordoned",
        Place.DECISION,
        "A worker takes no new calls; the ones it has go on.",
    )
    WORKER_UNCORDONED = (
        "WorkerUncordoned",
        Place.DECISION,
        "A cordoned worker takes calls again, because it is needed.",
    )
    WORKER_DRAINED = (
        "WorkerDrained",
        Place.DECISION,
        "A cordoned worker reported no session twice and was removed.",
    )
    SERVER_DRAINED = (
        "ServerDrained",
        Place.DECISION,
        "A surplus media server reported no room twice and was removed.",
    )
    FLEET_DELETED = (
        "FleetDeleted",
        Place.DECISION,
        "The fleet was deleted: its last call has ended, or its policy is Now.",
    )
    HELD = (
        "Held",
        Place.DECISION,
        "A change was wanted and not made, because it was not certain to spare every call.",
        "Read the message; it names what is not known.",
    )
    DEADLINES_MET = (
        "DeadlinesMet",
        Place.EVALUATION_KEEPING_UP,
        "Within `spec.evaluation.maxReplicas`, every waiting evaluation can be done in time.",
    )
    DEADLINES_AT_RISK = (
        "DeadlinesAtRisk",
        Place.EVALUATION_KEEPING_UP,
        "Some evaluations are late, or will be even with `spec.evaluation.maxReplicas` evaluators.",
        "Raise `spec.evaluation.maxReplicas` or `deadlineSeconds`; no live call is concerned.",
    )
    EVALUATION_QUEUE_UNKNOWN = (
        "EvaluationQueueUnknown",
        Place.EVALUATION_KEEPING_UP,
        "Nobody says what waits to be evaluated, so the number of evaluators stays as it is.",
        "Have the metrics provider answer for the evaluation queue, or ignore this without one.",
    )
    CONNECTIONS = (
        "Connections",
        Place.DECISION,
        "The connections of all calls together ask for this many media servers.",
    )
    SPARE_SERVERS = (
        "SpareServers",
        Place.DECISION,
        "Beside the media servers that the connections need stand `spec.media.spareServers` more.",
    )
    GPU_BUSY = (
        "GPUBusy",
        Place.DECISION,
        "A speech pool's GPUs are busy for minutes, and requests wait or its stage is slow.",
    )
    GPU_IDLE = (
        "GPUIdle",
        Place.DECISION,
        "One replica less of a speech pool would still be far from busy.",
    )
    REQUESTS_WAITING = (
        "RequestsWaiting",
        Place.DECISION,
        "A speech pool has more requests in flight than its replicas serve at once.",
    )
    STAGE_SLOW = (
        "StageSlow",
        Place.DECISION,
        "A speech pool's stage is over its latency budget while the pool is in use.",
    )
    STEADY = (
        "Steady",
        Place.DECISION,
        "Nothing asks for another number of replicas.",
    )
    POOL_IN_USE = (
        "PoolInUse",
        Place.DECISION,
        "A speech pool that may stand empty is needed, because there are calls.",
    )
    DEADLINES = (
        "Deadlines",
        Place.DECISION,
        "The deadlines of what waits to be evaluated ask for this many evaluators.",
    )
    OFF_PEAK = (
        "OffPeak",
        Place.DECISION,
        "An off-peak window is open, and evaluators work through everything that waits.",
    )
    EVALUATIONS_IN_FLIGHT = (
        "EvaluationsInFlight",
        Place.DECISION,
        "Evaluators are working, or have been until a moment ago, so they stay.",
    )
    RECOMMENDING = (
        "Recommending",
        Place.SCALING_ACTIVE,
        "`spec.scaling.mode` is Recommend: the workers stay, status says how many it would be.",
        "Compare `status.agents.sizing` with what you would do; then set the mode to Enforce.",
    )
    LIMITED_BY_MAXIMUM = (
        "LimitedByMaximum",
        Place.SCALING_ACTIVE,
        "More workers are asked for than `spec.agents.maxReplicas` allows.",
        "Raise `spec.agents.maxReplicas` if callers are to find a free worker.",
    )
    SIGNALS_KNOWN = (
        "SignalsKnown",
        Place.SIGNALS_FRESH,
        "Workers tell their sessions, and the metrics provider, if there is one, answers.",
    )
    WORKERS_SILENT = (
        "WorkersSilent",
        Place.SIGNALS_FRESH,
        "Some workers do not tell their sessions; they count as full, and may not be spared.",
        "Read the logs of the pod that the message names; its port 8081 must answer.",
    )
    METRICS_UNKNOWN = (
        "MetricsUnknown",
        Place.SIGNALS_FRESH,
        "The metrics provider does not say how fast answers are; meanwhile no worker is spared.",
        "Read the message for the cause; check the provider in the operator's configuration.",
    )
    ANSWERS_FAST = (
        "AnswersFast",
        Place.LATENCY_WITHIN_TARGET,
        "The P95 of answers is within `spec.scaling.targetTTFBMilliseconds`.",
    )
    ANSWERS_UNKNOWN = (
        "AnswersUnknown",
        Place.LATENCY_WITHIN_TARGET,
        "Nobody says how fast answers are, or there are too few of them.",
        "Read condition SignalsFresh; without callers there is nothing to do.",
    )
    ANSWERS_SLOW = (
        "AnswersSlow",
        Place.LATENCY_WITHIN_TARGET,
        "Well filled workers answer slower than the target, so each counts for fewer sessions.",
        "Wait until more workers are ready; look at `maxReplicas` if that does not help.",
    )
    LATENCY_NOT_CAPACITY = (
        "LatencyNotCapacity",
        Place.LATENCY_WITHIN_TARGET,
        "Answers are slow although workers have room; more workers would not help.",
        "Look at the stage that the message names: its provider, its pool, or the network.",
    )
    ANSWERS_TOO_SLOW = (
        "AnswersTooSlow",
        Place.LATENCY_WITHIN_TARGET,
        "Answers take more than twice the target; callers hang up.",
        "Look at the stage that the message names, then at `status.agents.sizing`.",
    )
    PROVIDER_RATE_LIMITED = (
        "ProviderRateLimited",
        Place.LATENCY_WITHIN_TARGET,
        "A provider refuses requests because there are too many; more workers would make more.",
        "Raise the limit with the provider, or add a fallback provider to the pipeline.",
    )
    ERROR_RATE_HIGH = (
        "ErrorRateHigh",
        Place.LATENCY_WITHIN_TARGET,
        "More than 1 % of turns end in an error.",
        "Read the workers' logs for the error; roll back the image if it is new.",
    )
    DROP_OFF_HIGH = (
        "DropOffHigh",
        Place.LATENCY_WITHIN_TARGET,
        "More than 15 % of callers give up before their call is done.",
        "Listen to what they hear: latency by stage, then the script.",
    )
    DEMAND_ROSE = (
        "DemandRose",
        Place.DECISION,
        "The sessions that run, and room for those that come meanwhile, ask for more workers.",
    )
    DEMAND_FELL = (
        "DemandFell",
        Place.DECISION,
        "Fewer workers have been enough for a while; the ones to be spared drain.",
        "Nothing; no call is ended.",
    )
    DEMAND_FORECAST = (
        "DemandForecast",
        Place.DECISION,
        "More sessions are expected by the time that a new worker is ready.",
    )
    SPARE_WORKERS = (
        "SpareWorkers",
        Place.DECISION,
        "Beside the workers that the sessions need stands one more, in case one is lost.",
    )
    SURGE_AHEAD = (
        "SurgeAhead",
        Place.DECISION,
        "A SurgePlan or a booking announces demand, and workers are started a lead time early.",
    )
    LATENCY_GUARD = (
        "LatencyGuard",
        Place.DECISION,
        "Full workers answered too slowly, so each counts for fewer sessions than its slots.",
        "Nothing; if it stays, lower `sessionsPerWorker` or give workers more CPU.",
    )
    SIGNALS_LOST = (
        "SignalsLost",
        Place.DECISION,
        "No worker told its sessions for 10 minutes, so room is made for what is usual.",
        "Find out why the operator cannot reach the workers; nothing is taken away meanwhile.",
    )
    RECOMMENDED = (
        "Recommended",
        Place.DECISION,
        "Another number of workers is recommended; the mode is Recommend, so nothing is done.",
        "Set `spec.scaling.mode` to Enforce to have it done.",
    )
