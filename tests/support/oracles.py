"""What must be true after any history, whatever went wrong in it. Pure.

the end is the undisturbed run's          `shape_of`, `differences`
nothing is written once it is reached     `support.mirror` counts, `support.arena` judges
no busy pod was removed                   `Calls`
no status was ahead of its children       `Claims`
conditions are true                       part of the shape
the operator's log has no fault of ours   `faults_in_log`
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from support.api import Manifest
from support.manifests import is_settled
from voicefleet.api import labels

Objects = Mapping[tuple[str, str], Manifest]
Shape = dict[str, Any]

TOLD_MAX: Final = 6
"""Differences that a message lists; more would hide the first."""

CHOSEN_BY_SERVER: Final = frozenset({"clusterIP", "clusterIPs", "nodePort", "healthCheckNodePort"})
MOVING_IN_STATUS: Final = frozenset(
    {
        "decisions",
        "lastTransitionTime",
        "message",
        "sessions",
        "observedGeneration",
        "etaSeconds",
        "lastServer",
        "figures",
        "desires",
    }
)
"""Times, sentences with numbers in them, and what depends on the way and not on the end: how many
calls an hour an operator has seen begin, which one that was dead meanwhile cannot know."""
DERIVED: Final = frozenset(
    {
        "deployment.kubernetes.io/revision",
        "pod-template-hash",
        "voicefleet.dev/fingerprint",
        labels.MADE_AS,
        labels.MADE_FROM,
        labels.SERVER,
    }
)
"""Annotations and labels that follow from contents which are compared themselves."""
MEMORY: Final = "-memory"
"""End of the name of what keeps when things happened. No two lives have that in common, and it
is written once a minute, when it is calm: a life may be over before."""
OURS_IN_METADATA: Final = ("labels", "annotations", "finalizers")
CONTENTS: Final = ("spec", "data", "immutable", "type")

LOG_FAULT: Final = re.compile(
    r"Traceback|fault of the operator|refused its own plan|while it held a session"
    r"|\bERROR\b(?!\s+(?:Request attempt|leadership ended))"
)
"""No faults of its own: kopf calls each refused connection an error, and tries again; and a
machine too busy to renew a Lease has to lose it."""


@dataclass(slots=True)
class Calls:
    """Who is in a call now, by the test's own book, and who was removed in one."""

    now: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Calls by namespace and pod, or rooms by namespace and a media server's ReplicaSet."""
    leaving: set[str] = field(default_factory=set)
    cut: list[str] = field(default_factory=list)

    def watch(self, verb: str, item: Manifest) -> None:
        """Judge every pod at the moment in which it is told to go."""
        metadata = item["metadata"]
        is_going = verb == "DELETED" or "deletionTimestamp" in metadata
        if item["kind"] != "Pod" or not is_going or metadata["uid"] in self.leaving:
            return
        self.leaving.add(metadata["uid"])
        owners = [owner["name"] for owner in metadata.get("ownerReferences", ())]
        for name in (metadata["name"], *owners):
            if count := self.now[metadata["namespace"], name]:
                self.cut.append(f"{metadata['namespace']}/{metadata['name']} with {count} calls")

    def cut_in(self, namespace: str) -> list[str]:
        """Return the pods of a namespace that were removed during calls."""
        return [line for line in self.cut if line.startswith(f"{namespace}/")]


