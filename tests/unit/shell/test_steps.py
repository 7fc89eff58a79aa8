"""Which steps of a plan may be carried out together."""

from hypothesis import given
from hypothesis import strategies as st

from support.fakes import NOW
from support.fleets import a_full_fleet
from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.model.observed import Observed
from voicefleet.model.plan import (
    ApplyChild,
    CordonWorker,
    CreateChild,
    DeleteChild,
    HoldFleet,
    MarkPod,
    ScaleChild,
    Step,
)
from voicefleet.planning import plan_fleet
from voicefleet.shell.steps import address_of, batch_steps

FLEET = a_full_fleet()


def a_manifest(kind: str, name: str, **spec: object) -> Manifest:
    """Return an object that a step is about."""
    return {"kind": kind, "metadata": {"name": name, "namespace": "voice"}, "spec": spec}


names = st.sampled_from(["a", "b", "c"])
pods = names.map(lambda name: ObjectKey("Pod", "voice", name))
steps: st.SearchStrategy[Step] = st.one_of(
    st.just(HoldFleet("held")),
    names.map(lambda name: CreateChild(a_manifest("Service", name), "created")),
    names.map(lambda name: CreateChild(a_manifest("ReplicaSet", name, replicas=1), "created")),
    names.map(lambda name: ApplyChild(a_manifest("Service", name), "applied")),
    names.map(lambda name: ScaleChild(ObjectKey("ReplicaSet", "voice", name), 1, 2, "scaled")),
    names.map(lambda name: DeleteChild(ObjectKey("Service", "voice", name), "uid", "deleted")),
    pods.map(lambda key: MarkPod(key, "uid", {}, {}, "marked")),
    pods.map(lambda key: CordonWorker(key, "uid", "10.0.0.1", "cordoned")),
)


@given(plan=st.lists(steps, max_size=30))
def test_batches_keep_every_step_in_its_order(plan: list[Step]):
    """The planner put them in this order for a reason, and each exactly once."""
    batches = list(batch_steps(plan, FLEET))

    assert [step for batch in batches for step in batch] == plan


@given(plan=st.lists(steps, max_size=30))
def test_a_batch_never_has_two_steps_about_one_object(plan: list[Step]):
    """Two writes to one object at the same time have no order at all."""
    batches = list(batch_steps(plan, FLEET))

    assert all(len({address_of(step, FLEET) for step in batch}) == len(batch) for batch in batches)


@given(plan=st.lists(steps, max_size=30))
def test_only_steps_of_one_kind_go_together(plan: list[Step]):
    """A scale next to a cordon would lose the guarantee that one came first."""
    batches = list(batch_steps(plan, FLEET))

    assert all(len({type(step) for step in batch}) == 1 for batch in batches)


def test_what_pods_need_exists_before_the_first_pod():
    """A pod without its account or its keys would fail to start, and wait for its next try."""
    plan = plan_fleet(FLEET, Observed(secrets_due=True), NOW)

    kinds = [
        {address_of(step, FLEET).kind for step in batch} for batch in batch_steps(plan.steps, FLEET)
    ]

    first_pods = next(n for n, found in enumerate(kinds) if found & {"ReplicaSet", "Deployment"})
    assert {"Secret", "ConfigMap"} <= set().union(*kinds[:first_pods])
    assert not {"Secret", "ConfigMap"} & set().union(*kinds[first_pods:])
