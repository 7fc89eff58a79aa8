"""The API server and the operator agree about what a fleet is, spec by drawn spec.

The direction that matters: whatever the server stores, the operator digests, and the children
that come of it are stored as well. A dry run each, so nothing is left behind.
"""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.api import Api, Manifest
from support.fuzz import changed_specs, digest, fleet_specs, mutated_specs
from support.law_cases import a_fleet
from support.rendered import all_children

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("installed")]

CASES = int(os.environ.get("VOICEFLEET_FUZZ_REQUESTS", "120"))

some = settings(
    max_examples=CASES // 2,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def stored(api: Api, spec: object) -> Manifest | None:
    """Return the fleet as the server would store it, or None where it refuses it."""
    answer = api.send(
        "POST",
        api.path("VoiceFleet", "default"),
        json=a_fleet("default", spec),
        params={"dryRun": "All"},
    )
    assert answer.status_code in {201, 400, 422}, answer.text
    return dict(answer.json()) if answer.is_success else None


def refused_children(api: Api, fleet: Manifest) -> list[str]:
    """Return why the server would refuse children of a fleet."""
    answers = [
        api.send(
            "PATCH",
            api.path(child["kind"], "default", child["metadata"]["name"]),
            json=child,
            params={"dryRun": "All", "fieldManager": "voicefleet", "force": "true"},
            headers={"Content-Type": "application/apply-patch+yaml"},
        )
        for child in all_children(digest(fleet))
    ]
    return [answer.text for answer in answers if not answer.is_success]


def test_whatever_the_server_stores_becomes_children_that_it_stores(api: Api):
    """A fleet that is accepted and then fails tells its author too late."""
    accepted = []

    @some
    @given(spec=st.one_of(changed_specs(), changed_specs(), fleet_specs()))
    def judge(spec: Manifest) -> None:
        if (fleet := stored(api, spec)) is not None:
            accepted.append(fleet)
            assert refused_children(api, fleet) == []

    judge()

    assert len(accepted) >= CASES / 2 / 4, "too few got past the laws to prove anything"


def test_what_the_server_lets_pass_of_broken_specs_is_digested(api: Api):
    """Pruning and defaulting make a sound fleet of some; the others never reach the operator."""
    accepted = []

    @some
    @given(spec=mutated_specs())
    def judge(spec: object) -> None:
        if (fleet := stored(api, spec)) is not None:
            accepted.append(digest(fleet))

    judge()

    assert accepted
