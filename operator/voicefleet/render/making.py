"""How a workload was made, and whether it may stay so: what a new operator finds.

An operator of another version may render the same fleet in another way: a new label, another
probe, another image of the platform. To apply that to what runs would replace the pods of
every fleet at the moment of the upgrade. So each workload records what its author had
written (`made-from`) and what its operator made of it (`made-as`). As long as the author's
words still mean the same to this operator, the workload stays as it was made: its selector,
its pod template, the file its pods mount. A new rendering is taken up with the next change
that the author makes to that workload, or on the author's word (annotation `refresh`).

Whoever may edit these annotations may edit the pod template beside them as well, so they
grant nothing. Called by `render/standing`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from voicefleet.api.labels import MADE_AS, MADE_FROM, REVISION
from voicefleet.manifests import Manifest, with_fingerprint
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Child
from voicefleet.render.labels import Labels
from voicefleet.render.objects import build_child
from voicefleet.render.words import fleet_of_words

RECORDS_KEPT = 256
"""Records that are not read again in the next cycle: some 10 kB each, read a dozen times."""

Render = Callable[[Fleet], Manifest]
"""How this operator renders one workload of a fleet; LookupError where it has no such one."""


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
    """Return the record of a workload, or None where it has none that could be applied."""
    annotations = manifest["metadata"].get("annotations") or {}
    return parse_making(annotations.get(MADE_FROM, ""), annotations.get(MADE_AS, ""))


def parse_making(words: str, made: str) -> Making | None:
    """Return the record from its two texts, or None where somebody has spoilt it."""
    try:
        record = _read(made)
        making = Making(
            _read(words), record["selector"], record["template"], record.get("file", "")
        )
        selected = making.selector["matchLabels"].items()
        is_sound = (
            isinstance(making.words, dict)
            and isinstance(making.file, str)
            and making.revision != ""
            and selected <= making.template["metadata"]["labels"].items()
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return making if is_sound else None


def remake(fleet: Fleet, render: Render, *, name: str, words: str, made: str) -> Manifest | None:
    """Return a workload as it was made, or None where its author wants it otherwise by now.

    The object's own labels and owner are today's. Selector, template and record are those it
    was made with: equal to what the earlier operator sent, so that nothing is written.

    Args:
        fleet: The fleet as its author writes it now.
        render: How this operator renders that workload.
        name: What the workload is called.
        words: Its record of what the author had written.
        made: Its record of what was made of that.
    """
    newest, making = render(fleet), parse_making(words, made)
    if making is None or not _means_the_same(fleet, making, newest, render):
        return None
    if making.revision == revision_in(newest):
        return newest
    metadata = newest["metadata"]
    return with_fingerprint(
        {
            **newest,
            "metadata": {
                **metadata,
                "name": name,
                "labels": {**metadata["labels"], REVISION: making.revision},
                "annotations": {MADE_FROM: words, MADE_AS: made},
            },
            "spec": {
                **newest["spec"],
                "selector": making.selector,
                "template": making.template,
            },
        }
    )


def _means_the_same(fleet: Fleet, making: Making, newest: Manifest, render: Render) -> bool:
    """Say whether the author's words of then mean what they write now.

    They do if this operator would render both alike. The platform may have changed since:
    that is no word of the author's. Nearly always the words are the same to the letter, and
    nothing has to be rendered.
    """
    today = read_making(newest)
    if today is not None and making.words == today.words:
        return True
    if making.words.get("refresh") != fleet.refresh:
        return False
    if revision_in(newest) == making.revision:
        return True
    before = fleet_of_words(fleet, making.words)
    try:
        return before is not None and revision_in(render(before)) == revision_in(newest)
    except LookupError:
        # Somebody wrote the words of another workload here.
        return False


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


@lru_cache(maxsize=RECORDS_KEPT)
def _read(record: str) -> Any:
    """Return what a record says; nobody writes to it, so cycles may share it."""
    return json.loads(record)


def _write(value: Manifest) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
