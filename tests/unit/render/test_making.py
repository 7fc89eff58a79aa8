"""The record by which a later operator knows what an author had written."""

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from support.builders import with_agents
from support.earlier import made_earlier
from support.fleets import a_full_fleet, a_minimal_fleet
from support.fuzz import changed_specs, fleet_specs
from support.rendered import all_children
from voicefleet.api.labels import MADE_AS, MADE_FROM
from voicefleet.api.parse import parse_spec
from voicefleet.errors import SpecError
from voicefleet.manifests import Manifest, key_of
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Child
from voicefleet.render.agents_replicaset import agents_revision, render_agents_replicaset
from voicefleet.render.evaluation_deployment import render_evaluation_deployment
from voicefleet.render.making import read_making, revision_in
from voicefleet.render.media_replicaset import media_revision
from voicefleet.render.redis_deployment import render_redis_deployment
from voicefleet.render.speech_deployment import render_speech_deployment, speech_revision
from voicefleet.render.standing import settle_redis, settle_speech
from voicefleet.render.words import (
    agents_words,
    evaluation_words,
    fleet_of_words,
    media_words,
    redis_words,
    speech_words,
)

WORKLOADS = [
    child
    for fleet in (a_minimal_fleet(), a_full_fleet())
    for child in all_children(fleet)
    if child["kind"] in ("ReplicaSet", "Deployment")
]


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda each: str(key_of(each)))
def test_a_workload_records_its_own_selector_template_and_file(workload: Manifest):
    """What is not in the record could not be restored by an operator that renders otherwise."""
    making = read_making(workload)

    assert making is not None
    assert making.selector == workload["spec"]["selector"]
    assert making.template == workload["spec"]["template"]
    assert bool(making.file) == any(
        "configMap" in volume for volume in making.template["spec"]["volumes"]
    )


@settings(
    max_examples=60,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
)
@given(one=fleet_specs(), other=changed_specs())
def test_the_words_hold_everything_that_a_pod_follows(one: Any, other: Any):
    """A field that is left out could change and never reach the pods after an upgrade."""
    before, now = fleet_of(one), fleet_of(other)
    if before is None or now is None:
        return

    known = every_words(before)

    assert [revision(put_back(now, words)) for words, revision in known] == [
        revision(before) for _, revision in known
    ]


def fleet_of(spec: Any) -> Fleet | None:
    """Return a fleet with that spec, or None where it is refused, by a law between fields too."""
    try:
        fleet = replace(a_minimal_fleet(), spec=parse_spec(spec))
        all_children(fleet)
    except SpecError:
        return None
    return fleet


def put_back(fleet: Fleet, words: Manifest) -> Fleet:
    """Return the fleet as the words tell it; they have to be readable."""
    found = fleet_of_words(fleet, words)
    assert found is not None
    return found


def every_words(fleet: Fleet) -> list[tuple[Manifest, Any]]:
    """Return the words about each workload, and what tells its revision."""
    found: list[tuple[Manifest, Any]] = [
        (agents_words(fleet), agents_revision),
        (media_words(fleet), media_revision),
        (redis_words(fleet), lambda each: revision_in(render_redis_deployment(each))),
    ]
    found += [
        (speech_words(fleet, pool), lambda each: speech_revision(each, each.spec.speech[0]))
        for pool in fleet.spec.speech[:1]
    ]
    if fleet.spec.evaluation is not None:
        found.append((evaluation_words(fleet, fleet.spec.evaluation), evaluation_revision))
    return found


def evaluation_revision(fleet: Fleet) -> str:
    """Return the revision of the evaluators, which the fleet has."""
    assert fleet.spec.evaluation is not None
    return revision_in(render_evaluation_deployment(fleet, fleet.spec.evaluation))


def test_words_with_fields_of_a_newer_operator_are_understood():
    """After a rollback the record of the newer one is read by one that knows less."""
    fleet = a_minimal_fleet()
    words = agents_words(fleet)
    words["spec"]["agents"]["fieldOfTomorrow"] = {"deep": 1}

    assert agents_revision(put_back(fleet, words)) == agents_revision(fleet)


