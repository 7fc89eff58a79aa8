"""A fleet at rest, of any size, without a cluster: what the benchmarks plan again and again.

The planner's own steps are carried out on dictionaries until it has no more of them, so a
settled fleet is settled by the planner's word, and not by ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import yaml

from voicefleet.api.labels import REVISION, TIER
from voicefleet.api.parse import parse_fleet
from voicefleet.manifests import Manifest, ObjectKey, key_of
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Child, Observed, Pod, ServerReport, Tier, WorkerReport
from voicefleet.model.plan import ApplyChild, CreateChild, MarkPod, Plan, ScaleChild
from voicefleet.planning import plan_fleet
from voicefleet.settings import Platform
from voicefleet_workbench.sources import ROOT

CYCLES_MAX = 20
"""A fleet from nothing settles in a handful of cycles; more means that it never does."""


def example_fleet(workers: int) -> Fleet:
    """Return the example with every tier, asking for so many workers."""
    body = yaml.safe_load((ROOT / "docs" / "examples" / "interviews.yaml").read_text())
    body["spec"]["agents"] |= {"minReplicas": workers, "maxReplicas": max(workers, 60)}
    body["metadata"] |= {"namespace": "voice", "uid": "bench", "generation": 1}
    parsed = parse_fleet(body)
    return Fleet(
        name=parsed.metadata.name,
        namespace=parsed.metadata.namespace,
        uid=parsed.metadata.uid,
        generation=1,
        spec=parsed.spec,
        status=parsed.status,
        platform=Platform(),
        secret_suffix="0123abcd",  # noqa: S106 - eight digits of a name
        has_finalizer=True,
    )


def settle(fleet: Fleet, now: datetime) -> Observed:
    """Return the world in which the fleet's plan is empty."""
    cluster = _Cluster(now)
    for _ in range(CYCLES_MAX):
        observed = cluster.observed()
        plan = plan_fleet(fleet, observed, now)
        if not plan.steps:
            return observed
        cluster.carry_out(plan)
    steps = "; ".join(step.because for step in plan.steps[:3])
    raise AssertionError(f"{fleet} is not settled after {CYCLES_MAX} cycles: {steps}")


@dataclass
class _Cluster:
    """Children as dictionaries; a pod for every replica, each idle and ready at once."""

    now: datetime
    children: dict[ObjectKey, Manifest] = field(default_factory=dict)
    marks: dict[str, MarkPod] = field(default_factory=dict)

    def carry_out(self, plan: Plan) -> None:
        """Do what the planner asked for, as far as it changes the world at rest."""
        for step in plan.steps:
            match step:
                case CreateChild(manifest=manifest) | ApplyChild(manifest=manifest):
                    key = key_of(manifest)
                    self.children[key] = _merged(self.children.get(key, {}), manifest)
                case ScaleChild(key=key, replicas_to=replicas):
                    self.children[key]["spec"]["replicas"] = replicas
                case MarkPod(key=key):
                    self.marks[key.name] = step
                case _:
                    continue

    def observed(self) -> Observed:
        """Return what a cycle would see."""
        pods = tuple(
            pod
            for key, manifest in self.children.items()
            if key.kind == "ReplicaSet"
            for pod in self._pods(key, manifest)
        )
        return Observed(
            children={key: self._child(key, manifest) for key, manifest in self.children.items()},
            pods=pods,
            workers={pod.uid: self._report(pod) for pod in pods if pod.tier is Tier.AGENTS},
            servers={pod.uid: ServerReport(self.now, 0) for pod in pods if pod.tier is Tier.MEDIA},
        )

    def _child(self, key: ObjectKey, manifest: Manifest) -> Child:
        metadata = {**manifest["metadata"], "uid": str(key), "generation": 1}
        status = {"observedGeneration": 1, "replicas": manifest.get("spec", {}).get("replicas", 0)}
        return Child(
            key, {**manifest, "metadata": metadata, "status": status}, scaler_owns_replicas=True
        )

    def _pods(self, key: ObjectKey, manifest: Manifest) -> Sequence[Pod]:
        labels: Mapping[str, str] = manifest["spec"]["template"]["metadata"]["labels"]
        pods = (
            Pod(
                name=f"{key.name}-{number}", namespace=key.namespace, uid=f"{key.name}-{number}",
                tier=Tier(labels[TIER]), revision=labels.get(REVISION, ""), owner_name=key.name,
                created_at=self.now, is_ready=True, is_running=True, ip="192.0.2.1",
                grace_seconds=manifest["spec"]["template"]["spec"]["terminationGracePeriodSeconds"],
                labels=labels,
            )
            for number in range(manifest["spec"]["replicas"])
        )  # fmt: skip
        return [self._marked(pod) for pod in pods]

    def _marked(self, pod: Pod) -> Pod:
        mark = self.marks.get(pod.name)
        if mark is None:
            return pod
        return replace(pod, labels={**pod.labels, **mark.labels}, annotations=mark.annotations)

    def _report(self, pod: Pod) -> WorkerReport:
        return WorkerReport(
            self.now, pod.revision, slots=8, active=0, reserved=0, is_cordoned=False
        )


def _merged(live: Manifest, wanted: Manifest) -> Manifest:
    """Return the object with the wanted fields, keeping those that only the live one has."""
    return {
        **live,
        **{key: _merged_value(live.get(key), value) for key, value in wanted.items()},
    }


def _merged_value(live: Any, wanted: Any) -> Any:
    return _merged(live, wanted) if isinstance(live, dict) and isinstance(wanted, dict) else wanted
