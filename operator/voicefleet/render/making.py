"""How a workload was made, and whether it may stay so: what a new operator finds.

An operator of another version may render the same fleet in another way: a new label, another
probe, another image of the platform. To apply that to what runs would replace the pods of
every fleet at the moment of the upgrade. So each workload records what its author had
written (`made-from`) and what its operator made of it (`made-as`). As long as the author's
words still mean the same to this operator, the workload stays as it was made: its selector,
its pod template, the file its pods mount. A new rendering is taken up with the next change
that the author makes to that workload, or on the author's word (annotation `refresh`).

Whoever may edit these annotations may edit the pod template beside them as well, so they
grant nothing. Called by `planning`.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from voicefleet.api.labels import MADE_AS, MADE_FROM, REVISION
from voicefleet.manifests import FINGERPRINT_ANNOTATION, Manifest, with_fingerprint
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Child
from voicefleet.render.labels import Labels
from voicefleet.render.objects import build_child
from voicefleet.render.words import fleet_of_words

RECORDS_KEPT = 256
"""Records that are not read again in the next cycle: some 10 kB each, read a dozen times."""

Render = Callable[[Fleet], Manifest]
"""How this operator renders one workload of a fleet."""


@dataclass(frozen=True, slots=True)
class Making:
    """The record that a workload carries."""

    words: Manifest
    """What the author had written, as `render/words` gives it."""
    selector: Manifest
    template: Manifest
    file: str
    """The text that its pods mount; empty where they mount none."""

    @property
    def revision(self) -> str:
        """The revision of its pods."""
        return str(self.template["metadata"]["labels"][REVISION])


def build_workload(
    fleet: Fleet,
    kind: str,
    name: str,
    *,
    labels: Labels,
    words: Manifest,
    spec: Manifest,
    file: str = "",
) -> Manifest:
    """Return a workload with the record of its making.

    Args:
        fleet: Whose workload it is.
        kind: ReplicaSet or Deployment.
        name: Its name.
        labels: The labels of the object itself.
        words: What the author wrote about it.
        spec: Its spec; `selector` and `template` go into the record.
        file: The text that its pods mount.
    """
    made: Manifest = {"selector": spec["selector"], "template": spec["template"]}
    if file:
        made["file"] = file
    annotations = {MADE_FROM: _write(words), MADE_AS: _write(made)}
    return build_child(fleet, kind, name, labels=labels, annotations=annotations, spec=spec)


def read_making(manifest: Manifest) -> Making | None:
    """Return the record of a workload, or None where it has none that can be applied to it.

    A selector can never change, and a template has to satisfy it: whatever differs there was
    written by hand.
    """
    annotations = manifest["metadata"].get("annotations") or {}
    try:
        words = _read(annotations[MADE_FROM])
        made = _read(annotations[MADE_AS])
        file = made.get("file", "")
        making = Making(words, made["selector"], made["template"], file)
        selected = making.selector["matchLabels"].items()
        is_fitting = (
            isinstance(words, dict)
            and isinstance(file, str)
            and making.revision != ""
            and making.selector == manifest["spec"]["selector"]
            and selected <= making.template["metadata"]["labels"].items()
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return making if is_fitting else None


def settle(fleet: Fleet, live: Child | None, render: Render) -> Manifest:
    """Return what a workload of a fixed name should be: as it was made, or rendered anew."""
    newest = render(fleet)
    if live is None or carries(live, revision_in(newest)):
        return newest
    return remake(newest, live) if is_as_wanted(fleet, live, render) else newest


def settle_newest(fleet: Fleet, standing: Iterable[Child], render: Render) -> Manifest:
    """Return the one workload, of several that stand side by side, that is to stay or to come.

    This is for workers, of which every revision has a ReplicaSet of its own. Of those that
    are as the author wants them, the one that this operator would have made itself comes
    first, else the youngest; where there is none, a new one is made.
    """
    newest = render(fleet)
    name = newest["metadata"]["name"]
    children = tuple(standing)
    if all(child.key.name == name for child in children):
        return newest
    fitting = [child for child in children if is_as_wanted(fleet, child, render)]
    if not fitting or any(child.key.name == name for child in fitting):
        return newest
    return remake(newest, max(fitting, key=_age))


def is_as_wanted(fleet: Fleet, live: Child, render: Render) -> bool:
    """Say whether a workload was made from words that mean what the author writes now.

    They do if this operator would render both alike. The platform may have changed since:
    that is no word of the author's.
    """
    making = read_making(live.manifest)
    if making is None or making.words.get("refresh") != fleet.refresh:
        return False
    before = fleet_of_words(fleet, making.words)
    if before is None:
        return False
    newest = revision_in(render(fleet))
    return newest == making.revision or newest == revision_in(render(before))


def remake(newest: Manifest, live: Child) -> Manifest:
    """Return today's rendering of a workload with the pods that it was made with.

    The object's own labels and owner are today's. Selector, template and record are those it
    was made with: equal to what the earlier operator sent, so that nothing is written.
    """
    making = read_making(live.manifest)
    if making is None or making.revision == revision_in(newest):
        return newest
    carried = live.manifest["metadata"]["annotations"]
    metadata = newest["metadata"]
    annotations = {
        name: value
        for name, value in metadata["annotations"].items()
        if name != FINGERPRINT_ANNOTATION
    }
    return with_fingerprint(
        {
            **newest,
            "metadata": {
                **metadata,
                "name": live.key.name,
                "labels": {**metadata["labels"], REVISION: making.revision},
                "annotations": {
                    **annotations,
                    MADE_FROM: carried[MADE_FROM],
                    MADE_AS: carried[MADE_AS],
                },
            },
            "spec": {
                **newest["spec"],
                "selector": making.selector,
                "template": making.template,
            },
        }
    )


def revision_in(manifest: Manifest) -> str:
    """Return the revision of a rendered workload's pods."""
    return str(manifest["spec"]["template"]["metadata"]["labels"][REVISION])


def file_of(workload: Manifest) -> str:
    """Return the text that the pods of a workload mount, by the record it carries."""
    making = read_making(workload)
    return making.file if making is not None else ""


def carries(live: Child, revision: str) -> bool:
    """Say whether the pods of a workload are of that revision, by their template's label."""
    labels = live.manifest["spec"]["template"]["metadata"].get("labels") or {}
    return bool(labels.get(REVISION) == revision)


def _age(child: Child) -> tuple[str, str]:
    metadata: Mapping[str, Any] = child.manifest["metadata"]
    return str(metadata.get("creationTimestamp", "")), child.key.name


@lru_cache(maxsize=RECORDS_KEPT)
def _read(record: str) -> Any:
    """Return what a record says; nobody writes to it, so cycles may share it."""
    return json.loads(record)


def _write(value: Manifest) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
