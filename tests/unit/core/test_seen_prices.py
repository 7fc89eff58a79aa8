"""No count drops before the ReplicaSet's controller has seen who is to leave.

It has a watch of its own. Once, on a busy API server, it was half a second behind ours, took the
smaller count first, and chose a worker that was in a call.
"""

import pytest

from support.builders import (
    MINUTE,
    NOW,
    a_replicaset,
    a_worker,
    an_observation,
    with_agents,
    with_pod,
)
from support.fleets import a_minimal_fleet
from voicefleet.api.labels import COMPONENT
from voicefleet.core.agents import decide_agents, view_rollout
from voicefleet.core.safety import check_plan
from voicefleet.errors import UnsafePlanError
from voicefleet.model.observed import Child, Observed
from voicefleet.model.plan import Plan, ScaleChild

BUSY = a_worker("busy", sessions=1)
FLEET = with_agents(a_minimal_fleet(), min_replicas=0, max_replicas=4)
LEAVER = a_worker("leaver", cordoned_for=MINUTE, is_marked=True, is_priced=True)


def told_by_controller(*, workers: int, like_template: int) -> Child:
    """Return a ReplicaSet whose controller has so many pods, so many with every label."""
    child = a_replicaset("new", workers)
    child.manifest["spec"]["template"]["metadata"]["labels"][COMPONENT] = "agents"
    child.manifest["status"]["fullyLabeledReplicas"] = like_template
    return child


def scales(observed: Observed) -> tuple[ScaleChild, ...]:
    """Return what becomes of the ReplicaSets while one worker is wanted."""
    rollout = view_rollout(observed, current="new", fleet_uid=a_minimal_fleet().uid, now=NOW)
    return decide_agents(rollout, 1, NOW).scales


@pytest.mark.parametrize(
    ("like_template", "expected"),
    [
        pytest.param(2, [], id="not-seen-yet"),
        pytest.param(1, [1], id="seen"),
        pytest.param(0, [], id="seen-of-a-pod-that-we-have-not"),
    ],
)
def test_a_count_drops_once_the_controller_tells_of_the_leaver(
    like_template: int, expected: list[int]
):
    """A label that differs from the template comes with the cost, and shows in its status."""
    child = told_by_controller(workers=2, like_template=like_template)

    made = scales(an_observation(child, seen=(BUSY, LEAVER)))

    assert [step.replicas_to for step in made] == expected


def test_a_cost_without_the_label_waits_for_it():
    """An earlier operator priced it; its controller cannot have told of that."""
    priced = with_pod(LEAVER, labels={**LEAVER.pod.labels, COMPONENT: "agents"})
    child = told_by_controller(workers=2, like_template=2)

    made = scales(an_observation(child, seen=(BUSY, priced)))

    assert made == ()


def test_a_label_that_somebody_else_took_away_is_counted_too():
    """Else one foreign edit would stand for a leaver that nobody has seen."""
    edited = with_pod(BUSY, labels={})
    child = told_by_controller(workers=2, like_template=1)

    made = scales(an_observation(child, seen=(edited, LEAVER)))

    assert made == ()


def test_a_template_without_the_label_is_left_to_the_cost_alone():
    """Its controller can tell nothing; waiting for it would be for ever."""
    made = scales(an_observation(a_replicaset("new", 2), seen=(BUSY, LEAVER)))

    assert [step.replicas_to for step in made] == [1]


@pytest.mark.parametrize(("like_template", "is_refused"), [(2, True), (1, False)])
def test_the_last_look_refuses_a_count_that_comes_too_soon(like_template: int, is_refused: bool):
    """Whoever made the plan: this is the one place where a call could still be cut."""
    child = told_by_controller(workers=2, like_template=like_template)
    observed = an_observation(child, seen=(BUSY, LEAVER))
    step = ScaleChild(child.key, 2, 1, "because", child.resource_version)

    refusals = refuse(step, observed)

    assert bool(refusals) == is_refused


def refuse(step: ScaleChild, observed: Observed) -> list[str]:
    """Return what the last look has against a step."""
    try:
        check_plan(Plan((step,)), FLEET, observed, NOW)
    except UnsafePlanError as error:
        return [str(error)]
    return []
