"""Where pods run: the author's wishes, an even spread, and no live call on a spot node."""

import pytest

from support.fleets import a_full_fleet, a_minimal_fleet, with_spec
from support.rendered import all_children, pod_templates
from voicefleet.api.labels import TIER
from voicefleet.api.pods import SPOT_LABELS
from voicefleet.manifests import Manifest

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def admits(pod: Manifest, node_labels: dict[str, str]) -> bool:
    """Say whether a pod's required node affinity lets it onto a node, as the scheduler would."""
    rule = pod["affinity"]["nodeAffinity"].get(REQUIRED)
    if rule is None:
        return True
    return any(
        all(
            (node_labels.get(part["key"]) in part["values"]) is (part["operator"] == "In")
            for part in term["matchExpressions"]
        )
        for term in rule["nodeSelectorTerms"]
    )


def evaluation_pod(spot: str) -> Manifest:
    """Return the evaluators' pod for one answer to the spot question."""
    fleet = with_spec(a_full_fleet(), "evaluation.spot", spot)
    return pod_templates(fleet)["interviews-evaluation"]["spec"]


@pytest.mark.parametrize("mark", SPOT_LABELS.items(), ids=SPOT_LABELS)
def test_nothing_that_a_live_call_needs_runs_on_a_spot_node(mark: tuple[str, str]):
    """The cloud takes such a node back in two minutes, and a call lasts longer."""
    for fleet in (a_minimal_fleet(), a_full_fleet()):
        for child in all_children(fleet):
            if "template" not in child.get("spec", {}):
                continue
            pod = child["spec"]["template"]["spec"]
            is_evaluation = child["metadata"]["labels"][TIER] == "evaluation"

            assert admits(pod, dict([mark])) is is_evaluation, child["metadata"]["name"]


@pytest.mark.parametrize(
    ("spot", "on_spot", "on_plain", "tolerates"),
    [
        ("Required", True, False, True),
        ("Preferred", True, True, True),
        ("Never", False, True, False),
    ],
)
def test_evaluators_go_where_their_author_lets_them(
    spot: str, *, on_spot: bool, on_plain: bool, tolerates: bool
):
    """Spot is cheap and may vanish; whether that is worth it is the author's choice."""
    pod = evaluation_pod(spot)

    tolerated = {item["key"] for item in pod.get("tolerations", [])}
    assert admits(pod, {"karpenter.sh/capacity-type": "spot"}) is on_spot
    assert admits(pod, {"kubernetes.io/os": "linux"}) is on_plain
    assert (tolerated >= set(SPOT_LABELS)) is tolerates


def test_preferring_spot_is_a_wish_and_no_condition():
    """A cluster without spot nodes evaluates too."""
    rules = evaluation_pod("Preferred")["affinity"]["nodeAffinity"]

    assert set(rules) == {PREFERRED}


def test_an_author_who_says_nothing_gets_an_even_spread():
    """One lost zone then costs as few calls as possible."""
    pod = pod_templates(a_full_fleet())["interviews-speech-stt"]["spec"]

    spread = {item["topologyKey"]: item for item in pod["topologySpreadConstraints"]}
    assert set(spread) == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    assert {item["whenUnsatisfiable"] for item in spread.values()} == {"ScheduleAnyway"}


def test_an_authors_placement_is_taken_word_for_word():
    """GPU pools and call pools are reserved by exactly these fields."""
    workers = [
        template["spec"]
        for name, template in pod_templates(a_full_fleet()).items()
        if "agents" in name
    ]

    pod = workers[0]

    assert pod["nodeSelector"] == {"pool": "calls"}
    assert pod["priorityClassName"] == "calls"
    assert [item["whenUnsatisfiable"] for item in pod["topologySpreadConstraints"]] == [
        "DoNotSchedule"
    ]
    assert pod["tolerations"][0] == {"key": "calls", "operator": "Exists"}
