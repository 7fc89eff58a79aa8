"""The closed list of pod settings that a fleet's author may choose.

There is no raw pod template on purpose: whoever may write one is as powerful as the
operator itself (host paths, other people's service accounts, privileged containers).
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from voicefleet.api.base import ApiModel, LabelValue, NodeLabels, ObjectName
from voicefleet.api.patterns import LABEL_KEY, QUANTITY


def _quantity_text(value: object) -> object:
    """Read the whole number 2 as "2", the way the API server does; leave the rest alone."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_whole else value


Quantity = Annotated[
    str,
    Field(max_length=24, pattern=QUANTITY, json_schema_extra={"x-kubernetes-int-or-string": True}),
    BeforeValidator(_quantity_text),
]
"""A Kubernetes quantity of zero or more: 2, "500m", "1.5Gi"."""
DeviceCount = Annotated[int, Field(ge=0, le=64)]

SPOT_LABELS = {
    "voicefleet.dev/spot": "true",
    "cloud.google.com/gke-spot": "true",
    "cloud.google.com/gke-preemptible": "true",
    "kubernetes.azure.com/scalesetpriority": "spot",
    "karpenter.sh/capacity-type": "spot",
    "eks.amazonaws.com/capacityType": "SPOT",
}
"""Labels, and taints of the same key, by which clouds mark nodes they may take back."""


class ResourceAmounts(ApiModel):
    """Amounts of the resources that a container may ask for."""

    cpu: Quantity | None = None
    """Processor time in cores; `500m` is half a core."""
    memory: Quantity | None = None
    """Memory in bytes; `2Gi` is 2 gibibytes."""
    ephemeral_storage: Annotated[Quantity | None, Field(alias="ephemeral-storage")] = None
    """Local disk in bytes, for logs and scratch files."""
    nvidia_gpu: Annotated[DeviceCount | None, Field(alias="nvidia.com/gpu")] = None
    """Whole NVIDIA GPUs. Set it in `limits`; the request is always the same number."""


class Resources(ApiModel):
    """What one container reserves and what it may use at most."""

    requests: ResourceAmounts | None = None
    """What the scheduler reserves on a node for each pod."""
    limits: ResourceAmounts | None = None
    """What each pod may use at most; above its memory limit a pod is killed, calls and all."""

    def to_pod_resources(self) -> dict[str, Any]:
        """Return the container's `resources`, without amounts nobody set."""
        return {name: amounts for name, amounts in self.to_manifest().items() if amounts}


class TolerationOperator(StrEnum):
    """How a toleration's value is compared with a taint's."""

    EXISTS = "Exists"
    EQUAL = "Equal"


class TaintEffect(StrEnum):
    """What a taint does to pods that do not tolerate it."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Toleration(ApiModel):
    """A node taint that the tier's pods accept.

    The key is required: tolerating every taint would put live calls on spot nodes.
    """

    key: Annotated[str, Field(min_length=1, max_length=253, pattern=LABEL_KEY)]
    """Key of the taint, for example `nvidia.com/gpu`."""
    operator: TolerationOperator = TolerationOperator.EQUAL
    """`Exists` accepts every value of the key, `Equal` only `value`."""
    value: LabelValue = ""
    """Value that the taint must have; leave it out with `operator: Exists`."""
    effect: TaintEffect | None = None
    """Effect that is tolerated. Not set means every effect of this key."""


class SpreadPolicy(StrEnum):
    """What happens when an even spread is impossible."""

    SCHEDULE_ANYWAY = "ScheduleAnyway"
    DO_NOT_SCHEDULE = "DoNotSchedule"


class TopologySpread(ApiModel):
    """How evenly a tier's pods are spread over nodes, zones or any other node label."""

    topology_key: Annotated[str, Field(min_length=1, max_length=253, pattern=LABEL_KEY)]
    """Node label whose values are the places, for example `topology.kubernetes.io/zone`."""
    max_skew: Annotated[int, Field(ge=1, le=100)] = 1
    """Pods by which the fullest place may exceed the emptiest."""
    when_unsatisfiable: SpreadPolicy = SpreadPolicy.SCHEDULE_ANYWAY
    """`ScheduleAnyway` prefers the spread, `DoNotSchedule` leaves pods pending without it."""


class PodSettings(ApiModel):
    """Settings that every tier has for its pods."""

    resources: Resources = Resources()
    """CPU, memory, disk and GPUs of each pod of this tier."""
    node_selector: NodeLabels = {}  # noqa: RUF012 - the model is frozen, pydantic copies it
    """Labels that a node must have to run this tier's pods."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16)] = ()
    """Node taints that this tier's pods accept."""
    topology_spread: Annotated[tuple[TopologySpread, ...], Field(max_length=4)] = ()
    """Spread of this tier's pods over nodes and zones."""
    priority_class_name: ObjectName | None = None
    """PriorityClass of this tier's pods. Not set means the cluster's default. A class of
    lower priority than other workloads lets the scheduler evict live calls."""
