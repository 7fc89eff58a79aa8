"""Whatever changes are made to a fleet one after the other, each ends in children or a condition.

Specs drawn from the CRD's own schema, edits of the children by somebody else, and troubles of the
nodes, most of them before the one before has come about. `VOICEFLEET_FUZZ_SEQUENCES` sets how many;
`make soak` draws 100.
"""

import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support.api import Api, Manifest, eventually
from support.edits import (
    ChildEdit,
    Edit,
    NodeEvent,
    NodeTrouble,
    is_changed,
    is_own,
    mend_nodes,
    remember_nodes,
)
from support.fuzz import NOW, SOUND_SPEC, changed_specs, digest
from support.law_cases import a_fleet
from support.manifests import condition, is_settled
from support.operator_log import tracebacks
from voicefleet.model.observed import Observed
from voicefleet.model.plan import CreateChild
from voicefleet.planning import plan_fleet

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(7200)]

SEQUENCES = int(os.environ.get("VOICEFLEET_FUZZ_SEQUENCES", "2"))
NAMED_BY_FLEET = ("Service", "Deployment", "PodDisruptionBudget", "NetworkPolicy", "ServiceAccount")
"""Kinds whose names follow from the fleet alone; others' names have a number or a hash."""
REPLICAS_MAX = 3
"""Of each tier; whether a thousand pods come about is another test's question."""


def small(spec: Manifest) -> Manifest:
    """Return the spec with few replicas, and with bounds that fit."""
    changed = deepcopy(spec)
    for tier in (changed["agents"], changed["media"], changed["evaluation"], *changed["speech"]):
        for field in ("minReplicas", "floorReplicas"):
            if field in tier:
                tier[field] = min(tier[field], REPLICAS_MAX)
        if "maxReplicas" in tier:
            tier["maxReplicas"] = max(tier["maxReplicas"], REPLICAS_MAX)
    return changed


CHANGED = changed_specs().map(small)
STEPS = st.one_of(
    CHANGED,
    st.builds(ChildEdit, st.integers(0, 20), st.sampled_from(Edit)),
    st.builds(NodeEvent, st.integers(0, 9), st.sampled_from(NodeTrouble)),
)
"""What may happen next."""


def says_where_it_stands(fleet: Manifest) -> bool:
    """Say whether the newest generation has come about, or a condition tells why it does not."""
    if fleet.get("status", {}).get("observedGeneration") != fleet["metadata"]["generation"]:
        return False
    is_short = condition(fleet, "CapacityAvailable").get("status") == "False"
    return is_settled(fleet) or is_short or bool(condition(fleet, "Stalled"))


def unrepaired(api: Api, namespace: str, fleet: Manifest) -> list[str]:
    """Return what of a fleet's children is missing, changed or nobody's, as far as names tell."""
    if condition(fleet, "Stalled"):
        return []
    plan = plan_fleet(digest(fleet), Observed(secrets_due=True), NOW)
    wanted = {
        (step.manifest["kind"], step.manifest["metadata"]["name"])
        for step in plan.steps
        if isinstance(step, CreateChild) and step.manifest["kind"] in NAMED_BY_FLEET
    }
    found = {key: child for key, child in api.children(namespace).items() if is_own(child)}
    return [
        *(f"{kind}/{name} is missing" for kind, name in wanted - found.keys()),
        *(f"{kind}/{name} is changed" for (kind, name), one in found.items() if is_changed(one)),
        *(
            f"{kind}/{name} has no owner"
            for (kind, name), one in found.items()
            if not one["metadata"].get("ownerReferences") and kind != "Secret"
        ),
    ]


@pytest.fixture
def mend(api: Api) -> Iterator[Callable[[], None]]:
    """Return what mends every node, as it does at the end: others have fleets on them too."""
    mend = partial(mend_nodes, api, remember_nodes(api))
    yield mend
    mend()


def test_every_accepted_change_ends_in_children_or_in_a_condition(
    api: Api, operator, new_namespace, mend: Callable[[], None]
):
    """A change that is neither done nor told about is the one that somebody waits for."""

    def change(namespace: str, spec: Manifest) -> None:
        path = f"{api.path('VoiceFleet', namespace)}/changing"
        value = {**spec, "deletionPolicy": "Now"}
        patch = [{"op": "replace", "path": "/spec", "value": value}]
        answer = api.send("PATCH", path, json=patch, headers=JSON_PATCH)
        assert answer.status_code in {200, 422}, answer.text

    def fleet_in(namespace: str) -> Manifest:
        return api.get("VoiceFleet", namespace, "changing")

    @settings(
        max_examples=SEQUENCES,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(spec=CHANGED, others=st.lists(STEPS, min_size=3, max_size=7))
    def live(spec: Manifest, others: list[Manifest | ChildEdit | NodeEvent]) -> None:
        namespace = new_namespace()
        api.create(a_fleet(namespace, SOUND_SPEC, name="changing"))
        steps = [*others[:2], spec, *others[2:]]
        for step in steps:
            if isinstance(step, dict):
                change(namespace, step)
            else:
                step.carry_out(api, namespace)
        eventually(
            f"the end of {steps} is told about",
            lambda: says_where_it_stands(fleet_in(namespace)),
            seconds=60,
        )
        eventually(
            f"nothing is left to repair after {steps}",
            lambda: not unrepaired(api, namespace, fleet_in(namespace)),
            seconds=30,
        )
        mend()
        api.delete("VoiceFleet", namespace, "changing")

    live()

    assert tracebacks(operator.log) == []


JSON_PATCH = {"Content-Type": "application/json-patch+json"}
