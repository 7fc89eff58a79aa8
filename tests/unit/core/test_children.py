"""When an existing object has to be written, and with what."""

from copy import deepcopy

import pytest

from support.builders import a_replicaset, an_observation, with_manifest
from support.fleets import a_minimal_fleet
from voicefleet.api.labels import FLEET as FLEET_LABEL
from voicefleet.api.labels import REVISION, TIER
from voicefleet.api.reasons import Reason
from voicefleet.core.children import (
    find_child,
    find_leftovers,
    find_replicasets,
    hold_replicas,
    keep_child,
    repair_metadata,
)
from voicefleet.manifests import FINGERPRINT_ANNOTATION, Manifest, key_of
from voicefleet.model.observed import Child, Tier
from voicefleet.model.plan import ApplyChild, CreateChild
from voicefleet.render.agents_replicaset import render_agents_replicaset
from voicefleet.render.media_service import render_media_service
from voicefleet.render.objects import owner_reference, with_replicas

FLEET = a_minimal_fleet()
SERVICE = render_media_service(FLEET)


def a_child(manifest: Manifest, **facts: bool) -> Child:
    """Return an object as the cache would hold it after it was applied."""
    live = deepcopy(manifest)
    live["metadata"] |= {"uid": "u1", "resourceVersion": "5", "generation": 1}
    return Child(key_of(live), live, **facts)


def test_an_object_that_is_as_it_should_be_is_left_alone():
    """No writes when idle."""
    assert keep_child(SERVICE, a_child(SERVICE), was_complete=True).steps == ()


def test_an_object_that_does_not_exist_is_created():
    """Creation is no repair while the fleet is still coming up."""
    plan = keep_child(SERVICE, None, was_complete=False)

    assert isinstance(plan.steps[0], CreateChild)
    assert plan.decisions == ()


def test_an_object_that_vanished_later_was_deleted_by_somebody():
    """An Event tells whoever deleted it that it came back, and why."""
    (decision,) = keep_child(SERVICE, None, was_complete=True).decisions

    assert decision.reason is Reason.CHILD_RESTORED


def test_a_changed_field_is_set_back():
    """What the fleet says stands."""
    live = a_child(SERVICE)
    live.manifest["spec"]["ports"][0]["port"] = 1

    plan = keep_child(SERVICE, live, was_complete=True)

    assert isinstance(plan.steps[0], ApplyChild)
    assert plan.decisions[0].reason is Reason.CHILD_RESTORED


def test_a_field_that_the_fleet_no_longer_has_is_taken_away():
    """Only the fingerprint can tell: every field that is still wanted stands."""
    earlier = deepcopy(SERVICE)
    earlier["spec"]["sessionAffinity"] = "ClientIP"
    earlier["metadata"]["annotations"][FINGERPRINT_ANNOTATION] = "123456789abc"

    plan = keep_child(SERVICE, a_child(earlier), was_complete=True)

    assert (len(plan.steps), plan.decisions) == (1, ())


def test_an_object_on_its_way_out_is_waited_for():
    """A write to it would be lost with it."""
    live = a_child(SERVICE)
    live.manifest["metadata"]["deletionTimestamp"] = "2026-03-02T08:59:59Z"
    live.manifest["spec"] = {}

    assert keep_child(SERVICE, live, was_complete=True).steps == ()


def test_the_child_of_an_earlier_fleet_of_the_same_name_is_not_ours():
    """A second controller's reference would be refused; the collector takes the object soon."""
    foreign = a_replicaset("new", owner_uid="another")

    assert find_child(an_observation(foreign).children, foreign.key, FLEET.uid) is None


