"""What one cycle does to the workers."""

import pytest

from support.builders import (
    MINUTE,
    NOW,
    SECOND,
    Seen,
    a_fleet_status,
    a_replicaset,
    a_worker,
    an_observation,
)
from support.fleets import a_minimal_fleet
from voicefleet.api.reasons import Reason
from voicefleet.core.agents import (
    AgentsDecision,
    Rollout,
    current_agents_size,
    decide_agents,
    view_rollout,
)
from voicefleet.core.workers import Worker
from voicefleet.model.observed import Child

OWNER = a_minimal_fleet().uid


def a_rollout(*children: Child, seen: tuple[Seen, ...] = ()) -> Rollout:
    """Return these ReplicaSets and workers; the one called `new` is current."""
    observed = an_observation(*children, seen=seen)
    return view_rollout(observed, current="new", fleet_uid=OWNER, now=NOW)


def steady(*seen: Seen, replicas: int | None = None) -> Rollout:
    """Return one revision with these workers."""
    return a_rollout(a_replicaset("new", replicas or len(seen)), seen=seen)


def names(workers: tuple[Worker, ...]) -> list[str]:
    """Return the workers' names."""
    return [worker.pod.name for worker in workers]


def sizes(decision: AgentsDecision) -> dict[str, int]:
    """Return what each ReplicaSet is scaled to."""
    return {step.key.name: step.replicas_to for step in decision.scales}


def test_a_fleet_at_its_size_is_left_alone():
    """An idle cycle writes nothing."""
    decision = decide_agents(steady(a_worker("a"), a_worker("b", sessions=3)), 2, NOW)

    assert (decision.cordon, decision.recall, decision.scales, decision.claims) == ((), (), (), ())


def test_a_missing_worker_is_added():
    """The count is about workers that take calls."""
    decision = decide_agents(steady(a_worker("a")), 3, NOW)

    assert sizes(decision) == {"new": 3}


def test_a_cordoned_worker_comes_back_before_one_is_added():
    """It serves at once; a new pod takes its start time."""
    rollout = steady(a_worker("a"), a_worker("b", cordoned_for=MINUTE))

    decision = decide_agents(rollout, 3, NOW)

    assert names(decision.recall) == ["b"]
    assert sizes(decision) == {"new": 3}


def test_cordoned_workers_come_on_top_of_the_wanted_ones():
    """A draining worker is nobody's capacity."""
    rollout = steady(a_worker("a"), a_worker("b", sessions=2, cordoned_for=MINUTE))

    decision = decide_agents(rollout, 1, NOW)

    assert (decision.cordon, decision.recall, decision.scales) == ((), (), ())


def test_a_surplus_is_cordoned_and_not_removed():
    """A lowered maximum ends no call."""
    rollout = steady(a_worker("a", sessions=1), a_worker("b"), a_worker("c", sessions=2))

    decision = decide_agents(rollout, 1, NOW)

    assert names(decision.cordon) == ["b", "a"]
    assert decision.scales == ()


def test_a_confirmed_worker_is_marked_before_its_replicaset_shrinks():
    """The controller has to see the cost first."""
    rollout = steady(a_worker("a"), a_worker("b", cordoned_for=MINUTE))

    decision = decide_agents(rollout, 1, NOW)

    assert names(decision.removable) == ["b"]
    assert decision.scales == ()


def test_replicas_drop_by_exactly_the_confirmed_and_marked_workers():
    """One more would be a call."""
    rollout = steady(
        a_worker("a"),
        a_worker("b", cordoned_for=MINUTE, is_priced=True),
        a_worker("c", cordoned_for=MINUTE, is_priced=True),
        a_worker("d", sessions=1, cordoned_for=MINUTE),
    )

    decision = decide_agents(rollout, 1, NOW)

    assert sizes(decision) == {"new": 2}
    assert decision.decisions[-1].reason is Reason.WORKER_DRAINED


def test_a_drained_worker_stays_while_a_signal_is_not_known():
    """It was sent away for a demand that nobody can see any more, and would take a start time."""
    rollout = steady(a_worker("a"), a_worker("b", cordoned_for=MINUTE, is_priced=True))

    decision = decide_agents(rollout, 1, NOW, unknown="answers' latency is not known (stale)")

    assert decision.scales == ()
    assert "latency is not known" in decision.notes["ReplicaSet/new"]
    assert decision.wake_after == 15 * SECOND


def test_an_old_revision_leaves_although_a_signal_is_not_known():
    """Its workers were replaced, not saved; a rollout must not wait for a metrics provider."""
    new, old = a_replicaset("new", 1), a_replicaset("old", 1)
    gone = a_worker("a", owner="old", cordoned_for=MINUTE, is_priced=True)
    rollout = a_rollout(new, old, seen=(gone, a_worker("b", owner="new")))

    decision = decide_agents(rollout, 1, NOW, unknown="answers' latency is not known (stale)")

    assert sizes(decision) == {"old": 0}


