"""From a stored VoiceFleet to what the planner works with, and which fleets are looked after.

Called by `shell/reconcile` and by `cli/plan`.
"""

from collections.abc import Iterable

from voicefleet.api.labels import FINALIZER, REFRESH
from voicefleet.api.parse import VoiceFleet, parse_fleet
from voicefleet.errors import SpecError
from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.model.fleet import Fleet
from voicefleet.settings import Platform

LONGEST_CALL_SECONDS = 28800
"""The upper bound of `spec.agents.maxSessionSeconds`."""


REFRESH_MAX = 63
"""Characters of the refresh word that count; each workload carries a copy of it."""


def make_fleet(body: Manifest, platform: Platform, *, secret_suffix: str) -> Fleet:
    """Return the fleet, parsed.

    A fleet that is being deleted can always be parsed: what it needs is to drain and to be
    let go, and a manifest that somebody broke must not keep it for ever.

    Raises:
        SpecError: The manifest cannot be acted on.
    """
    try:
        parsed = parse_fleet(body)
    except SpecError:
        if "deletionTimestamp" not in body["metadata"]:
            raise
        parsed = parse_leaving_fleet(body)
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
        refresh=parsed.metadata.annotations.get(REFRESH, "")[:REFRESH_MAX],
    )


def parse_leaving_fleet(body: Manifest) -> VoiceFleet:
    """Return a fleet that wants nothing but to leave, with the patience its author asked for.

    What cannot be read falls back to what is safest for calls: to drain, for as long as the
    longest call that any fleet may have.
    """
    try:
        return parse_fleet(with_least_spec(body, _written_limit(body)))
    except SpecError:
        return parse_fleet(with_least_spec(body, LONGEST_CALL_SECONDS))


def with_least_spec(body: Manifest, session_seconds: object) -> Manifest:
    """Return the fleet with a spec that says only how it leaves."""
    policy = "Now" if (body.get("spec") or {}).get("deletionPolicy") == "Now" else "Drain"
    agents = {"image": "unknown", "maxSessionSeconds": session_seconds}
    spec = {"deletionPolicy": policy, "agents": agents, "media": {}}
    return {**body, "spec": spec, "status": {}}


def _written_limit(body: Manifest) -> object:
    agents = (body.get("spec") or {}).get("agents")
    return agents.get("maxSessionSeconds") if isinstance(agents, dict) else None


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
