"""A stored object becomes typed values, or one sentence about what is wrong."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from support.invalid_fleets import FULL_SPEC, field_faults
from support.law_cases import SMALL_SPEC, a_fleet, merged
from voicefleet.api.media import RedisMode
from voicefleet.api.parse import VoiceFleet, parse_fleet, parse_surge_plan
from voicefleet.api.status import (
    DECISIONS_MAX,
    SENTENCE_MAX,
    Condition,
    ConditionStatus,
    MediaStatus,
    VoiceFleetStatus,
)
from voicefleet.errors import SpecError

EXAMPLES = sorted((Path(__file__).parents[3] / "docs" / "examples").glob("*.yaml"))
SERVER_ONLY = {"spec: speech pools of one name", "spec: a Secret named twice"}
"""Keys that occur twice; the API server's own merge rules refuse them."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def the_refusal_of(spec: object) -> str:
    """Return the sentence with which a spec is refused."""
    with pytest.raises(SpecError) as refusal:
        parse_fleet(a_fleet("hr", spec, name="interviews"))
    return str(refusal.value)


def holds(parsed: object, written: object) -> bool:
    """Whether everything that was written is still there; defaults may have come on top."""
    match written, parsed:
        case dict(), dict():
            return all(key in parsed and holds(parsed[key], written[key]) for key in written)
        case list(), list():
            return len(written) == len(parsed) and all(map(holds, parsed, written))
        case _:
            return written == parsed


def test_a_small_fleet_gets_every_default():
    """The operator must read the same defaults that the API server stores."""
    fleet = parse_fleet(a_fleet("hr", SMALL_SPEC))

    assert (fleet.spec.agents.max_session_seconds, fleet.spec.media.redis.mode) == (
        3600,
        RedisMode.EMBEDDED,
    )
    assert (fleet.metadata.namespace, fleet.spec.evaluation, fleet.spec.speech) == ("hr", None, ())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_can_be_acted_on(path: Path):
    """An example that is refused is the end of the first visit."""
    parse = {"VoiceFleet": parse_fleet, "SurgePlan": parse_surge_plan}
    body = yaml.safe_load(path.read_text())

    assert parse[body["kind"]](body).metadata.name == body["metadata"]["name"]


def test_parsing_loses_nothing_that_was_written():
    """A field that gets lost on the way is a setting that silently does nothing."""
    written = merged(SMALL_SPEC, FULL_SPEC)

    parsed = parse_fleet(a_fleet("hr", written)).spec.to_manifest()

    assert holds(parsed, written)


def test_the_refusal_names_object_field_value_limit_and_next_step():
    """The sentence goes to the condition as it is, and an engineer acts on it alone."""
    refusal = the_refusal_of(merged(SMALL_SPEC, {"agents": {"sessionsPerWorker": 500}}))

    assert refusal == (
        "VoiceFleet hr/interviews: `spec.agents.sessionsPerWorker` is 500, but it must be less "
        "than or equal to 200; change it and apply again"
    )


def test_the_refusal_of_a_text_says_in_words_what_is_allowed():
    """Nobody reads a regular expression at night."""
    refusal = the_refusal_of(merged(SMALL_SPEC, {"agents": {"image": "my image"}}))

    assert '`spec.agents.image` is "my image", but it must be an image such as' in refusal
    assert "^" not in refusal


def test_the_refusal_of_a_missing_field_asks_for_it():
    """Nothing else helps, so nothing else is said."""
    assert "`spec.agents` is missing; add it" in the_refusal_of({"media": {}})


def test_the_refusal_counts_what_else_is_wrong():
    """Somebody who mends one field should know that a second round is coming."""
    refusal = the_refusal_of({"agents": {"image": "", "agentName": ""}, "media": {}})

    assert refusal.endswith("(1 more after it)")


def test_the_refusal_of_a_long_value_stays_one_line():
    """A condition's message has room for 4,096 characters, and a reader for fewer."""
    refusal = the_refusal_of(merged(SMALL_SPEC, {"agents": {"image": "a" * 5000}}))

    assert len(refusal) < 300


