"""Every child that a fleet can have, as the render functions give it."""

from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.render.agents_replicaset import render_agents_replicaset
from voicefleet.render.children import render_static_children
from voicefleet.render.evaluation_deployment import render_evaluation_deployment
from voicefleet.render.media_config_map import render_media_config_map
from voicefleet.render.media_replicaset import render_media_replicaset
from voicefleet.render.secrets import render_secret, secret_purposes
from voicefleet.render.speech_deployment import render_speech_deployment


def all_children(fleet: Fleet) -> tuple[Manifest, ...]:
    """Return each child once, with the first media server; Secrets come without contents."""
    evaluation = fleet.spec.evaluation
    return (
        *(render_secret(fleet, purpose) for purpose in secret_purposes(fleet)),
        *render_static_children(fleet),
        render_media_config_map(fleet),
        *scaled_children(fleet),
        *([render_evaluation_deployment(fleet, evaluation)] if evaluation else []),
    )


def scaled_children(fleet: Fleet) -> tuple[Manifest, ...]:
    """Return the workloads whose `spec.replicas` another field manager owns, evaluators aside."""
    return (
        render_agents_replicaset(fleet),
        render_media_replicaset(fleet, 1),
        *(render_speech_deployment(fleet, pool) for pool in fleet.spec.speech),
    )


def pod_templates(fleet: Fleet) -> dict[str, Manifest]:
    """Return the pod template of every workload, by the workload's name."""
    return {
        child["metadata"]["name"]: child["spec"]["template"]
        for child in all_children(fleet)
        if child["kind"] in ("ReplicaSet", "Deployment")
    }
