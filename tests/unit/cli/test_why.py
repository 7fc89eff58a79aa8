"""Why a fleet has its size, read from a status of any age by somebody in a hurry."""

import json
from pathlib import Path

import pytest

from support.scripted_api import Reply, ScriptedApi
from voicefleet.cli.why import as_document, as_text, find_kubeconfig, parse_target, read_fleet
from voicefleet.errors import SpecError

SIZING = {
    "wanted": 63,
    "reason": "SurgeAhead",
    "message": "agents 4→63: surge asks for 63",
    "desires": [
        {
            "name": "surge",
            "replicas": 63,
            "message": "SurgePlan campus-day (morning) expects 500 sessions from 09:00Z",
        },
        {"name": "demand", "replicas": 4, "message": "(12 sessions + 9.1 safety) / 8 per worker"},
    ],
    "figures": {"sessions": 12, "leadSeconds": 63, "novelty": 7},
    "invalid": {"ttfb": "stale"},
}


def a_condition(kind: str, status: str, reason: str, message: str = "so it is") -> dict:
    """Return a condition as stored."""
    return {"type": kind, "status": status, "reason": reason, "message": message}


def a_fleet(**status: object) -> dict:
    """Return a fleet on the morning of a campus day."""
    full = {
        "observedGeneration": 7,
        "conditions": [
            a_condition("Ready", "False", "AgentsNotReady"),
            a_condition("CapacityAvailable", "False", "QuotaExceeded", "ResourceQuota team: full"),
            a_condition("SignalsFresh", "True", "AllSignalsRead", "oldest 4 s"),
            a_condition("ScalingActive", "True", "WithinBounds"),
        ],
        "agents": {"readyReplicas": 41, "desiredReplicas": 63, "sizing": SIZING},
        "speech": [{"name": "tts", "readyReplicas": 1, "desiredReplicas": 1, "sizing": SIZING}],
        "surge": {
            "active": [
                {
                    "plan": "campus-day",
                    "window": "morning",
                    "startTime": "2026-11-23T09:00:00Z",
                    "endTime": "2026-11-23T11:00:00Z",
                    "peakSessions": 500,
                }
            ],
            "next": {
                "plan": "late",
                "window": "shift",
                "startTime": "2026-11-23T22:00:00Z",
                "endTime": "2026-11-24T02:00:00Z",
                "minReplicas": 6,
            },
        },
        "decisions": [
            {
                "time": f"2026-11-23T08:{minute}:00Z",
                "tier": "agents",
                "from": 4,
                "to": 63,
                "reason": "SurgeAhead",
                "message": f"agents 4→63 at {minute}",
            }
            for minute in range(58, 46, -1)
        ],
    }
    metadata = {"name": "interviews", "namespace": "hr", "generation": 7}
    return {"metadata": metadata, "status": {**full, **status}}


def test_the_binding_part_of_the_formula_is_marked_and_comes_first():
    """The answer to "why" is one line; the others say why not another number."""
    lines = list(as_text(a_fleet()))

    assert lines[0] == "interviews (hr)"
    assert "  agents: 41 ready, 63 wanted (SurgeAhead)" in lines
    assert (
        "  > surge     63  SurgePlan campus-day (morning) expects 500 sessions from 09:00Z" in lines
    )
    assert "    demand     4  (12 sessions + 9.1 safety) / 8 per worker" in lines
    assert "  speech tts: 1 ready, 1 wanted (SurgeAhead)" in lines


def test_numbers_are_said_in_words_and_new_ones_by_their_names():
    """A newer operator may write what this program has never heard of."""
    text = "\n".join(as_text(a_fleet()))

    assert "with 12 sessions, 63 s until a worker takes calls, novelty 7" in text
    assert "unknown: ttfb, stale; nothing is taken away because of it" in text


