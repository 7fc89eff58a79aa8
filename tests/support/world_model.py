"""A small pure cluster: it carries out plans and plays controllers, kubelets and callers.

It exists to run the planner for many cycles. It knows the truth (who holds how many
sessions) and hands the planner only what an operator would see. Whenever a pod with a
session goes although nobody let it, the session is counted in `cut`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from support.builders import NOW
from voicefleet.api.labels import CORDONED, DELETION_COST, REVISION, TIER
from voicefleet.core.safety import check_plan
from voicefleet.errors import ConflictError
from voicefleet.manifests import Manifest, ObjectKey, key_of
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Child, Observed, Pod, ServerReport, Tier, WorkerReport
from voicefleet.model.outcome import Outcome
from voicefleet.model.plan import (
    ApplyChild,
    CordonWorker,
    CreateChild,
    CreateSecret,
    DeleteChild,
    HoldFleet,
    MarkPod,
    Plan,
    ReleaseFleet,
    ScaleChild,
    Step,
    UncordonWorker,
)
from voicefleet.planning import plan_fleet, report_fleet

DISPATCH = timedelta(seconds=3)
"""How long after a cordon a session may still arrive."""


QUIET_SECONDS = 12
"""Longer than anything the planner waits for without a change: a server's 10 s."""


@dataclass
class Truth:
    """What is really so in one pod."""

    sessions: int = 0
    cordoned_since: datetime | None = None
    empty_since: datetime | None = None
    is_silent: bool = False
    last_word: WorkerReport | ServerReport | None = None


