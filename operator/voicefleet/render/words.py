"""What an author wrote about each workload: the part of a fleet that its pods follow.

Every workload carries these words as an annotation (`render/making`). A later operator puts
them back into the fleet, renders both fleets its own way, and so learns whether the author
has changed something that this workload's pods would show. That is why the words are kept
and not a hash of them: a hash changes with the list of what goes into it, and an operator
that knows one field more would replace every pod of every fleet.

Counts are left out, and so are the platform's images: neither is the author's word about a
pod. The names of generated Secrets are in, because pods with other keys cannot talk to each
other.
"""

from collections.abc import Mapping
from dataclasses import replace

from voicefleet.api.parse import parse_spec
from voicefleet.api.voicefleet import EvaluationSpec, SpeechSpec
from voicefleet.errors import SpecError
from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet

COUNTS = frozenset(
    {
        "deadlineSeconds",
        "floorReplicas",
        "gpuSustainedSeconds",
        "gpuUtilizationPercent",
        "latencyBudgetMilliseconds",
        "maxReplicas",
        "minReplicas",
        "scaleOutPercent",
        "spareServers",
        "windows",
    }
)
"""Fields of any tier that say how many pods there are, and nothing about a pod."""


def agents_words(fleet: Fleet) -> Manifest:
    """Return what the author wrote about the workers."""
    return _words(fleet, {"agents": _uncounted(fleet.spec.agents.to_manifest())})


def media_words(fleet: Fleet) -> Manifest:
    """Return what the author wrote about the media servers; they wait for the longest call."""
    longest = {"maxSessionSeconds": fleet.spec.agents.max_session_seconds}
    return {
        **_words(fleet, {"media": _uncounted(fleet.spec.media.to_manifest())}),
        "beside": {"agents": longest},
    }


def redis_words(fleet: Fleet) -> Manifest:
    """Return what the author wrote about the fleet's own Redis: nothing beyond wanting it."""
    return _words(fleet, {})


def speech_words(fleet: Fleet, pool: SpeechSpec) -> Manifest:
    """Return what the author wrote about one speech pool."""
    return _words(fleet, {"speech": [_uncounted(pool.to_manifest())]})


def evaluation_words(fleet: Fleet, evaluation: EvaluationSpec) -> Manifest:
    """Return what the author wrote about the evaluators."""
    return _words(fleet, {"evaluation": _uncounted(evaluation.to_manifest())})


def fleet_of_words(fleet: Fleet, words: Manifest) -> Fleet | None:
    """Return the fleet as it was when these words were written, as far as they go.

    None where this operator cannot read them: then nobody can say that they mean the same.
    """
    spec = fleet.spec.to_manifest()
    try:
        for block, written in words["spec"].items():
            counts = _counts(spec.get(block))
            spec[block] = {**counts, **written} if isinstance(written, dict) else written
        for block, fields in words.get("beside", {}).items():
            spec[block] = {**spec[block], **fields}
        return replace(fleet, spec=parse_spec(spec), secret_suffix=str(words["keys"]))
    except (AttributeError, KeyError, TypeError, SpecError):
        return None


def _words(fleet: Fleet, blocks: Manifest) -> Manifest:
    return {"keys": fleet.secret_suffix, "refresh": fleet.refresh, "spec": blocks}


def _uncounted(block: Manifest) -> Manifest:
    return {name: value for name, value in block.items() if name not in COUNTS}


def _counts(block: object) -> Manifest:
    if not isinstance(block, Mapping):
        return {}
    return {name: value for name, value in block.items() if name in COUNTS}