@dataclass(slots=True)
class Claims:
    """What fleets called themselves Ready for, and from when on workers of it were there.

    Watches of different kinds are a moment apart, so both are kept with their versions and
    compared afterwards: a status that is older than the first child of its image has lied.
    """

    ready: dict[tuple[str, str], int] = field(default_factory=dict)
    """The first version of a fleet that is Ready, by namespace and image."""
    made: dict[tuple[str, str], int] = field(default_factory=dict)
    """The version in which the first workers' ReplicaSet came, by namespace and image."""

    def watch(self, verb: str, item: Manifest) -> None:
        """Take in every version of every object."""
        metadata, spec = item["metadata"], item.get("spec", {})
        if verb == "DELETED":
            return
        if item["kind"] == "VoiceFleet" and is_settled(item):
            book, image = self.ready, spec["agents"]["image"]
        elif item["kind"] == "ReplicaSet" and _tier_of(item) == "agents":
            book, image = self.made, spec["template"]["spec"]["containers"][0]["image"]
        else:
            return
        book.setdefault((metadata["namespace"], image), int(metadata["resourceVersion"]))

    def false_in(self, namespace: str) -> list[str]:
        """Return what a namespace's fleet has claimed before it was so."""
        return [
            f"a status said Ready for image {image} before a worker was made from it"
            for (place, image), version in self.ready.items()
            if place == namespace and version < self.made.get((place, image), sys.maxsize)
        ]


def shape_of(objects: Objects, namespace: str) -> Shape:
    """Return what a namespace holds of a fleet, without what differs from run to run."""
    ours = {
        f"{kind}/{name}": _content(item)
        for (kind, name), item in objects.items()
        if kind not in ("Pod", "VoiceFleet") and not is_memory(kind, name) and _is_of_fleet(item)
    }
    fleets = {
        f"VoiceFleet/{name}": {
            "finalizers": item["metadata"].get("finalizers", []),
            "status": _without(item.get("status", {}), MOVING_IN_STATUS),
        }
        for (kind, name), item in objects.items()
        if kind == "VoiceFleet"
    }
    pods = Counter(_pod_line(item) for (kind, _), item in objects.items() if kind == "Pod")
    text = json.dumps({**ours, **fleets, "pods": dict(sorted(pods.items()))}, sort_keys=True)
    for hashed, name in _names_of_hashes(objects).items():
        text = text.replace(hashed, name)
    shape: Shape = json.loads(text.replace(namespace, "NAMESPACE"))
    return shape


def is_memory(kind: str, name: str) -> bool:
    """Say whether an object is the fleet's memory, which moves by itself."""
    return kind == "ConfigMap" and name.endswith(MEMORY)


def differences(wanted: Shape, seen: Shape) -> list[str]:
    """Return the first differences, each with its place and both values."""
    before, after = dict(_leaves(wanted)), dict(_leaves(seen))
    places = [place for place in sorted({*before, *after}) if before.get(place) != after.get(place)]
    told = [
        f"{place}: wanted {before.get(place, 'nothing')!r}, is {after.get(place, 'nothing')!r}"
        for place in places[:TOLD_MAX]
    ]
    return [*told, f"and {len(places) - TOLD_MAX} more"] if len(places) > TOLD_MAX else told


def faults_in_log(lines: Iterable[str]) -> list[str]:
    """Return the lines with which the operator admits that something is wrong with itself."""
    return [line for line in lines if LOG_FAULT.search(line)]


def faults_in_status(objects: Objects) -> list[str]:
    """Return what a fleet claims that is not so, at any moment of its life.

    A fleet that says it is Ready for its newest manifest must have children made from it: a
    status written before them promises what a crash in between never keeps.
    """
    images = {
        item["spec"]["template"]["spec"]["containers"][0]["image"]
        for (kind, _), item in objects.items()
        if kind == "ReplicaSet" and _tier_of(item) == "agents"
    }
    return [
        f"VoiceFleet/{name} is Ready for image {wanted}, and no worker is made from it"
        for (kind, name), fleet in objects.items()
        if kind == "VoiceFleet" and is_settled(fleet)
        if (wanted := fleet["spec"]["agents"]["image"]) not in images
    ]