@dataclass
class World:
    """One fleet, its namespace, and everybody who acts in it."""

    fleet: Fleet
    now: datetime = NOW
    children: dict[ObjectKey, Child] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    truths: dict[str, Truth] = field(default_factory=dict)
    cut: list[str] = field(default_factory=list)
    """Names of pods that were taken with a session in them."""
    costs_seen: dict[str, str] = field(default_factory=dict)
    """Deletion costs by pod as the ReplicaSet controller knows them: it acts before it looks."""
    secrets_due: bool = True
    is_released: bool = False
    counter: int = 0
    memory: dict[str, Any] = field(default_factory=dict)
    """What the operator wants remembered; empty it to have it lost."""

    # What the operator does.

    def cycle(self, meanwhile: Callable[[], None] = lambda: None) -> Plan:
        """Observe, plan, check, apply, report; return the plan.

        What happens `meanwhile` comes too late for the observation.
        """
        observed = self.observe()
        meanwhile()
        plan = plan_fleet(self.fleet, observed, self.now)
        check_plan(plan, self.fleet, observed, self.now)
        created = self.apply(plan)
        outcome = Outcome(decisions=plan.decisions, notes=plan.notes, created=created)
        status = report_fleet(self.fleet, observed, outcome, self.now)
        self.fleet = replace(self.fleet, status=status)
        self.memory = {**self.memory, **(plan.memory or {})}
        return plan

    def run(self, rounds: int = 40, *, seconds: int = 3) -> int:
        """Run until nothing has happened for a while; return the number of cycles it took."""
        quiet = 0
        for count in range(rounds):
            plan = self.cycle()
            quiet = 0 if self.move() or plan.steps else quiet + 1
            if quiet * seconds > QUIET_SECONDS:
                return count
            self.wait(seconds)
        raise AssertionError(f"no rest after {rounds} cycles; last: {self.cycle().steps}")

    def run_rounds(self, rounds: int, *, seconds: int = 3) -> None:
        """Run a number of cycles, whether or not the fleet comes to rest."""
        for _ in range(rounds):
            self.cycle()
            self.move()
            self.wait(seconds)

    def observe(self) -> Observed:
        """Return what an operator sees at this moment."""
        for pod in self.pods.values():
            self._listen(pod)
        words = {uid: self.truths[uid].last_word for uid in self.pods}
        return Observed(
            children=dict(self.children),
            pods=tuple(self.pods.values()),
            workers={uid: said for uid, said in words.items() if isinstance(said, WorkerReport)},
            servers={uid: said for uid, said in words.items() if isinstance(said, ServerReport)},
            secrets_due=self.secrets_due,
            memory=self.memory,
        )

    def apply(self, plan: Plan) -> tuple[ObjectKey, ...]:
        """Carry out the steps; a conflict stops the rest, as in the real executor."""
        created = []
        for step in plan.steps:
            try:
                self._take(step)
            except ConflictError:
                break
            if isinstance(step, CreateChild):
                created.append(key_of(step.manifest))
        return tuple(created)

    # What everybody else does.

    def move(self) -> bool:
        """Let controllers and kubelets act once; say whether anything changed."""
        before = (dict(self.children), dict(self.pods))
        for child in list(self.children.values()):
            if child.key.kind == "ReplicaSet":
                self._control(child)
            elif child.key.kind == "Deployment":
                count = child.replicas
                self._set_status(child, {"replicas": count, "readyReplicas": count})
        for pod in list(self.pods.values()):
            self._run_pod(pod)
        return before != (self.children, self.pods)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def call(self, uid: str, sessions: int) -> None:
        """Set the sessions of a running pod.

        A cordoned worker gets no new ones, once dispatches under way have arrived.
        """
        truth = self.truths[uid]
        since = truth.cordoned_since
        if since is not None and self.now - since > DISPATCH:
            sessions = min(sessions, truth.sessions)
        truth.sessions = sessions

    def crash(self, uid: str) -> None:
        """Let a container die. Its calls are gone by its own fault; it comes back un-cordoned."""
        self.truths[uid] = Truth(last_word=self.truths[uid].last_word)
        self.set_pod(uid, is_running=False, is_ready=False, started_at=None, ip="")

    def edit(self, change: Callable[[Fleet], Fleet]) -> None:
        """Let the author change the manifest."""
        changed = change(self.fleet)
        self.fleet = replace(changed, generation=self.fleet.generation + 1)

    def delete_fleet(self) -> None:
        """Let the author delete the fleet."""
        self.fleet = replace(self.fleet, deletion_requested_at=self.now)

    def tamper(self, key: ObjectKey, change: Callable[[Manifest], Manifest]) -> None:
        """Let somebody else change a child."""
        child = self.children[key]
        self.children[key] = replace(child, manifest=_bumped(change(child.manifest)))

    def workers(self) -> list[Pod]:
        """Return the workers that are not on their way out."""
        return [pod for pod in self.pods.values() if pod.tier is Tier.AGENTS]

    def serving(self) -> list[Pod]:
        """Return the workers that take new sessions."""
        return [
            pod
            for pod in self.workers()
            if pod.is_ready and self.truths[pod.uid].cordoned_since is None
        ]

    def replicasets(self, tier: Tier) -> list[Child]:
        """Return a tier's ReplicaSets."""
        return [
            child
            for key, child in sorted(self.children.items())
            if key.kind == "ReplicaSet" and child.labels.get(TIER) == tier
        ]

    def set_pod(self, uid: str, **facts: Any) -> None:
        """Change facts about a pod, such as `is_ready=False`."""
        self.pods[uid] = replace(self.pods[uid], **facts)

    # How it works.

    def _listen(self, pod: Pod) -> None:
        truth = self.truths[pod.uid]
        if truth.is_silent or not pod.is_running:
            return
        if pod.tier is Tier.AGENTS:
            truth.last_word = WorkerReport(
                observed_at=self.now,
                revision=pod.revision,
                slots=8,
                active=truth.sessions,
                reserved=0,
                is_cordoned=truth.cordoned_since is not None,
                cordoned_since=truth.cordoned_since,
            )
        elif pod.tier is Tier.MEDIA:
            if truth.sessions:
                truth.empty_since = None
            elif truth.empty_since is None:
                truth.empty_since = self.now
            truth.last_word = ServerReport(self.now, truth.sessions, empty_since=truth.empty_since)

    def _take(self, step: Step) -> None:
        match step:
            case CreateChild():
                self._create(step.manifest)
            case ApplyChild():
                self._apply(step.manifest)
            case ScaleChild():
                self._scale(step)
            case DeleteChild():
                self._delete(step)
            case MarkPod():
                self._mark(step)
            case _:
                self._tell(step)

    def _tell(self, step: Step) -> None:
        match step:
            case CordonWorker():
                self._cordon(step.uid, self.now)
            case UncordonWorker():
                self._cordon(step.uid, None)
            case CreateSecret():
                self.secrets_due = False
            case HoldFleet():
                self.fleet = replace(self.fleet, has_finalizer=True)
            case ReleaseFleet():
                self.cut += [pod.name for pod in self.workers() if self.truths[pod.uid].sessions]
                self.is_released = True

    def _delete(self, step: DeleteChild) -> None:
        assert self.children[step.key].uid == step.uid, f"{step.key} is another object"
        del self.children[step.key]
        for pod in self._pods_of(step.key.name):
            self._take_pod(pod)

    def _create(self, manifest: Manifest) -> None:
        key = key_of(manifest)
        assert key not in self.children, f"{key} exists"
        self.counter += 1
        metadata = {**manifest["metadata"], "uid": f"uid-{key.name}-{self.counter}"}
        live = _bumped({**manifest, "metadata": metadata})
        owns = manifest["kind"] == "ReplicaSet" or "replicas" in manifest.get("spec", {})
        self.children[key] = Child(key, live, scaler_owns_replicas=owns)

    def _apply(self, manifest: Manifest) -> None:
        key = key_of(manifest)
        child = self.children[key]
        spec = dict(manifest.get("spec") or {})
        if child.scaler_owns_replicas and key.kind in {"ReplicaSet", "Deployment"}:
            spec["replicas"] = child.replicas
        live = {
            **child.manifest,
            **manifest,
            "metadata": {**child.manifest["metadata"], **manifest["metadata"]},
        }
        if spec:
            live["spec"] = spec
        self.children[key] = replace(child, manifest=_bumped(live))

    def _scale(self, step: ScaleChild) -> None:
        child = self.children[step.key]
        if step.resource_version not in {None, child.resource_version}:
            raise ConflictError(f"{step.key} has changed")
        spec = {**child.manifest["spec"], "replicas": step.replicas_to}
        manifest = _bumped({**child.manifest, "spec": spec})
        self.children[step.key] = Child(step.key, manifest, scaler_owns_replicas=True)

    def _mark(self, step: MarkPod) -> None:
        pod = self.pods.get(step.uid)
        if pod is None:
            return
        ours = {CORDONED, DELETION_COST, "cluster-autoscaler.kubernetes.io/safe-to-evict"}
        labels = {k: v for k, v in pod.labels.items() if k != "voicefleet.dev/busy"}
        annotations = {k: v for k, v in pod.annotations.items() if k not in ours}
        self.pods[step.uid] = replace(
            pod, labels={**labels, **step.labels}, annotations={**annotations, **step.annotations}
        )

    def _cordon(self, uid: str, since: datetime | None) -> None:
        truth = self.truths.get(uid)
        pod = self.pods.get(uid)
        if truth is None or truth.is_silent or pod is None or not pod.is_running:
            return
        if since is None or truth.cordoned_since is None:
            truth.cordoned_since = since

    def _control(self, child: Child) -> None:
        """Play the ReplicaSet controller, with its own order of victims.

        It may know a new count before a cost that was written earlier: it has one watch for
        each kind.
        """
        pods = self._pods_of(child.key.name)
        for pod in sorted(pods, key=self._first_to_go)[: max(0, len(pods) - child.replicas)]:
            self._take_pod(pod)
        for _ in range(child.replicas - len(pods)):
            self._make_pod(child)
        pods = self._pods_of(child.key.name)
        self.costs_seen |= {pod.uid: pod.annotations.get(DELETION_COST, "0") for pod in pods}
        ready = sum(pod.is_ready for pod in pods)
        template = child.manifest["spec"]["template"]["metadata"]["labels"].items()
        like = sum(template <= pod.labels.items() for pod in pods)
        counts = {"replicas": len(pods), "readyReplicas": ready, "fullyLabeledReplicas": like}
        self._set_status(child, counts)

    def _first_to_go(self, pod: Pod) -> tuple[bool, bool, int, str]:
        """Order pods as the controller does: not running, not Ready, then by the cost it knows."""
        cost = int(self.costs_seen.get(pod.uid, "0"))
        return (pod.is_running, pod.is_ready, cost, pod.name)

    def _set_status(self, child: Child, status: Manifest) -> None:
        status = {**status, "observedGeneration": child.manifest["metadata"]["generation"]}
        if child.manifest.get("status") != status:
            manifest = {**child.manifest, "status": status}
            version = str(int(child.resource_version) + 1)
            manifest["metadata"] = {**manifest["metadata"], "resourceVersion": version}
            self.children[child.key] = replace(child, manifest=manifest)

    def _make_pod(self, child: Child) -> None:
        self.counter += 1
        template = child.manifest["spec"]["template"]
        labels = template["metadata"]["labels"]
        name = f"{child.key.name}-{self.counter:04d}"
        self.pods[f"uid-{name}"] = Pod(
            name=name,
            namespace=child.key.namespace,
            uid=f"uid-{name}",
            tier=Tier(labels[TIER]),
            revision=labels[REVISION],
            owner_name=child.key.name,
            created_at=self.now,
            grace_seconds=template["spec"]["terminationGracePeriodSeconds"],
            labels=labels,
        )
        self.truths[f"uid-{name}"] = Truth()

    def _run_pod(self, pod: Pod) -> None:
        if not pod.is_running:
            self.pods[pod.uid] = replace(
                pod, is_running=True, ip="10.0.0.9", started_at=self.now.replace(microsecond=0)
            )
        elif not pod.is_ready and not self.truths[pod.uid].is_silent:
            self.pods[pod.uid] = replace(pod, is_ready=True)

    def _take_pod(self, pod: Pod) -> None:
        if self.truths[pod.uid].sessions and not self.is_released:
            self.cut.append(pod.name)
        del self.pods[pod.uid]

    def _pods_of(self, owner: str) -> list[Pod]:
        return [pod for pod in self.pods.values() if pod.owner_name == owner]


def _bumped(manifest: Manifest) -> Manifest:
    """Return the manifest after a write."""
    metadata = manifest["metadata"]
    return {
        **manifest,
        "metadata": {
            **metadata,
            "resourceVersion": str(int(metadata.get("resourceVersion", "0")) + 1),
            "generation": int(metadata.get("generation", 0)) + 1,
        },
    }
