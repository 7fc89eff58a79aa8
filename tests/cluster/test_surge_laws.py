"""Every law of SurgePlans, on both sides, as the real API server judges it."""

import pytest

from support.api import Api
from support.surge_cases import SurgeCase, a_surge_plan, surge_cases

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("installed")]

CASES = [pytest.param(case, id=case.law.replace("/", ": ")) for case in surge_cases()]
DRY_RUN = {"dryRun": "All"}


@pytest.mark.parametrize("case", CASES)
def test_the_api_server_accepts_what_keeps_the_law(case: SurgeCase, api: Api, namespace: str):
    """A law that refuses too much makes its authors look for a way around all of them."""
    path = api.path("SurgePlan", namespace)

    answer = api.send("POST", path, json=a_surge_plan(namespace, case.accepted), params=DRY_RUN)

    assert answer.is_success, answer.json()["message"]


@pytest.mark.parametrize("case", CASES)
def test_the_api_server_refuses_what_breaks_the_law_and_says_what_is_possible(
    case: SurgeCase, api: Api, namespace: str
):
    """The refusal is the only documentation that somebody reads at night."""
    path = api.path("SurgePlan", namespace)

    answer = api.send("POST", path, json=a_surge_plan(namespace, case.refused), params=DRY_RUN)

    assert not answer.is_success
    assert case.says in answer.json()["message"]


def test_defaults_are_stored_when_a_plan_is_written(api: Api, namespace: str):
    """What is not written must read the same for a person, for kubectl and for the operator."""
    path = api.path("SurgePlan", namespace)

    stored = api.send("POST", path, json=a_surge_plan(namespace), params=DRY_RUN).json()

    (window,) = stored["spec"]["windows"]
    assert (window["glideSeconds"], window["priority"], window["inhibitScaleDown"]) == (
        900,
        0,
        False,
    )
