"""From a stored VoiceFleet to what the planner works with, and which fleets are looked after.

Called by `shell/reconcile` and by `cli/plan`.
"""

from collections.abc import Iterable

from voicefleet.api.labels import FINALIZER
from voicefleet.api.parse import parse_fleet
from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.model.fleet import Fleet
from voicefleet.settings import Platform


def make_fleet(body: Manifest, platform: Platform, *, secret_suffix: str) -> Fleet:
    """Return the fleet, parsed.

    Raises:
        SpecError: The manifest cannot be acted on.
    """
    parsed = parse_fleet(body)
    return Fleet(
        name=parsed.metadata.name,
        namespace=parsed.metadata.namespace,
        uid=parsed.metadata.uid,
        generation=parsed.metadata.generation,
        spec=parsed.spec,
        status=parsed.status,
        platform=platform,
        secret_suffix=secret_suffix,
        has_finalizer=FINALIZER in parsed.metadata.finalizers,
        deletion_requested_at=parsed.metadata.deletion_timestamp,
    )


def fleet_key(fleet: Fleet) -> ObjectKey:
    """Return the address of the fleet's own object."""
    return ObjectKey("VoiceFleet", fleet.namespace, fleet.name)


def is_within_limit(body: Manifest, others: Iterable[Manifest], fleets_max: int) -> bool:
    """Say whether a fleet is among the first ones, by age, that this operator accepts.

    By age, so that a new fleet can never take an old one's place.
    """
    mine = _seniority(body)
    older = sum(_seniority(other) < mine for other in others)
    return older < fleets_max


def _seniority(body: Manifest) -> tuple[str, str, str]:
    metadata = body["metadata"]
    created = metadata.get("creationTimestamp", "")
    return created, metadata.get("namespace", ""), metadata["name"]
