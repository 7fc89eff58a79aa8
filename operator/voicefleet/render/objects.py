"""The frame around every child: identity, labels, owner, fingerprint.

Every render function ends here, so no child can lack one of them.
"""

from voicefleet.api.base import GROUP_VERSION
from voicefleet.manifests import Manifest, with_fingerprint
from voicefleet.model.fleet import Fleet
from voicefleet.render.labels import Labels

API_VERSIONS = {
    "ConfigMap": "v1",
    "Deployment": "apps/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1",
    "ReplicaSet": "apps/v1",
    "Secret": "v1",
    "Service": "v1",
    "ServiceAccount": "v1",
}
"""Every kind that a fleet has children of."""


def build_child(
    fleet: Fleet,
    kind: str,
    name: str,
    *,
    labels: Labels,
    annotations: Labels | None = None,
    **fields: object,
) -> Manifest:
    """Return a complete child: the fields given, owned by the fleet, fingerprinted."""
    manifest = {
        "apiVersion": API_VERSIONS[kind],
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": fleet.namespace,
            "labels": labels,
            **({"annotations": annotations} if annotations else {}),
            "ownerReferences": [owner_reference(fleet)],
        },
        **fields,
    }
    return with_fingerprint(manifest)


def owner_reference(fleet: Fleet) -> Manifest:
    """Return the reference by which the garbage collector removes a child after its fleet.

    It does not block the owner's deletion: where owner references are checked, that would
    need the right to update finalizers, and the fleet's own finalizer waits already.
    """
    return {
        "apiVersion": GROUP_VERSION,
        "kind": "VoiceFleet",
        "name": fleet.name,
        "uid": fleet.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def with_replicas(workload: Manifest, replicas: int) -> Manifest:
    """Return a workload as it is created: with the first value of `spec.replicas`.

    Later applies leave the field out, because another field manager owns it. The
    fingerprint stays the same, so leaving it out is not seen as a change.
    """
    return {**workload, "spec": {**workload["spec"], "replicas": replicas}}
