"""Whether an existing child has to be written, and how: apply, scale, delete, or leave alone.

Called by `planning` with manifests that `render` made. They never carry `spec.replicas`,
which belongs to another field manager than the template (docs/decisions/0004).
"""

from collections.abc import Collection, Iterable, Mapping

from voicefleet.api.labels import MADE_AS, MADE_FROM, REVISION, TIER
from voicefleet.api.reasons import ConditionType, Reason
from voicefleet.api.status import ConditionStatus
from voicefleet.manifests import (
    FINGERPRINT_ANNOTATION,
    Manifest,
    ObjectKey,
    is_contained,
    key_of,
)
from voicefleet.model.decision import Decision
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Child, Children, Tier
from voicefleet.model.plan import (
    NOTHING,
    ApplyChild,
    CreateChild,
    DeleteChild,
    Plan,
    ScaleChild,
)
from voicefleet.recall import remembered

RELEVANT_KINDS = frozenset(
    {
        "ConfigMap",
        "Deployment",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
    }
)
"""Kinds of which an unwanted child is deleted. ReplicaSets are not among them: each tier
decides about its own, and those of Deployments carry our labels too."""


OUR_ANNOTATIONS = (FINGERPRINT_ANNOTATION, MADE_AS, MADE_FROM)
"""An apply that left one of them out would take it away."""

COMPARISONS_KEPT = 1024
"""Objects that are not compared again while nothing about them changes: thirty fleets."""


def is_foreign(child: Child, fleet_uid: str) -> bool:
    """Say whether a child is controlled by another object.

    That is, for example, an earlier fleet of the same name, of which the garbage collector
    has not removed everything yet.
    """
    for owner in child.manifest["metadata"].get("ownerReferences") or ():
        if owner.get("controller") and owner.get("uid") != fleet_uid:
            return True
    return False


def is_owned(child: Child, fleet_uid: str) -> bool:
    """Say whether a child names this very fleet as an owner."""
    owners = child.manifest["metadata"].get("ownerReferences") or ()
    return any(owner.get("uid") == fleet_uid for owner in owners)


def template_label(child: Child, name: str) -> str:
    """Return a label of a workload's pods, which nobody can take away from it.

    Labels of the object itself may have been stripped; those of its selector and template
    say the same and cannot.
    """
    template = child.manifest.get("spec", {}).get("template") or {}
    labels: Mapping[str, str] = (template.get("metadata") or {}).get("labels") or {}
    return labels.get(name) or child.labels.get(name, "")


def find_child(children: Children, key: ObjectKey, fleet_uid: str) -> Child | None:
    """Return the fleet's object of that name; one that somebody else controls is not it."""
    child = children.get(key)
    return None if child is None or is_foreign(child, fleet_uid) else child


@remembered(8)
def find_replicasets(children: Children, tier: Tier, fleet_uid: str) -> tuple[Child, ...]:
    """Return a tier's ReplicaSets by name; one that is being deleted no longer counts."""
    found = (
        child
        for key, child in children.items()
        if key.kind == "ReplicaSet"
        and template_label(child, TIER) == tier
        and not child.is_deleting
        and not is_foreign(child, fleet_uid)
    )
    return tuple(sorted(found, key=lambda child: child.key))


def carried_fingerprint(manifest: Manifest) -> str:
    """Return the fingerprint that an object carries, empty where it has none."""
    annotations: Mapping[str, str] = manifest["metadata"].get("annotations") or {}
    return annotations.get(FINGERPRINT_ANNOTATION, "")


def stands_as(wanted: Manifest, live: Child) -> bool:
    """Say whether nothing has to be done about an object: it is as it should be, or leaves."""
    return live.is_deleting or _contains(live.manifest, wanted)


@remembered(4)
def all_stand(wanted: tuple[Manifest, ...], children: Children, fleet_uid: str) -> bool:
    """Say whether nothing has to be done about any of these objects."""
    found = (children.get(key_of(manifest)) for manifest in wanted)
    return all(
        live is not None and not is_foreign(live, fleet_uid) and stands_as(manifest, live)
        for manifest, live in zip(wanted, found, strict=True)
    )


@remembered(COMPARISONS_KEPT)
def _contains(live: Manifest, wanted: Manifest) -> bool:
    """Compare two manifests once; neither is ever written to."""
    return is_contained(wanted, live)


@remembered(4)
def was_complete(fleet: Fleet) -> bool:
    """Say whether this very generation of the fleet stood complete at some time."""
    return any(
        condition.type == ConditionType.READY
        and condition.observed_generation == fleet.generation
        and condition.status is ConditionStatus.TRUE
        for condition in fleet.status.conditions
    )


def keep_in_place(
    fleet: Fleet, children: Children, wanted: Manifest, *, was_there: bool = True
) -> Plan:
    """Keep one object of a fleet that stood complete once, unless it was never there."""
    live = find_child(children, key_of(wanted), fleet.uid)
    if live is not None and stands_as(wanted, live):
        return NOTHING
    return keep_child(wanted, live, was_complete=was_there and was_complete(fleet))


