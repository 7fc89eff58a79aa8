"""Where pods may run: spread, node labels, taints, and the law about spot nodes.

Spot nodes vanish two minutes after a notice, and a call lasts longer. So every tier that
carries live calls is kept off them by node affinity, not only by the absence of a
toleration: several clouds mark spot nodes with a label and no taint at all.
"""

from voicefleet.api.pods import SPOT_LABELS, PodSettings
from voicefleet.api.voicefleet import SpotUse
from voicefleet.manifests import Manifest
from voicefleet.render.labels import Labels

SPOT_WEIGHT = 100
"""The largest weight there is: evaluators prefer a spot node over every other wish."""
HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"


def place(settings: PodSettings, spot: SpotUse, *, spread_over: Labels) -> Manifest:
    """Return the pod fields that say where a tier runs.

    Args:
        settings: What the author wants for this tier.
        spot: `Never` for everything that a live call depends on.
        spread_over: The labels of the pods that are to be spread.
    """
    fields: Manifest = {
        "affinity": {"nodeAffinity": _node_affinity(spot)},
        "topologySpreadConstraints": _spread(settings, spread_over),
    }
    tolerations = [toleration.to_manifest() for toleration in settings.tolerations]
    if spot is not SpotUse.NEVER:
        tolerations += _spot_tolerations()
    if tolerations:
        fields["tolerations"] = [_without_empty_value(item) for item in tolerations]
    if settings.node_selector:
        fields["nodeSelector"] = dict(settings.node_selector)
    if settings.priority_class_name:
        fields["priorityClassName"] = settings.priority_class_name
    return fields


def _node_affinity(spot: SpotUse) -> Manifest:
    wanted = [
        {"key": key, "operator": "In", "values": [value]} for key, value in SPOT_LABELS.items()
    ]
    match spot:
        case SpotUse.REQUIRED:
            # Terms are alternatives: one mark is enough, no cloud sets them all.
            terms = [{"matchExpressions": [mark]} for mark in wanted]
            return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
        case SpotUse.PREFERRED:
            return {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": SPOT_WEIGHT, "preference": {"matchExpressions": [mark]}}
                    for mark in wanted
                ]
            }
        case SpotUse.NEVER:
            # Expressions of one term hold together; NotIn also admits a node without the key.
            term = {"matchExpressions": [{**mark, "operator": "NotIn"} for mark in wanted]}
            return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}


def _spot_tolerations() -> list[Manifest]:
    return [
        {"key": key, "operator": "Equal", "value": value, "effect": "NoSchedule"}
        for key, value in SPOT_LABELS.items()
    ]


def _without_empty_value(toleration: Manifest) -> Manifest:
    """Drop an empty value, which the API server does not store."""
    return {key: value for key, value in toleration.items() if value != ""}


def _spread(settings: PodSettings, labels: Labels) -> list[Manifest]:
    """Return the author's spread, else an even one over zones and nodes where possible."""
    if settings.topology_spread:
        wishes = [
            (spread.topology_key, spread.max_skew, spread.when_unsatisfiable.value)
            for spread in settings.topology_spread
        ]
    else:
        wishes = [(ZONE, 1, "ScheduleAnyway"), (HOSTNAME, 1, "ScheduleAnyway")]
    return [
        {
            "topologyKey": key,
            "maxSkew": skew,
            "whenUnsatisfiable": policy,
            "labelSelector": {"matchLabels": labels},
        }
        for key, skew, policy in wishes
    ]
