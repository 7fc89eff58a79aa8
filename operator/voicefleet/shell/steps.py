"""Questions about single steps of a plan: whose, alike, together. Pure; for `shell/apply`."""

from collections.abc import Iterator, Sequence

from voicefleet.api.reasons import Reason
from voicefleet.manifests import ObjectKey, fingerprint, key_of
from voicefleet.model.fleet import Fleet
from voicefleet.model.plan import (
    ApplyChild,
    CordonWorker,
    CreateChild,
    CreateSecret,
    HoldFleet,
    MarkPod,
    Plan,
    ReleaseFleet,
    Step,
    UncordonWorker,
)
from voicefleet.shell.fleets import fleet_key


def address_of(step: Step, fleet: Fleet) -> ObjectKey:
    """Return which object a step is about."""
    match step:
        case CreateChild() | ApplyChild():
            return key_of(step.manifest)
        case HoldFleet() | ReleaseFleet():
            return fleet_key(fleet)
        case _:
            return step.key


def fingerprint_of(step: Step) -> str:
    """Return what changes when a step would send something else; empty if that is not known."""
    match step:
        case CreateChild() | ApplyChild():
            return fingerprint(step.manifest)
        case CreateSecret():
            return step.purpose
        case _:
            return ""


def is_repair(step: Step, plan: Plan) -> bool:
    """Say whether a step puts right what somebody else changed, by the plan's own decisions."""
    if not isinstance(step, CreateChild | ApplyChild):
        return False
    name = str(key_of(step.manifest))
    return any(
        decision.reason is Reason.CHILD_RESTORED and name in decision.because
        for decision in plan.decisions
    )


def batch_steps(steps: Sequence[Step], fleet: Fleet) -> Iterator[tuple[Step, ...]]:
    """Yield the steps in their order, neighbours that may be carried out together as one batch.

    Together may go: Secrets; objects without pods; workloads; marks; orders to workers. All
    of a kind and next to each other in the plan, each on another object. So accounts, keys
    and files exist before the first pod does, and everything else waits for its turn.
    """
    batch: list[Step] = []
    for step in steps:
        address = address_of(step, fleet)
        is_neighbour = bool(batch) and _kind(step) != "" and _kind(step) == _kind(batch[-1])
        if is_neighbour and all(address_of(other, fleet) != address for other in batch):
            batch.append(step)
            continue
        if batch:
            yield tuple(batch)
        batch = [step]
    if batch:
        yield tuple(batch)


def _kind(step: Step) -> str:
    """Return what a step shares with those it may be carried out with; empty if with none."""
    match step:
        case CreateSecret():
            return "secret"
        case CreateChild():
            return "workload" if "replicas" in step.manifest.get("spec", {}) else "static"
        case MarkPod():
            return "mark"
        case CordonWorker():
            return "cordon"
        case UncordonWorker():
            return "uncordon"
        case _:
            return ""
