"""Kubernetes objects of one fleet in the simulated world, as the operator sees and changes them.

Plan steps are carried out on manifests; ReplicaSets of the agents tier and of media servers
have their pods in `sim/world`, Deployments get theirs after a start time. Nothing conflicts:
nobody else writes here. Called by `sim/operator_run`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from voicefleet.api.labels import COMPONENT, LEAVING, TIER
from voicefleet.manifests import Manifest, ObjectKey, key_of
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Child, Tier
from voicefleet.model.plan import (
    ApplyChild,
    CordonWorker,
    CreateChild,
    DeleteChild,
    HoldFleet,
    MarkPod,
    ScaleChild,
    Step,
    UncordonWorker,
)
from voicefleet.sim.pods import ReplicaSet
from voicefleet.sim.world import World

DEPLOYMENT_START_SECONDS = {"speech": 180.0}
"""A speech server loads its model; other pods start like workers."""


@dataclass(slots=True)
class Deployment:
    """Replicas of an ordinary workload: those that are Ready, and those still wanted."""

    tier: str
    wanted: int = 0
    ready: int = 0
    since: float = 0.0
    """When its replica-seconds were last counted."""


class SimulatedCluster:
    """The namespace of one fleet."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.children: dict[ObjectKey, Child] = {}
        self.deployments: dict[ObjectKey, Deployment] = {}
        self._versions = 0
        self._seen: Mapping[ObjectKey, Child] | None = None

    def snapshot(self) -> Mapping[ObjectKey, Child]:
        """Return the objects as they are now; the same mapping until one of them changes."""
        if self._seen is None:
            self._seen = dict(self.children)
        return self._seen

    # What the operator does.

    def carry_out(self, step: Step, fleet: Fleet) -> Fleet:
        """Do one step of a plan; return the fleet, which one step changes."""
        match step:
            case CreateChild():
                self._create(step.manifest)
            case ApplyChild():
                self._apply(step.manifest)
            case ScaleChild():
                self._scale(step.key, step.replicas_to)
            case DeleteChild():
                self._delete(step.key)
            case MarkPod():
                self._world.mark(step.uid, step.labels, step.annotations)
            case CordonWorker():
                self._world.cordon(step.uid)
            case UncordonWorker():
                self._world.uncordon(step.uid)
            case HoldFleet():
                return replace(fleet, has_finalizer=True)
            case _:
                pass
        return fleet

    def _create(self, manifest: Manifest) -> None:
        key = key_of(manifest)
        metadata = {**manifest["metadata"], "uid": f"uid-{key.name}", "generation": 1}
        child = Child(key, {**manifest, "metadata": metadata}, scaler_owns_replicas=True)
        self.children[key] = self._versioned(child)
        if "replicas" not in manifest.get("spec", {}):
            return
        replicas, labels = child.replicas, manifest["metadata"]["labels"]
        if key.kind == "Deployment":
            self.deployments[key] = Deployment(labels[TIER], since=self._world.now)
            self._scale_deployment(key, replicas)
        elif labels[TIER] == Tier.MEDIA:
            self._world.servers.add(key.name)
        else:
            template = manifest["spec"]["template"]
            grace = float(template["spec"]["terminationGracePeriodSeconds"])
            pod_labels = template["metadata"]["labels"]
            self._world.add_set(ReplicaSet(key.name, replicas, grace, labels=pod_labels))

    def _apply(self, manifest: Manifest) -> None:
        child = self.children[key_of(manifest)]
        spec = dict(manifest.get("spec") or {})
        if "replicas" in child.manifest.get("spec", {}):
            spec["replicas"] = child.replicas
        metadata = {**child.manifest["metadata"], **manifest["metadata"]}
        changed = {**child.manifest, **manifest, "metadata": metadata}
        if spec:
            changed["spec"] = spec
        self.children[child.key] = self._versioned(replace(child, manifest=changed))

    def _scale(self, key: ObjectKey, replicas: int) -> None:
        child = self.children[key]
        generation = child.manifest["metadata"]["generation"] + 1
        changed = {
            **child.manifest,
            "metadata": {**child.manifest["metadata"], "generation": generation},
            "spec": {**child.manifest["spec"], "replicas": replicas},
        }
        self.children[key] = self._versioned(replace(child, manifest=changed))
        if key.kind == "Deployment":
            self._scale_deployment(key, replicas)
        elif key.name in self._world.sets:
            self._world.scale(key.name, replicas)

    def _delete(self, key: ObjectKey) -> None:
        child = self.children.pop(key)
        self._seen = None
        if key.name in self._world.servers.all:
            self._world.servers.remove(key.name)
        elif key.name in self._world.sets and child.key.kind == "ReplicaSet":
            self._world.scale(key.name, 0)
        self.deployments.pop(key, None)

    # What controllers do.

    def refresh_status(self) -> None:
        """Let controllers write what they count; objects whose counts stand are left alone."""
        counts: dict[str, list[int]] = {}
        for worker in self._world.workers.values():
            if worker.stopping_since is None:
                entry = counts.setdefault(worker.owner, [0, 0, 0])
                entry[0] += 1
                entry[1] += worker.ready_at is not None
                entry[2] += worker.labels.get(COMPONENT) == LEAVING
        for key, child in self.children.items():
            if key.kind == "ReplicaSet":
                server = self._world.servers.all.get(key.name)
                if server is not None:
                    self._set_status(child, 1, int(server.ready_at is not None))
                else:
                    self._set_status(child, *counts.get(key.name, (0, 0, 0)))
            elif key in self.deployments:
                deployment = self.deployments[key]
                self._set_status(child, deployment.wanted, deployment.ready)

    def _set_status(self, child: Child, replicas: int, ready: int, leaving: int = 0) -> None:
        generation = child.manifest["metadata"]["generation"]
        status = {
            "replicas": replicas,
            "readyReplicas": ready,
            "availableReplicas": ready,
            "fullyLabeledReplicas": replicas - leaving,
            "updatedReplicas": replicas,
            "observedGeneration": generation,
        }
        if child.manifest.get("status") != status:
            changed = {**child.manifest, "status": status}
            self.children[child.key] = self._versioned(replace(child, manifest=changed))

    def _versioned(self, child: Child) -> Child:
        self._versions += 1
        self._seen = None
        metadata = {**child.manifest["metadata"], "resourceVersion": str(self._versions)}
        return replace(child, manifest={**child.manifest, "metadata": metadata})

    # Deployments.

    def _scale_deployment(self, key: ObjectKey, replicas: int) -> None:
        deployment = self.deployments[key]
        self._count_time(deployment)
        deployment.wanted = replicas
        deployment.ready = min(deployment.ready, replicas)
        seconds = DEPLOYMENT_START_SECONDS.get(
            deployment.tier, self._world.conditions.pod_start_seconds
        )
        self._world.agenda.after(seconds, self._make_ready, deployment, replicas)

    def _make_ready(self, deployment: Deployment, replicas: int) -> None:
        deployment.ready = max(deployment.ready, min(deployment.wanted, replicas))

    def ripen(self) -> None:
        """Make every replica Ready: how a simulation begins."""
        for deployment in self.deployments.values():
            deployment.ready = deployment.wanted

    def _count_time(self, deployment: Deployment) -> None:
        seconds = (self._world.now - deployment.since) * deployment.wanted
        deployment.since = self._world.now
        if deployment.tier == Tier.SPEECH:
            self._world.ledger.speech_seconds += seconds
        elif deployment.tier == Tier.EVALUATION:
            self._world.ledger.evaluator_seconds += seconds

    def close(self) -> None:
        """Book what is still in use at the end."""
        for deployment in self.deployments.values():
            self._count_time(deployment)

    def ready_by_name(self, tier: Tier, name_of: Callable[[str], str]) -> Mapping[str, int]:
        """Return the Ready replicas of a tier's Deployments, by a name made from theirs."""
        return {
            name_of(key.name): deployment.ready
            for key, deployment in self.deployments.items()
            if deployment.tier == tier
        }
