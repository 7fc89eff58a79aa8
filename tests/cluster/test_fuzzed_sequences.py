"""Whatever changes are made to a fleet one after the other, each ends in children or a condition.

Drawn from the CRD's own schema, applied to a running operator, most of them before the one
before has come about. `VOICEFLEET_FUZZ_SEQUENCES` sets how many; `make soak` draws 100.
"""

import os
from copy import deepcopy

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support.api import Api, Manifest, eventually
from support.fuzz import SOUND_SPEC, changed_specs
from support.law_cases import a_fleet
from support.manifests import condition, is_settled
from support.operator_log import tracebacks

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(7200)]

SEQUENCES = int(os.environ.get("VOICEFLEET_FUZZ_SEQUENCES", "2"))
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


def says_where_it_stands(fleet: Manifest) -> bool:
    """Say whether the newest generation has come about, or a condition tells why it does not."""
    if fleet.get("status", {}).get("observedGeneration") != fleet["metadata"]["generation"]:
        return False
    is_short = condition(fleet, "CapacityAvailable").get("status") == "False"
    return is_settled(fleet) or is_short or bool(condition(fleet, "Stalled"))


def test_every_accepted_change_ends_in_children_or_in_a_condition(
    api: Api, operator, new_namespace
):
    """A change that is neither done nor told about is the one that somebody waits for."""
    accepted = []

    @settings(
        max_examples=SEQUENCES,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(specs=st.lists(changed_specs().map(small), min_size=3, max_size=5))
    def live(specs: list[Manifest]) -> None:
        namespace = new_namespace()
        api.create(a_fleet(namespace, SOUND_SPEC, name="changing"))
        path = f"{api.path('VoiceFleet', namespace)}/changing"
        for spec in specs:
            change = [
                {"op": "replace", "path": "/spec", "value": {**spec, "deletionPolicy": "Now"}}
            ]
            answer = api.send("PATCH", path, json=change, headers=JSON_PATCH)
            accepted.append(answer.is_success)
            assert answer.status_code in {200, 422}, answer.text
        eventually(
            f"the last of {specs} is told about",
            lambda: says_where_it_stands(api.get("VoiceFleet", namespace, "changing")),
            seconds=60,
        )
        api.delete("VoiceFleet", namespace, "changing")

    live()

    assert sum(accepted) >= SEQUENCES
    assert tracebacks(operator.log) == []


JSON_PATCH = {"Content-Type": "application/json-patch+json"}
