"""Every law of the API, on both sides, as the real API server judges it."""

import pytest
from httpx import Response

from support.api import Api
from support.invalid_fleets import field_faults
from support.law_cases import SMALL_SPEC, LawCase, a_fleet, law_cases, merged

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("installed")]

AT_REST = {"paused": True, "deletionPolicy": "Now"}
"""An operator that happens to run makes no children of these fleets and lets them go at once."""

IDS = [case.law.replace("/", ": ") for case in law_cases()]


def judge(api: Api, case: LawCase, fragment: dict, namespace: str) -> Response:
    """Send a manifest as a server-side dry run: a creation, or an edit of `before`."""
    path = api.path("VoiceFleet", namespace)
    if case.before is None:
        return api.send(
            "POST", path, json=case.fleet(fragment, namespace), params={"dryRun": "All"}
        )
    return api.send(
        "PATCH",
        f"{path}/lawful",
        json={"spec": fragment},
        params={"dryRun": "All"},
        headers={"Content-Type": "application/merge-patch+json"},
    )


@pytest.fixture
def before(request: pytest.FixtureRequest, api: Api, namespace: str):
    """Create the fleet that an edit starts from, and take it away again."""
    case: LawCase = request.param
    if case.before is not None:
        api.create(case.fleet({**case.before, **AT_REST}, namespace))
        yield case
        api.delete("VoiceFleet", namespace, "lawful")
    else:
        yield case


@pytest.mark.parametrize("before", law_cases(), ids=IDS, indirect=True)
def test_the_api_server_accepts_what_keeps_the_law(
    before: LawCase, api: Api, namespace: str
) -> None:
    """A law that refuses too much makes its authors look for a way around all of them."""
    answer = judge(api, before, before.accepted, namespace)

    assert answer.is_success, answer.json()["message"]


@pytest.mark.parametrize("before", law_cases(), ids=IDS, indirect=True)
def test_the_api_server_refuses_what_breaks_the_law_and_says_what_is_possible(
    before: LawCase, api: Api, namespace: str
) -> None:
    """The refusal is the only documentation that somebody reads at night."""
    answer = judge(api, before, before.refused, namespace)

    assert (answer.status_code, before.says in answer.json()["message"]) == (422, True), answer.text


def test_the_api_server_refuses_every_faulty_field(api: Api, namespace: str) -> None:
    """Each type, range, length and choice in the schema is there because something relies on it."""
    path, accepted = api.path("VoiceFleet", namespace), []

    for what, manifest in field_faults(namespace):
        answer = api.send("POST", path, json=manifest, params={"dryRun": "All"})
        if answer.is_success:
            accepted.append(what)

    assert accepted == []


def test_defaults_are_stored_when_a_fleet_is_written(api: Api, namespace: str) -> None:
    """What is not written must read the same for a person, for kubectl and for the operator."""
    fleet = a_fleet(namespace, SMALL_SPEC)

    stored = api.send(
        "POST", api.path("VoiceFleet", namespace), json=fleet, params={"dryRun": "All"}
    ).json()["spec"]

    assert (stored["agents"]["maxSessionSeconds"], stored["media"]["redis"]) == (
        3600,
        {"mode": "Embedded"},
    )


def test_kubectl_scale_raises_the_floor_and_the_law_holds_there_too(
    api: Api, namespace: str
) -> None:
    """At night somebody scales by hand; the bound that protects the budget must still hold."""
    spec = merged({**SMALL_SPEC, **AT_REST}, {"agents": {"maxReplicas": 9}})
    api.create(a_fleet(namespace, spec, name="scaled"))
    scale = f"{api.path('VoiceFleet', namespace)}/scaled/scale"
    edit = {"Content-Type": "application/merge-patch+json"}

    within = api.send("PATCH", scale, json={"spec": {"replicas": 9}}, headers=edit)
    beyond = api.send("PATCH", scale, json={"spec": {"replicas": 10}}, headers=edit)

    api.delete("VoiceFleet", namespace, "scaled")
    assert (within.json()["spec"]["replicas"], beyond.status_code) == (9, 422)


def test_an_unknown_field_is_refused_where_the_client_asks_for_it(api: Api, namespace: str) -> None:
    """Clients such as kubectl ask, so that a misspelt field is an error and not a nothing."""
    spec = merged(SMALL_SPEC, {"agents": {"maxReplica": 9}})

    answer = api.send(
        "POST",
        api.path("VoiceFleet", namespace),
        json=a_fleet(namespace, spec),
        params={"dryRun": "All", "fieldValidation": "Strict"},
    )

    assert (answer.status_code, "maxReplica" in answer.text) == (400, True)