def test_a_removal_is_guarded_by_the_version_it_was_decided_on():
    """If anything about the ReplicaSet changed meanwhile, the decision is worth nothing."""
    rollout = steady(a_worker("a"), a_worker("b", cordoned_for=MINUTE, is_priced=True))

    (step,) = decide_agents(rollout, 1, NOW).scales

    assert step.resource_version == "17"


def test_a_removal_that_might_take_a_busy_worker_waits_and_says_so():
    """The note is the only hint at why an empty worker stays."""
    rollout = steady(
        a_worker("a", sessions=4, is_ready=False),
        a_worker("b", cordoned_for=MINUTE, is_priced=True),
        replicas=2,
    )

    decision = decide_agents(rollout, 1, NOW)

    assert decision.scales == ()
    assert "Pod/a is not Ready" in decision.notes["ReplicaSet/new"]


def test_replicas_without_a_pod_are_dropped_before_a_worker_is_cordoned():
    """What does not exist is the best victim."""
    rollout = a_rollout(
        a_replicaset("new", 3, existing=2), seen=(a_worker("a"), a_worker("b", sessions=1))
    )

    decision = decide_agents(rollout, 2, NOW)

    assert (decision.cordon, sizes(decision)) == ((), {"new": 2})


def test_a_cordoned_worker_is_worth_more_than_a_pod_that_cannot_be_made():
    """With a quota exhausted, the workers that exist have to serve."""
    rollout = a_rollout(
        a_replicaset("new", 4, existing=3),
        seen=(a_worker("a"), a_worker("b"), a_worker("c", cordoned_for=MINUTE)),
    )

    decision = decide_agents(rollout, 3, NOW)

    assert (names(decision.recall), sizes(decision)) == (["c"], {"new": 3})


def test_replicas_whose_controller_has_not_spoken_yet_are_not_missing():
    """It may have made their pods already, and the cache not yet have seen them."""
    child = a_replicaset("new", 3, existing=1, generation=4)
    rollout = a_rollout(child, seen=(a_worker("a", sessions=1),))

    decision = decide_agents(rollout, 2, NOW)

    assert decision.scales == ()


def test_workers_that_serve_do_not_pay_for_pods_that_are_not_made_yet():
    """A controller that hangs must not cost a fleet the workers it has."""
    child = a_replicaset("new", 5, existing=2, generation=4)
    seen = (a_worker("a"), a_worker("b", sessions=1))

    decision = decide_agents(a_rollout(child, seen=seen), 3, NOW)

    assert decision.cordon == ()


def test_an_empty_worker_stays_while_its_controller_still_makes_pods():
    """A smaller count would only mean fewer new pods, and the empty worker would stay."""
    child = a_replicaset("new", 5, existing=2, generation=4)
    seen = (a_worker("a"), a_worker("b", cordoned_for=MINUTE, is_priced=True))

    decision = decide_agents(a_rollout(child, seen=seen), 4, NOW)

    assert decision.scales == ()
    assert "wants 5 pods and has 2" in decision.notes["ReplicaSet/new"]


def test_a_worker_that_may_be_on_its_way_out_is_not_called_back():
    """A recalled worker gets calls at once, and this one may be terminated at once."""
    child = a_replicaset("new", 1)
    seen = (a_worker("a"), a_worker("b", cordoned_for=MINUTE, is_priced=True))

    decision = decide_agents(a_rollout(child, seen=seen), 2, NOW)

    assert (decision.recall, sizes(decision)) == ((), {"new": 2})


def test_a_victim_keeps_its_cost_until_its_controller_has_acted():
    """Its word may grow old in between; without the cost a busy worker would go instead."""
    victim = a_worker("b", cordoned_for=MINUTE, report_age=11 * SECOND, is_priced=True)
    child = a_replicaset("new", 1, existing=2)

    decision = decide_agents(a_rollout(child, seen=(a_worker("a"), victim)), 1, NOW)

    assert names(decision.removable) == ["b"]


def test_a_victim_whose_word_grew_old_before_the_count_dropped_is_spared():
    """Nothing has been asked of the controller yet."""
    victim = a_worker("b", cordoned_for=MINUTE, report_age=11 * SECOND, is_priced=True)

    decision = decide_agents(steady(a_worker("a"), victim), 1, NOW)

    assert (decision.removable, decision.scales) == ((), ())


def test_a_recalled_worker_is_not_removed_in_the_same_breath():
    """It was confirmed empty; being needed again comes first."""
    rollout = steady(a_worker("a", cordoned_for=MINUTE, is_priced=True))

    decision = decide_agents(rollout, 1, NOW)

    assert (names(decision.recall), decision.scales, decision.removable) == (["a"], (), ())


def test_a_new_revision_waits_for_the_room_that_old_ones_leave():
    """Old replicas that were asked for a moment ago have no pod yet to cordon."""
    old = a_replicaset("old", 5, existing=0, generation=4)

    decision = decide_agents(a_rollout(old), 4, NOW)

    assert decision.targets.current == 0


