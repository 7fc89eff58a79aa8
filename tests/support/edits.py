"""What somebody else does to a fleet's children and nodes, for tests of how that is undone."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from support.api import Api, Manifest

CHANGES: dict[str, Callable[[Manifest], Manifest]] = {
    "Service": lambda child: {"spec": {"selector": {"app": "somebody-else"}}},
    "ConfigMap": lambda child: {"data": dict.fromkeys(child["data"], "tampered")},
    "Deployment": lambda child: {"spec": {"replicas": 7}},
    "PodDisruptionBudget": lambda child: {
        "spec": {"selector": {"matchLabels": {"voicefleet.dev/busy": "never"}}}
    },
    "NetworkPolicy": lambda child: {"spec": {"podSelector": {"matchLabels": {"app": "other"}}}},
    "ServiceAccount": lambda child: {"automountServiceAccountToken": True},
}
"""By kind: a merge patch that makes a child another one."""


class Edit(StrEnum):
    """What is done to one child."""

    DELETE = "delete"
    UNLABEL = "unlabel"
    """Without labels it is invisible to the operator's caches."""
    DISOWN = "disown"
    CHANGE = "change"
    """As `CHANGES` says; where it has nothing to say, the child is deleted."""


class NodeTrouble(StrEnum):
    """What happens to one node."""

    CORDON = "cordon"
    TAINT = "taint"
    """With NoExecute: every pod there is evicted, and none is placed there again."""
    LOSE_PODS = "lose pods"
    """The fleet's pods on it are deleted at once, as when a machine dies."""


@dataclass(frozen=True, slots=True)
class ChildEdit:
    """One edit of the n-th child, counted round."""

    number: int
    edit: Edit

    def carry_out(self, api: Api, namespace: str) -> None:
        """Edit the child, if there is any; Secrets are left alone, which nobody may read."""
        found = api.children(namespace).values()
        children = [child for child in found if is_own(child) and child["kind"] != "Secret"]
        if not children:
            return
        child = children[self.number % len(children)]
        kind, name = child["kind"], child["metadata"]["name"]
        path = api.path(kind, namespace, name)
        change = self._change(child)
        if change is None:
            answer = api.send("DELETE", path, json={"propagationPolicy": "Background"})
        else:
            answer = api.send("PATCH", path, json=change, headers=MERGE_PATCH)
        # It may be gone by now, and what is immutable is not changed.
        assert answer.status_code in {200, 202, 404, 422}, answer.text

    def _change(self, child: Manifest) -> Manifest | None:
        match self.edit:
            case Edit.UNLABEL:
                return {"metadata": {"labels": dict.fromkeys(child["metadata"]["labels"])}}
            case Edit.DISOWN:
                return {"metadata": {"ownerReferences": None}}
            case Edit.CHANGE if child["kind"] in CHANGES:
                return CHANGES[child["kind"]](child)
            case _:
                return None


@dataclass(frozen=True, slots=True)
class NodeEvent:
    """One trouble of the n-th node, counted round."""

    number: int
    trouble: NodeTrouble

    def carry_out(self, api: Api, namespace: str) -> None:
        """Let it happen."""
        nodes = api.list("Node", "")
        name = nodes[self.number % len(nodes)]["metadata"]["name"]
        match self.trouble:
            case NodeTrouble.CORDON:
                api.patch("Node", "", name, {"spec": {"unschedulable": True}})
            case NodeTrouble.TAINT:
                api.patch("Node", "", name, {"spec": {"taints": [EVICTING]}})
            case NodeTrouble.LOSE_PODS:
                for pod in api.list("Pod", namespace):
                    if pod["spec"].get("nodeName") == name:
                        at_once = {"gracePeriodSeconds": 0}
                        api.delete("Pod", namespace, pod["metadata"]["name"], json=at_once)


EVICTING = {"key": "example.com/trouble", "effect": "NoExecute"}
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}


def remember_nodes(api: Api) -> dict[str, Manifest]:
    """Return what `mend_nodes` needs to undo every trouble."""
    return {
        node["metadata"]["name"]: {
            "unschedulable": node["spec"].get("unschedulable"),
            "taints": node["spec"].get("taints"),
        }
        for node in api.list("Node", "")
    }


def mend_nodes(api: Api, remembered: dict[str, Manifest]) -> None:
    """Make every node what it was."""
    for name, spec in remembered.items():
        api.patch("Node", "", name, {"spec": spec})


def is_own(child: Manifest) -> bool:
    """Leave out what a Deployment made, and the fleet's memory: that is written, not repaired."""
    owners = child["metadata"].get("ownerReferences", [])
    is_memory = child["metadata"]["name"].endswith("-memory")
    return not is_memory and not any(owner["kind"] == "Deployment" for owner in owners)


def is_changed(child: Manifest) -> bool:
    """Say whether a child still carries what `CHANGES` did to it."""
    change = CHANGES.get(child["kind"])
    is_fixed = child.get("immutable", False)
    return change is not None and not is_fixed and _contains(child, change(child))


def _contains(whole: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            name in whole and _contains(whole[name], value) for name, value in part.items()
        )
    return bool(whole == part)
