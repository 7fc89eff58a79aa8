"""The guard over busy workers: an eviction of a pod that holds a call is refused.

The operator sets the pod label while a call lives and takes it off within seconds after the
last one, so a node can always be emptied, only not faster than its calls end.
"""

from voicefleet.api.labels import BUSY
from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Tier
from voicefleet.render.labels import child_labels, tier_selector
from voicefleet.render.names import agents_disruption_budget_name
from voicefleet.render.objects import build_child
from voicefleet.render.once import rendered_once


@rendered_once
def render_agents_disruption_budget(fleet: Fleet) -> Manifest:
    """Return the budget that allows no voluntary disruption of a busy worker.

    Its healthy minimum becomes the size of the whole ReplicaSets, of which busy pods are a
    part, so the allowance is 0 for every number of busy pods.
    """
    return build_child(
        fleet,
        "PodDisruptionBudget",
        agents_disruption_budget_name(fleet),
        labels=child_labels(fleet, Tier.AGENTS),
        spec={
            "maxUnavailable": 0,
            "selector": {"matchLabels": {**tier_selector(fleet, Tier.AGENTS), BUSY: "true"}},
        },
    )