def keep_child(wanted: Manifest, live: Child | None, *, was_complete: bool) -> Plan:
    """Create an object, or bring it back to what it should be.

    Every manifest carries its own fingerprint as an annotation. So one comparison finds
    fields that somebody changed, and fields that an earlier manifest had and this one has
    not: they changed the fingerprint.

    Args:
        wanted: The rendered object; a workload to be created with its `replicas`.
        live: The object as observed.
        was_complete: Whether an earlier cycle already brought this generation of the fleet
            about, so that whatever is missing now was taken away since.
    """
    if live is not None and stands_as(wanted, live):
        return NOTHING
    key = key_of(wanted)
    if live is None:
        told = "somebody deleted it" if was_complete else "it does not exist yet"
        decisions = _restoration(wanted, told) if was_complete else ()
        return Plan((CreateChild(wanted, f"create {key}: {told}"),), decisions)
    if carried_fingerprint(wanted) == carried_fingerprint(live.manifest):
        told = "somebody changed it"
        return Plan((ApplyChild(wanted, f"restore {key}: {told}"),), _restoration(wanted, told))
    told = "this operator renders it otherwise" if was_complete else "the fleet wants it otherwise"
    return Plan((ApplyChild(wanted, f"update {key}: {told} now"),))


def _restoration(wanted: Manifest, told: str) -> tuple[Decision, ...]:
    tier = Tier(wanted["metadata"]["labels"][TIER])
    because = f"restored {key_of(wanted)}: {told}"
    return (Decision(tier, 0, 0, Reason.CHILD_RESTORED, because),)


def repair_metadata(live: Child, owner: Manifest) -> ApplyChild | None:
    """Return the step that restores only labels and owner of a ReplicaSet, or None.

    An apply that left the template out would take it away from us, so the live selector and
    template are sent back as they are: whatever they are, they cannot change. That is the
    point for a revision that drains: what new pods of it look like is no longer ours to say.

    Args:
        live: The ReplicaSet as observed. Its labels are those of its pods.
        owner: The owner reference that it should have.
    """
    labels = live.manifest["spec"]["template"]["metadata"]["labels"]
    metadata = {"labels": labels, "ownerReferences": [owner]}
    if is_contained(metadata, live.manifest["metadata"]):
        return None
    key = live.key
    carried = live.manifest["metadata"].get("annotations") or {}
    kept = {name: carried[name] for name in OUR_ANNOTATIONS if name in carried}
    annotations = {"annotations": kept} if kept else {}
    manifest = {
        "apiVersion": live.manifest["apiVersion"],
        "kind": key.kind,
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            **annotations,
            **metadata,
        },
        "spec": {name: live.manifest["spec"][name] for name in ("selector", "template")},
    }
    return ApplyChild(manifest, f"restore {key}: its labels or its owner were taken away")


def repair_all(children: Iterable[Child], owner: Manifest) -> Plan:
    """Restore labels and owner of ReplicaSets that drain; nearly always nothing is missing."""
    steps = (repair_metadata(child, owner) for child in children)
    due = tuple(step for step in steps if step is not None)
    return Plan(due) if due else NOTHING


def hold_replicas(live: Child, wanted: int, tier: Tier) -> Plan:
    """Keep an ordinary workload's count, and the field in our hands."""
    if live.is_deleting or (live.replicas == wanted and live.scaler_owns_replicas):
        return NOTHING
    because = f"scale {live.key} {live.replicas}→{wanted}: {wanted} wanted"
    step = ScaleChild(live.key, live.replicas, wanted, because)
    if live.scaler_owns_replicas or live.replicas == wanted:
        return Plan((step,))
    told = f"{live.key} had {live.replicas} replicas by somebody else's hand; {wanted} wanted"
    decision = Decision(tier, live.replicas, wanted, Reason.REPLICAS_DRIFTED, told)
    return Plan((step,), (decision,))


def find_leftovers(
    children: Iterable[Child],
    *,
    fleet_uid: str,
    wanted: Collection[ObjectKey],
    media_revisions: Collection[str],
) -> tuple[DeleteChild, ...]:
    """Return a step for each child that no tier wants any more.

    Only objects that name this fleet as their owner: labels alone may have been copied.
    A media configuration stays for as long as a server of its revision stands.
    """
    steps = []
    for child in children:
        if child.key.kind not in RELEVANT_KINDS or child.key in wanted or child.is_deleting:
            continue
        if not is_owned(child, fleet_uid):
            continue
        revision = child.labels.get(REVISION, "")
        if child.key.kind == "ConfigMap" and revision and revision in media_revisions:
            continue
        steps.append(DeleteChild(child.key, child.uid, f"delete {child.key}: no longer wanted"))
    return tuple(sorted(steps, key=lambda step: step.key))