def unready_pods(objects: Objects) -> list[str]:
    """Return what there is to know about pods that are not Ready, and who counts them."""
    told = []
    for (kind, name), item in objects.items():
        status = item.get("status", {})
        if kind == "Deployment":
            counts = {key: value for key, value in status.items() if key != "conditions"}
            if counts.get("readyReplicas") != item["spec"].get("replicas"):
                told.append(f"Deployment/{name}: {counts}")
        is_ready = any(
            one["type"] == "Ready" and one["status"] == "True"
            for one in status.get("conditions", ())
        )
        if kind == "Pod" and not is_ready:
            states = [one.get("state") for one in status.get("containerStatuses", ())]
            told.append(
                f"Pod/{name} on {item['spec'].get('nodeName', 'no node')}, version "
                f"{item['metadata']['resourceVersion']}: {status.get('phase')} {states}"
            )
    return told


def _tier_of(item: Manifest) -> str:
    return str(item["metadata"].get("labels", {}).get(labels.TIER, ""))


def _is_of_fleet(item: Manifest) -> bool:
    owners = item["metadata"].get("ownerReferences") or ()
    by_label = labels.FLEET in (item["metadata"].get("labels") or {})
    return by_label and not any(owner["kind"] == "Deployment" for owner in owners)


def _content(item: Manifest) -> Manifest:
    metadata = item["metadata"]
    kept = {
        name: _without(metadata[name], DERIVED) for name in OURS_IN_METADATA if metadata.get(name)
    }
    owners = [f"{owner['kind']}/{owner['name']}" for owner in metadata.get("ownerReferences", ())]
    if item["kind"] == "Secret":
        return {**kept, "owners": owners, "keys": sorted(item.get("data", {}))}
    content = {name: item[name] for name in CONTENTS if name in item}
    return {**kept, "owners": owners, **_without(content, CHOSEN_BY_SERVER | DERIVED)}


def _pod_line(pod: Manifest) -> str:
    marks = pod["metadata"].get("labels", {})
    owner = next(iter(pod["metadata"].get("ownerReferences", ())), {"name": "nobody"})
    owner_name = owner["name"].removesuffix(f"-{marks.get('pod-template-hash')}")
    conditions = pod.get("status", {}).get("conditions", ())
    is_ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    annotations = pod["metadata"].get("annotations", {})
    cordoned = annotations.get(labels.CORDONED, "false")
    words = [owner_name, f"busy={marks.get(labels.BUSY)}", f"cordoned={cordoned}"]
    words.append("ready" if is_ready else "not ready")
    return " ".join([*words, "leaving"] if "deletionTimestamp" in pod["metadata"] else words)


def _names_of_hashes(objects: Objects) -> dict[str, str]:
    """Return a word for each hash that follows from the fleet's UID: Secrets and revisions.

    Revisions of a tier are told apart by their order of creation, and so are media servers:
    their numbers are never used twice, so they tell how often one had to be replaced.
    """
    found: dict[str, str] = {}
    for (kind, name), item in sorted(objects.items(), key=_age):
        marks = item["metadata"].get("labels", {})
        revision = marks.get(labels.REVISION)
        if kind == "Secret" and _is_of_fleet(item):
            found[name.rpartition("-")[2]] = "SUFFIX"
        elif revision is not None and revision not in found:
            tier = marks.get(labels.TIER, "no tier")
            rank = sum(word.startswith(f"{tier} revision") for word in found.values())
            found[revision] = f"{tier} revision {rank + 1}"
        if kind == "ReplicaSet" and labels.SERVER in marks:
            rank = sum(word.startswith("server") for word in found.values())
            found[name] = f"server {rank + 1}"
    return found


def _age(entry: tuple[tuple[str, str], Manifest]) -> str:
    return str(entry[1]["metadata"]["creationTimestamp"])


def _without(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(one, names) for key, one in value.items() if key not in names}
    if isinstance(value, list):
        return [_without(one, names) for one in value]
    return value


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    match value:
        case dict() if value:
            for key, one in value.items():
                yield from _leaves(one, f"{place}.{key}" if place else str(key))
        case list() if value:
            for number, one in enumerate(value):
                yield from _leaves(one, f"{place}[{number}]")
        case _:
            yield place, value
