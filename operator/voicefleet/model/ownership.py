"""Whose an object is that stands where a fleet wants to create one of its own."""

from voicefleet.api import labels
from voicefleet.manifests import Manifest


def is_ours(manifest: Manifest, fleet_uid: str) -> bool:
    """Say whether an object that was read from the server belongs to this fleet.

    Its controller decides. An object without any controller is ours if our template manager
    has applied it: somebody stripped its owner, or a fleet of this name was deleted and its
    children were orphaned. Whatever else has the name belongs to somebody else.
    """
    metadata = manifest["metadata"]
    owners = metadata.get("ownerReferences") or ()
    controller = next((owner for owner in owners if owner.get("controller")), None)
    if controller is not None:
        return bool(controller.get("uid") == fleet_uid)
    return any(
        entry.get("manager") == labels.TEMPLATE_MANAGER and entry.get("operation") == "Apply"
        for entry in metadata.get("managedFields") or ()
    )