def test_words_without_a_new_field_mean_its_default():
    """A field that came with the new operator was not written by anybody yet."""
    fleet = a_minimal_fleet()
    words = agents_words(fleet)
    del words["spec"]["agents"]["tolerations"]

    assert agents_revision(put_back(fleet, words)) == agents_revision(fleet)


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"keys": "5ec2e7a0", "spec": []},
        {"keys": "5ec2e7a0", "spec": {"agents": {"image": 7}}},
        {"keys": "5ec2e7a0", "spec": {}, "beside": {"none": {}}},
    ],
    ids=["nothing", "no-block", "wrong-type", "unknown-block"],
)
def test_words_that_nobody_can_read_mean_nothing(words: Manifest):
    """A record changed by hand must not stop the fleet it belongs to."""
    assert fleet_of_words(a_minimal_fleet(), words) is None


TEMPLATE = json.loads(
    render_agents_replicaset(a_minimal_fleet())["metadata"]["annotations"][MADE_AS]
)


@pytest.mark.parametrize(
    "record",
    [
        "",
        "[]",
        '{"selector":{},"template":{}}',
        json.dumps({**TEMPLATE, "selector": {"matchLabels": {"app": "other"}}}),
        json.dumps({**TEMPLATE, "template": {"metadata": {"labels": {}}}}),
        json.dumps({**TEMPLATE, "file": 7}),
    ],
    ids=["empty", "a-list", "hollow", "other-selector", "unselected-pods", "file-is-no-text"],
)
def test_a_record_that_does_not_fit_its_workload_is_none(record: str):
    """Applying it would be refused by the API server again and again."""
    workload = deepcopy(render_agents_replicaset(a_minimal_fleet()))
    workload["metadata"]["annotations"][MADE_AS] = record

    assert read_making(workload) is None


def test_a_record_of_the_same_rendering_is_brought_up_to_date():
    """Only then does the newest word of the author stand in it for the next upgrade."""
    live = render_redis_deployment(a_minimal_fleet())
    fleet = a_minimal_fleet(refresh="now")

    wanted = settle_redis(fleet, Child(key_of(live), live))

    assert json.loads(wanted["metadata"]["annotations"][MADE_FROM])["refresh"] == "now"


def test_lost_keys_are_a_change_of_their_own():
    """Pods with the old keys cannot talk to pods with new ones, so all have to follow."""
    live = made_earlier(render_redis_deployment(a_minimal_fleet()))
    fleet = a_minimal_fleet(secret_suffix="0ther000")

    wanted = settle_redis(fleet, Child(key_of(live), live))

    assert wanted == render_redis_deployment(fleet)


def test_an_objects_own_labels_are_todays_while_its_pods_stay():
    """Labels of the object replace no pod, and dashboards select by them."""
    fleet = a_minimal_fleet()
    live = made_earlier(render_redis_deployment(fleet))
    live["metadata"]["labels"].pop("app.kubernetes.io/name")

    wanted = settle_redis(fleet, Child(key_of(live), live))

    assert wanted["metadata"]["labels"]["app.kubernetes.io/name"] == "voicefleet"
    assert wanted["spec"]["template"] == live["spec"]["template"]


def test_counts_are_no_words_about_a_pod():
    """They change with every hiring season."""
    fleet = a_minimal_fleet()

    assert agents_words(with_agents(fleet, min_replicas=9)) == agents_words(fleet)


def test_the_words_of_another_pool_are_no_words_about_this_one():
    """Whoever copies annotations from one Deployment to another must not stop the fleet."""
    fleet = a_full_fleet()
    stt, tts = (made_earlier(render_speech_deployment(fleet, pool)) for pool in fleet.spec.speech)
    stt["metadata"]["annotations"][MADE_FROM] = tts["metadata"]["annotations"][MADE_FROM]

    wanted = settle_speech(fleet, fleet.spec.speech[0], Child(key_of(stt), stt))

    assert wanted == render_speech_deployment(fleet, fleet.spec.speech[0])


def test_a_record_with_another_selector_is_none_for_this_workload():
    """A selector can never change, so the API server would refuse it again and again."""
    live = made_earlier(render_redis_deployment(a_minimal_fleet()))
    live["spec"]["selector"] = {"matchLabels": {"voicefleet.dev/tier": "redis"}}

    wanted = settle_redis(a_minimal_fleet(), Child(key_of(live), live))

    assert wanted == render_redis_deployment(a_minimal_fleet())
