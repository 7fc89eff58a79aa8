"""Why pods that a fleet wants do not run, in words an SRE can act on."""

import pytest

from support.builders import Seen, a_replicaset, a_worker, an_observation, with_manifest
from voicefleet.api.reasons import Place, Reason
from voicefleet.core.capacity import GRAVEST_FIRST, find_troubles
from voicefleet.manifests import ObjectKey
from voicefleet.model.observed import Child, PodTrouble, Refusal, Tier


def a_troubled(name: str, reason: str, message: str = "no message") -> Seen:
    """Return a pod that does not run."""
    return a_worker(name, is_running=False, trouble=PodTrouble(reason, message))


def a_refused_replicaset(message: str, kind: str = "ReplicaSet", **facts: object) -> Child:
    """Return a workload whose controller may not create pods."""
    child = a_replicaset("new", 3, existing=1, **facts)
    failure = {"type": "ReplicaFailure", "status": "True", "message": message}
    child = with_manifest(child, status={**child.manifest["status"], "conditions": [failure]})
    return Child(ObjectKey(kind, "voice", "new"), child.manifest)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        pytest.param("ErrImagePull", Reason.IMAGE_PULL_FAILED, id="image"),
        pytest.param("CreateContainerConfigError", Reason.CONFIG_MISSING, id="missing-secret"),
        pytest.param("CrashLoopBackOff", Reason.CRASH_LOOPING, id="crash"),
        pytest.param("Unschedulable", Reason.UNSCHEDULABLE, id="no-node"),
        pytest.param("SomethingOfTomorrow", Reason.CRASH_LOOPING, id="a-word-nobody-knows-yet"),
    ],
)
def test_every_word_of_the_cluster_becomes_one_of_ours(word: str, reason: Reason):
    """Runbooks are found by our words; the kubelet's are not a closed set."""
    (trouble,) = find_troubles(an_observation(seen=(a_troubled("w1", word),)), ())

    assert trouble.reason is reason


def test_the_same_cause_is_told_once_with_its_number():
    """Forty pods that lack one image are one line."""
    seen = tuple(a_troubled(name, "ErrImagePull", "not found") for name in ("w2", "w1", "w3"))

    (trouble,) = find_troubles(an_observation(seen=seen), ())

    assert str(trouble).startswith("agents: 3 pods, first Pod/w1: ErrImagePull: not found. ")
    assert str(trouble).endswith(Reason.IMAGE_PULL_FAILED.next_step)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param(
            'pods "x" is forbidden: violates PodSecurity "restricted:latest": host namespaces',
            Reason.POD_SECURITY_REJECTED,
            id="pod-security",
        ),
        pytest.param(
            'pods "x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=3',
            Reason.QUOTA_EXCEEDED,
            id="quota",
        ),
        pytest.param('admission webhook "x" denied the request', Reason.POD_REFUSED, id="other"),
    ],
)
def test_a_controller_that_may_not_create_pods_is_heard(message: str, reason: Reason):
    """No pod exists that could say it itself."""
    (trouble,) = find_troubles(an_observation(a_refused_replicaset(message)), ())

    assert (trouble.reason, trouble.subject, trouble.pods) == (reason, "ReplicaSet/new", 2)
    assert message in str(trouble)


def test_a_deployment_and_its_replicaset_are_one_trouble():
    """Both carry our labels and say the same."""
    refused = a_refused_replicaset("exceeded quota", tier=Tier.SPEECH)
    deployment = a_refused_replicaset("exceeded quota", "Deployment", tier=Tier.SPEECH)

    troubles = find_troubles(an_observation(refused, deployment), ())

    assert [trouble.subject for trouble in troubles] == ["Deployment/new"]


def test_a_child_refused_for_quota_is_a_matter_of_capacity():
    """The quota may count Services as well as pods."""
    key = ObjectKey("Service", "voice", "x")
    refusal = Refusal(key, 403, "Forbidden", "exceeded quota: small, requested: services=1")

    (trouble,) = find_troubles(an_observation(), (refusal,))

    assert (trouble.reason, trouble.subject) == (Reason.QUOTA_EXCEEDED, "Service/x")


def test_a_pod_on_its_way_out_is_no_trouble():
    """It is being replaced already."""
    leaving = a_worker(
        "w1", is_running=False, is_deleting=True, trouble=PodTrouble("CrashLoopBackOff", "x")
    )

    assert find_troubles(an_observation(seen=(leaving,)), ()) == ()


def test_what_waiting_cannot_mend_comes_first():
    """The condition has one reason; it has to be the one to act on."""
    seen = (a_troubled("w1", "Unschedulable"), a_troubled("w2", "CreateContainerConfigError"))
    observed = an_observation(a_refused_replicaset("exceeded quota"), seen=seen)

    reasons = [trouble.reason for trouble in find_troubles(observed, ())]

    assert reasons == [Reason.QUOTA_EXCEEDED, Reason.CONFIG_MISSING, Reason.UNSCHEDULABLE]


def test_every_reason_about_capacity_has_its_rank():
    """A reason without one could never be told."""
    about = {reason for reason in Reason if reason.place is Place.CAPACITY_AVAILABLE}

    assert set(GRAVEST_FIRST) == about - {Reason.CAPACITY_READY}
