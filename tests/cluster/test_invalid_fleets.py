"""No manifest, however broken, brings the operator down or hurts another fleet."""

import pytest

from support.api import Api, eventually
from support.invalid_fleets import invalid_fleets
from support.manifests import a_fleet_manifest, condition, is_settled
from support.operator_log import tracebacks

pytestmark = pytest.mark.cluster


def test_every_invalid_manifest_is_refused_or_ends_in_a_condition(
    api: Api, operator, new_namespace
):
    """Bad input is told to its author, at once, in words that say what is possible."""
    namespace, accepted, refused = new_namespace(), [], 0
    corpus = list(invalid_fleets(namespace))

    for number, (what, manifest) in enumerate(corpus):
        manifest["metadata"].setdefault("name", f"bad-{number}")
        answer = api.send("POST", api.path("VoiceFleet", namespace), json=manifest)
        if answer.is_success:
            accepted.append((what, answer.json()["metadata"]["name"]))
        else:
            refused += 1
            assert 400 <= answer.status_code < 500, (what, answer.text)

    assert refused + len(accepted) == len(corpus) >= 100
    for what, name in accepted:
        eventually(
            f"a condition tells of: {what}",
            lambda name=name: (
                condition(api.get("VoiceFleet", namespace, name), "Stalled")
                or condition(api.get("VoiceFleet", namespace, name), "CapacityAvailable").get(
                    "status"
                )
                == "False"
            ),
            seconds=30,
        )


def test_other_fleets_and_the_operator_live_on(api: Api, operator, namespace: str):
    """The proof is a good fleet after all the bad ones."""
    api.create(a_fleet_manifest(namespace))

    eventually(
        "Ready", lambda: is_settled(api.get("VoiceFleet", namespace, "interviews")), seconds=40
    )
    assert operator.answers()
    assert tracebacks(operator.log) == []
