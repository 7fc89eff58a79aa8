"""What an operator of another version would have made of the same fleet."""

import hashlib
import json
from dataclasses import dataclass

from support.world_model import World
from voicefleet.api.labels import MADE_AS, REVISION, TIER
from voicefleet.manifests import FINGERPRINT_ANNOTATION, Manifest, with_fingerprint
from voicefleet.model.observed import Tier
from voicefleet.render.objects import with_replicas

OLD_VARIABLE = {"name": "VOICEFLEET_OLD", "value": "yes"}
"""Stands in every container that the other version rendered."""


def made_earlier(manifest: Manifest) -> Manifest:
    """Return a child as the other version renders it: other pods, so another revision."""
    revision = (manifest["metadata"].get("labels") or {}).get(REVISION)
    if not revision:
        return manifest
    other = hashlib.sha256(f"earlier {revision}".encode()).hexdigest()[:8]
    made: Manifest = json.loads(json.dumps(manifest).replace(revision, other))
    annotations = made["metadata"]["annotations"]
    del annotations[FINGERPRINT_ANNOTATION]
    if manifest["kind"] in ("ReplicaSet", "Deployment"):
        spec = made["spec"]
        spec["template"]["spec"]["containers"][0].setdefault("env", []).append(OLD_VARIABLE)
        record = json.loads(annotations[MADE_AS])
        record |= {"selector": spec["selector"], "template": spec["template"]}
        annotations[MADE_AS] = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return _fingerprinted(made)


def _fingerprinted(made: Manifest) -> Manifest:
    """Return the child with the fingerprint of its rendering, of which counts are no part."""
    spec = made.get("spec", {})
    if "replicas" not in spec or made["metadata"]["labels"][TIER] == Tier.REDIS:
        return with_fingerprint(made)
    rendered = {**made, "spec": {name: spec[name] for name in spec if name != "replicas"}}
    return with_replicas(with_fingerprint(rendered), spec["replicas"])


def is_made_earlier(workload: Manifest) -> bool:
    """Say whether the pods of a workload are those that the other version renders."""
    return OLD_VARIABLE in workload["spec"]["template"]["spec"]["containers"][0].get("env", [])


@dataclass
class UpgradedWorld(World):
    """A fleet whose children were created by the other version; then today's took over."""

    is_upgraded: bool = False

    def _create(self, manifest: Manifest) -> None:
        super()._create(manifest if self.is_upgraded else made_earlier(manifest))