def test_workers_are_not_called_back_beyond_the_surge():
    """Replicas that a hand added a moment ago count before their pods exist."""
    new = a_replicaset("new", 3, existing=0, generation=4)
    old = a_replicaset("old", 1)
    rollout = a_rollout(new, old, seen=(a_worker("a", owner="old", cordoned_for=MINUTE),))

    decision = decide_agents(rollout, 1, NOW)

    assert decision.recall == ()


def test_a_new_revision_starts_with_its_surge():
    """The first new workers prove the image."""
    rollout = a_rollout(
        a_replicaset("old", 4), seen=tuple(a_worker(name, owner="old") for name in "abcd")
    )

    decision = decide_agents(rollout, 4, NOW)

    assert (decision.targets.current, decision.cordon) == (1, ())


def test_one_old_worker_is_cordoned_for_each_new_ready_one():
    """Capacity never falls below what is wanted."""
    old = tuple(a_worker(name, owner="old") for name in "abcd")
    new = (a_worker("n"), a_worker("o", is_running=False, is_ready=False))
    rollout = a_rollout(a_replicaset("new", 2), a_replicaset("old", 4), seen=(*old, *new))

    decision = decide_agents(rollout, 4, NOW)

    assert (names(decision.cordon), decision.scales) == (["a"], ())


def test_a_broken_image_never_empties_the_fleet():
    """New workers that never become Ready cost no old one its calls."""
    old = tuple(a_worker(name, sessions=1, owner="old") for name in "abcd")
    new = a_worker("n", is_running=False, is_ready=False)
    rollout = a_rollout(a_replicaset("new", 1), a_replicaset("old", 4), seen=(*old, new))

    decision = decide_agents(rollout, 4, NOW)

    assert (decision.cordon, decision.scales) == ((), ())


def test_old_workers_come_back_when_new_ones_stop_being_ready():
    """They still exist, and they are known to work."""
    old = (a_worker("a", owner="old"), a_worker("b", owner="old", cordoned_for=MINUTE))
    new = (a_worker("n", is_running=False, is_ready=False),)
    rollout = a_rollout(a_replicaset("new", 1), a_replicaset("old", 2), seen=(*old, *new))

    decision = decide_agents(rollout, 2, NOW)

    assert names(decision.recall) == ["b"]


def test_a_count_that_nobody_of_ours_owns_is_taken_over_first():
    """A template write by a sole owner of the field would reset it to one."""
    child = a_replicaset("new", 2, scaler_owns_replicas=False)
    rollout = a_rollout(child, seen=(a_worker("a"), a_worker("b")))

    (claim,) = decide_agents(rollout, 2, NOW).claims

    assert (claim.replicas_to, claim.resource_version) == (2, None)


def test_a_count_is_decided_about_only_once_it_is_ours():
    """A hand scaled up; the surplus is cordoned in the next cycle, and nobody is cut."""
    child = a_replicaset("new", 3, scaler_owns_replicas=False)
    rollout = a_rollout(child, seen=tuple(a_worker(name, sessions=1) for name in "abc"))

    decision = decide_agents(rollout, 2, NOW)

    assert (decision.cordon, decision.scales) == ((), ())
    assert decision.decisions[0].reason is Reason.REPLICAS_DRIFTED


def test_pods_on_their_way_out_are_nobodys_replicas():
    """A replica set counts them neither, so counting them would leave the fleet short."""
    seen = (a_worker("a"), a_worker("b", is_deleting=True), a_worker("c", is_finished=True))

    decision = decide_agents(a_rollout(a_replicaset("new", 1), seen=seen), 1, NOW)

    assert (decision.cordon, decision.scales) == ((), ())


def test_the_same_worker_is_chosen_until_it_confirms():
    """A report comes seconds after the request; meanwhile nobody else may be cordoned too."""
    rollout = steady(a_worker("a"), a_worker("b", sessions=1, is_marked=True))

    decision = decide_agents(rollout, 1, NOW)

    assert (names(decision.cordon), decision.decisions) == (["b"], ())


def test_waiting_for_the_settle_time_wakes_the_fleet_by_itself():
    """Nothing in the cluster changes when time passes."""
    decision = decide_agents(steady(a_worker("a", cordoned_for=SECOND), a_worker("b")), 1, NOW)

    assert decision.wake_after == 4 * SECOND


@pytest.mark.parametrize(
    ("generation", "expected"),
    [
        pytest.param(3, 5, id="the-last-status-remembers"),
        pytest.param(0, 2, id="a-lost-status-lets-the-cluster-speak"),
    ],
)
def test_the_wanted_count_survives_the_operator(generation: int, expected: int):
    """A restart must not forget what was decided, and a lost status must not empty a fleet."""
    status = a_fleet_status(observed_generation=generation, agents_desired=5)

    assert current_agents_size(status, steady(a_worker("a"), a_worker("b"))) == expected