def test_every_faulty_field_is_refused_here_too():
    """`voicefleet plan` runs without an API server, and a CRD may be older than the operator."""
    accepted = set()
    for what, manifest in field_faults("hr"):
        try:
            parse_fleet(manifest)
        except SpecError:
            continue
        accepted.add(what)

    assert accepted == SERVER_ONLY


def test_the_corpus_is_as_large_as_it_claims():
    """A generator that yields nothing would make the tests above pass as well."""
    assert len(list(field_faults("hr"))) >= 100


@given(spec=JSON, status=JSON)
def test_no_input_whatsoever_is_answered_with_a_traceback(spec: object, status: object):
    """One author's nonsense must not cost every other fleet its cycle."""
    body = {**a_fleet("hr", spec), "status": status}

    try:
        answer: object = parse_fleet(body)
    except SpecError as refusal:
        answer = str(refusal)

    assert isinstance(answer, VoiceFleet) or str(answer).startswith("VoiceFleet hr/lawful: ")


def test_an_unknown_field_is_ignored():
    """A CRD newer than this operator must not stop a fleet that already runs."""
    spec = merged(SMALL_SPEC, {"scaling": {"mode": "Enforce"}, "agents": {"pipeline": {}}})

    assert parse_fleet(a_fleet("hr", spec)).spec == parse_fleet(a_fleet("hr", SMALL_SPEC)).spec


def test_whole_numbers_are_quantities():
    """`cpu: 2` is what people write; the API server keeps it as a number."""
    spec = merged(SMALL_SPEC, {"agents": {"resources": {"limits": {"cpu": 2}}}})

    resources = parse_fleet(a_fleet("hr", spec)).spec.agents.resources

    assert resources.to_pod_resources() == {"limits": {"cpu": "2"}}


def test_an_object_that_was_never_written_has_an_empty_status():
    """The first cycle of a new fleet must see the same type as every later one."""
    assert parse_fleet(a_fleet("hr", SMALL_SPEC)).status == VoiceFleetStatus()


def test_a_sentence_that_is_too_long_is_shortened():
    """It may repeat what a server said; a status that cannot be written tells nobody anything."""
    condition = Condition(
        type="Stalled",
        status=ConditionStatus.TRUE,
        reason="ChildRefused",
        message="no" * 5000,
        last_transition_time=datetime(2026, 11, 21, 10, tzinfo=UTC),
    )

    assert (len(condition.message), condition.message[-3:]) == (SENTENCE_MAX, "on…")


@pytest.mark.parametrize(
    "unreadable",
    [
        {"decisions": [{}] * (DECISIONS_MAX + 1)},
        {"conditions": [{"type": "Ready", "status": "Mostly"}]},
        {"decisions": "none", "draining": {"a": 1}},
    ],
    ids=["longer-than-we-allow", "a-word-of-tomorrow", "another-shape"],
)
def test_a_status_of_another_version_is_read_as_far_as_it_can_be(unreadable):
    """After a rollback it says what a newer operator wrote; no fleet may stand still for it."""
    body = {**a_fleet("hr", SMALL_SPEC), "status": {"media": {"lastServer": 7}, **unreadable}}

    status = parse_fleet(body).status

    assert status == VoiceFleetStatus(media=MediaStatus(last_server=7))


def test_a_status_that_is_no_object_counts_as_never_written():
    """Whatever is stored there, the fleet itself is what its author wrote."""
    assert parse_fleet({**a_fleet("hr", SMALL_SPEC), "status": "Fine"}).status == VoiceFleetStatus()


def test_a_status_survives_being_stored():
    """The operator compares what it would write with what it reads; they must be equal."""
    body = a_fleet("hr", SMALL_SPEC) | {
        "status": {
            "observedGeneration": 3,
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "AllTiersReady",
                    "message": "2 of 2 workers",
                    "lastTransitionTime": "2026-11-21T10:00:00Z",
                }
            ],
            "media": {"lastServer": 4},
            "decisions": [
                {
                    "time": "2026-11-21T10:00:00Z",
                    "tier": "agents",
                    "from": 2,
                    "to": 6,
                    "reason": "FloorRaised",
                    "message": "the floor is 6",
                }
            ],
        }
    }

    status = parse_fleet(body).status

    assert holds(status.to_manifest(), body["status"])
    assert status.decisions[0].time == datetime(2026, 11, 21, 10, tzinfo=UTC)
