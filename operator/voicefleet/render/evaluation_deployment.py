"""The evaluators: the one tier that may run on nodes which the cloud takes back."""

from voicefleet.api.voicefleet import EvaluationSpec
from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.grace import EVALUATION_GRACE_SECONDS
from voicefleet.model.observed import Tier
from voicefleet.render.labels import child_labels, tier_selector
from voicefleet.render.making import build_workload
from voicefleet.render.names import evaluation_name
from voicefleet.render.once import rendered_once
from voicefleet.render.placement import place
from voicefleet.render.pods import (
    env_from_secrets,
    env_value,
    harden_container,
    harden_pod,
    pull_secrets,
    scratch_mount,
    scratch_volume,
)
from voicefleet.render.revisions import NO_REVISION, revision_of
from voicefleet.render.words import evaluation_words


@rendered_once
def render_evaluation_deployment(fleet: Fleet, evaluation: EvaluationSpec) -> Manifest:
    """Return the evaluators' Deployment, without `spec.replicas`."""
    revision = revision_of(_template(fleet, evaluation, NO_REVISION))
    return build_workload(
        fleet,
        "Deployment",
        evaluation_name(fleet),
        labels=child_labels(fleet, Tier.EVALUATION, revision=revision),
        words=evaluation_words(fleet, evaluation),
        spec={
            "selector": {"matchLabels": tier_selector(fleet, Tier.EVALUATION)},
            "template": _template(fleet, evaluation, revision),
        },
    )


def _template(fleet: Fleet, evaluation: EvaluationSpec, revision: str) -> Manifest:
    spread_over = tier_selector(fleet, Tier.EVALUATION)
    return {
        "metadata": {"labels": child_labels(fleet, Tier.EVALUATION, revision=revision)},
        "spec": {
            **harden_pod(),
            **place(evaluation, evaluation.spot, spread_over=spread_over),
            **pull_secrets(evaluation.image_pull_secret_refs),
            "terminationGracePeriodSeconds": EVALUATION_GRACE_SECONDS,
            "containers": [
                {
                    "name": "evaluator",
                    "image": evaluation.image,
                    "env": [env_value("VOICEFLEET_FLEET", fleet.name)],
                    **env_from_secrets(evaluation.env_from_secret_refs),
                    "resources": evaluation.resources.to_pod_resources(),
                    "securityContext": harden_container(),
                    "volumeMounts": [scratch_mount()],
                }
            ],
            "volumes": [scratch_volume()],
        },
    }
