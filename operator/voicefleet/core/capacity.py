"""Why pods that a fleet wants do not run: refused, without a place, or failing to start.

Three sources say so: refused writes, the conditions of ReplicaSets and Deployments, and the
pods themselves. Each becomes a `Trouble` with one of our own reasons, because the words of
kubelet, scheduler and admission are not a closed set. Called by `core/conditions`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from voicefleet.api.labels import TIER
from voicefleet.api.reasons import Reason
from voicefleet.core.children import template_label
from voicefleet.core.wording import count_of
from voicefleet.model.observed import Child, Observed, Pod, Refusal, Tier

QUOTA_WORDS = "exceeded quota"
"""How the quota admission plugin says no (k8s.io/apiserver, resourcequota/controller.go)."""

POD_SECURITY_WORDS = "violates PodSecurity"
"""How the PodSecurity admission plugin says no (k8s.io/pod-security-admission)."""

TROUBLE_REASONS = {
    "CrashLoopBackOff": Reason.CRASH_LOOPING,
    "CreateContainerConfigError": Reason.CONFIG_MISSING,
    "ErrImageNeverPull": Reason.IMAGE_PULL_FAILED,
    "ErrImagePull": Reason.IMAGE_PULL_FAILED,
    "ImageInspectError": Reason.IMAGE_PULL_FAILED,
    "ImagePullBackOff": Reason.IMAGE_PULL_FAILED,
    "InvalidImageName": Reason.IMAGE_PULL_FAILED,
    "SchedulingGated": Reason.UNSCHEDULABLE,
    "SchedulerError": Reason.UNSCHEDULABLE,
    "Unschedulable": Reason.UNSCHEDULABLE,
}
"""What the kubelet's and the scheduler's words mean for the reader; others are a container
that does not stay up."""

GRAVEST_FIRST = (
    Reason.POD_SECURITY_REJECTED,
    Reason.QUOTA_EXCEEDED,
    Reason.POD_REFUSED,
    Reason.CONFIG_MISSING,
    Reason.IMAGE_PULL_FAILED,
    Reason.CRASH_LOOPING,
    Reason.UNSCHEDULABLE,
)
"""Which trouble names the condition when there are several: what no waiting can mend first."""


@dataclass(frozen=True, slots=True, order=True)
class Trouble:
    """One cause, with everything it concerns."""

    rank: int
    tier: str
    subject: str
    """The first object it was seen on."""
    message: str
    pods: int
    """Pods that it keeps from running; 0 where that is not known."""

    @property
    def reason(self) -> Reason:
        """The word for it."""
        return GRAVEST_FIRST[self.rank]

    def __str__(self) -> str:
        """Say who, how many, what the cluster said, and what to do."""
        many = f"{count_of(self.pods, 'pod')}, first " if self.pods else ""
        said = self.message.strip().rstrip(".")
        return f"{self.tier}: {many}{self.subject}: {said}. {self.reason.next_step}"


def find_troubles(observed: Observed, refusals: Iterable[Refusal]) -> tuple[Trouble, ...]:
    """Return every cause, the gravest first; the same cause in one tier is one trouble."""
    return tuple(
        sorted(
            [
                *_refused_writes(refusals),
                *_refused_pods(observed.children.values()),
                *_troubled_pods(observed.pods),
            ]
        )
    )


def classify_refusal(message: str) -> Reason:
    """Return which kind of refusal a server's sentence is."""
    if POD_SECURITY_WORDS in message:
        return Reason.POD_SECURITY_REJECTED
    return Reason.QUOTA_EXCEEDED if QUOTA_WORDS in message else Reason.POD_REFUSED


def _refused_writes(refusals: Iterable[Refusal]) -> Iterator[Trouble]:
    for refusal in refusals:
        reason = classify_refusal(refusal.message)
        if reason is not Reason.POD_REFUSED:
            yield _trouble(reason, "fleet", str(refusal.key), refusal.message)


def _refused_pods(children: Iterable[Child]) -> Iterator[Trouble]:
    """Read what controllers say about pods they may not create.

    ReplicaSets of Deployments carry our labels too, and say the same as their Deployment.
    """
    for child in children:
        tier = template_label(child, TIER)
        is_ours = child.key.kind == "Deployment" or (
            child.key.kind == "ReplicaSet" and tier in {Tier.AGENTS, Tier.MEDIA}
        )
        if not is_ours or child.is_deleting:
            continue
        for message in _failures(child):
            missing = max(0, child.replicas - _counted(child))
            yield _trouble(classify_refusal(message), tier, str(child.key), message, pods=missing)


def _failures(child: Child) -> Iterator[str]:
    for condition in (child.manifest.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            yield str(condition.get("message", ""))


def _counted(child: Child) -> int:
    return int((child.manifest.get("status") or {}).get("replicas", 0))


def _troubled_pods(pods: Iterable[Pod]) -> Iterator[Trouble]:
    groups: dict[tuple[Reason, str], list[Pod]] = {}
    for pod in sorted(pods, key=lambda pod: pod.name):
        if pod.trouble is not None and not pod.is_deleting and not pod.is_finished:
            reason = TROUBLE_REASONS.get(pod.trouble.reason, Reason.CRASH_LOOPING)
            groups.setdefault((reason, pod.tier), []).append(pod)
    for (reason, tier), members in groups.items():
        first = members[0]
        word = first.trouble.reason if first.trouble is not None else ""
        message = first.trouble.message if first.trouble is not None else ""
        yield _trouble(reason, tier, f"Pod/{first.name}", f"{word}: {message}", pods=len(members))


def _trouble(reason: Reason, tier: str, subject: str, message: str, *, pods: int = 0) -> Trouble:
    return Trouble(GRAVEST_FIRST.index(reason), tier, subject, message, pods)