class TestOldRevision:
    """A draining revision: only replicas and metadata are reconciled."""

    def old(self) -> Child:
        """Return an old ReplicaSet with a template that no manifest of today has."""
        manifest = with_replicas(render_agents_replicaset(FLEET), 3)
        live = a_child(manifest, scaler_owns_replicas=True)
        live.manifest["spec"]["template"]["spec"]["containers"][0]["image"] = "edited:by-hand"
        return live

    def test_an_untouched_one_is_left_alone(self):
        """Its template is nobody's business any more, even if it was edited."""
        assert repair_metadata(self.old(), owner_reference(FLEET)) is None

    @pytest.mark.parametrize(
        "stripped",
        [
            pytest.param({"labels": {}}, id="labels"),
            pytest.param({"labels": {FLEET_LABEL: "interviews"}}, id="most-labels"),
            pytest.param({"ownerReferences": []}, id="owner"),
        ],
    )
    def test_stripped_metadata_is_restored(self, stripped: Manifest):
        """Without an owner it would outlive the fleet; without labels nobody would see it."""
        live = self.old()
        wanted = live.manifest["metadata"]
        live = with_manifest(live, metadata={**wanted, **stripped})

        step = repair_metadata(live, owner_reference(FLEET))

        assert step is not None
        assert step.manifest["metadata"]["labels"] == wanted["labels"]
        assert step.manifest["metadata"]["ownerReferences"] == wanted["ownerReferences"]

    def test_a_repair_never_changes_the_template(self):
        """An apply without it would take it away; an apply of today's would roll calls."""
        live = with_manifest(self.old(), metadata={**self.old().manifest["metadata"], "labels": {}})

        step = repair_metadata(live, owner_reference(FLEET))

        assert step is not None
        assert step.manifest["spec"] == {
            "selector": live.manifest["spec"]["selector"],
            "template": live.manifest["spec"]["template"],
        }

    def test_a_stripped_one_still_belongs_to_its_tier(self):
        """Its selector and its pods carry the labels, and those nobody can take away."""
        child = a_replicaset("old", labels={})

        assert find_replicasets(an_observation(child).children, Tier.AGENTS, FLEET.uid) == (child,)


@pytest.mark.parametrize(
    ("child", "steps"),
    [
        pytest.param(a_replicaset("d", 2), 0, id="as-wanted-and-ours"),
        pytest.param(a_replicaset("d", 3), 1, id="another-count"),
        pytest.param(
            a_replicaset("d", 2, scaler_owns_replicas=False), 1, id="as-wanted-but-not-ours"
        ),
        pytest.param(a_replicaset("d", 3, deletionTimestamp="x"), 0, id="on-its-way-out"),
    ],
)
def test_an_ordinary_workload_keeps_its_count(child: Child, steps: int):
    """The field has to be ours before a template is applied without it."""
    assert len(hold_replicas(child, 2, Tier.SPEECH).steps) == steps


def leftovers(*children: Child, media_revisions: tuple[str, ...] = ()) -> list[str]:
    """Return what would be deleted although nothing of it is wanted."""
    steps = find_leftovers(
        children, fleet_uid=FLEET.uid, wanted=set(), media_revisions=media_revisions
    )
    return [str(step.key) for step in steps]


def an_object(kind: str, **metadata: object) -> Child:
    """Return an object of the fleet."""
    owner = {"ownerReferences": [owner_reference(FLEET)]}
    return a_child(
        {"kind": kind, "metadata": {"name": "x", "namespace": "voice", **owner, **metadata}}
    )


def test_what_is_no_longer_wanted_is_deleted():
    """A removed pool leaves nothing behind."""
    assert leftovers(an_object("Deployment"), an_object("Service")) == ["Deployment/x", "Service/x"]


@pytest.mark.parametrize(
    "child",
    [
        pytest.param(an_object("ReplicaSet"), id="a-tier-decides-about-its-own-replicasets"),
        pytest.param(an_object("EndpointSlice"), id="kubernetes-copies-labels-to-its-own"),
        pytest.param(an_object("ConfigMap", ownerReferences=[]), id="copied-labels-own-nothing"),
        pytest.param(an_object("ConfigMap", deletionTimestamp="x"), id="already-on-its-way-out"),
    ],
)
def test_what_is_not_the_fleets_to_delete_stays(child: Child):
    """Labels can be copied by anybody, and controllers do."""
    assert leftovers(child) == []


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        pytest.param(("r1",), [], id="a-server-still-uses-it"),
        pytest.param(("r2",), ["ConfigMap/x"], id="its-last-server-is-gone"),
    ],
)
def test_a_configuration_lives_as_long_as_its_servers(used: tuple[str, ...], expected: list[str]):
    """A restarted container of an old server reads its old file."""
    child = an_object("ConfigMap", labels={TIER: "media", REVISION: "r1"})

    assert leftovers(child, media_revisions=used) == expected