def test_what_holds_back_is_named_and_what_only_follows_is_not():
    """Ready is False because of the quota; two lines about one cause are one too many."""
    lines = list(as_text(a_fleet()))
    held = lines[lines.index("  holds back") + 1 : lines.index("  signals") - 1]

    assert held == ["    CapacityAvailable  False  QuotaExceeded: ResourceQuota team: full"]
    assert "    SignalsFresh  True  AllSignalsRead: oldest 4 s" in lines


def test_surges_say_how_large_and_until_when():
    """The second question about a large fleet is for how long."""
    lines = list(as_text(a_fleet()))

    assert (
        "    now   SurgePlan campus-day (morning): 500 sessions until 2026-11-23T11:00:00Z" in lines
    )
    assert "    next  SurgePlan late (shift): 6 workers from 2026-11-23T22:00:00Z" in lines


def test_only_the_newest_decisions_fill_the_screen():
    """More than a screen is no answer."""
    lines = list(as_text(a_fleet()))
    told = lines[lines.index("  decisions") + 1 :]

    assert told[0] == "    2026-11-23T08:58:00Z  SurgeAhead: agents 4→63 at 58"
    assert (len(told), told[-1]) == (9, "    4 more with `-o json`")


def test_a_status_that_is_behind_its_manifest_says_so():
    """Whoever has just raised the maximum must not take the old sentence for the new one."""
    assert "  the manifest is generation 7; all of this is about generation 6" in as_text(
        a_fleet(observedGeneration=6)
    )


def test_a_fleet_that_nobody_looked_at_asks_the_right_question():
    """An empty answer would look like a healthy fleet."""
    fleet = {"metadata": {"name": "new", "namespace": "hr"}}

    assert list(as_text(fleet))[1].startswith("  no operator has looked at this fleet yet")


def test_a_status_of_an_older_operator_is_explained_as_far_as_it_goes():
    """The program and the operator are upgraded at different times."""
    fleet = {"metadata": {"name": "old"}, "status": {"agents": {"replicas": 2}}}

    assert list(as_text(fleet))[-2:] == ["  decisions", "    none yet"]
    assert as_document(fleet)["sizes"] == []


def test_the_document_has_everything_for_a_script():
    """Alerts attach it; nothing in it may have to be parsed out of a sentence."""
    document = json.loads(json.dumps(as_document(a_fleet())))

    assert document["fleet"] == "hr/interviews"
    assert [size["tier"] for size in document["sizes"]] == ["agents", "speech tts"]
    assert [one["type"] for one in document["holdsBack"]] == ["CapacityAvailable"]
    assert len(document["decisions"]) == 12


@pytest.mark.parametrize("text", ["vf/interviews", "interviews", "VoiceFleet/interviews"])
def test_a_fleet_is_named_as_in_kubectl(text: str):
    """Fingers know it already."""
    assert parse_target(text) == "interviews"


@pytest.mark.parametrize("text", ["pod/interviews", "vf/", ""])
def test_anything_else_is_refused_with_what_to_write(text: str):
    """A pod of that name may exist, and its fleet would be somebody else's."""
    with pytest.raises(SpecError, match="write vf/NAME"):
        parse_target(text)


def test_without_a_word_the_kubeconfig_of_kubectl_is_used(tmp_path: Path):
    """As a plugin of kubectl it must not ask for what kubectl knows."""
    before = find_kubeconfig({}, tmp_path)
    config = tmp_path / ".kube" / "config"
    config.parent.mkdir()
    config.write_text("{}")

    assert before is None
    assert find_kubeconfig({}, tmp_path) == config
    assert find_kubeconfig({"KUBECONFIG": "/elsewhere"}, tmp_path) is None


async def test_a_fleet_that_is_not_there_says_where_to_look():
    """A wrong namespace is the usual mistake."""
    api = ScriptedApi([Reply.failure(404, "not found")])
    async with api.session() as session:
        with pytest.raises(SpecError, match="no VoiceFleet interviews in namespace hr; `kubectl"):
            await read_fleet(session, "hr", "interviews")
