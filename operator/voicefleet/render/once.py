"""Renders each object of a fleet once for as long as what its author wants stays the same.

A cycle asks for some thirty manifests and nearly always gets those of the cycle before. What
they depend on is the fleet's identity, its spec and its platform; status is no part of it. So
the answer is kept beside the spec that it was made from. Manifests are shared by that, and
nobody may write to them, as nobody ever did. Decorates the render functions.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from voicefleet.api.voicefleet import VoiceFleetSpec
from voicefleet.model.fleet import Fleet
from voicefleet.recall import remembered
from voicefleet.settings import Platform

FLEETS_KEPT = 64
"""Fleets whose manifests are kept, the ones asked for last: about 100 kB each."""

Arguments = ParamSpec("Arguments")
Rendered = TypeVar("Rendered")


@dataclass(slots=True)
class _Kept:
    """What was rendered from one spec."""

    spec: VoiceFleetSpec
    platform: Platform
    rendered: dict[Hashable, Any] = field(default_factory=dict)


_KEPT: OrderedDict[tuple[str, ...], _Kept] = OrderedDict()


def rendered_once(
    render: Callable[Concatenate[Fleet, Arguments], Rendered],
) -> Callable[Concatenate[Fleet, Arguments], Rendered]:
    """Return the render function with a memory of its last answers.

    Its further arguments have to be words, numbers, or parts of the fleet's own spec; with any
    other argument it is simply called.
    """

    @wraps(render)
    def render_or_recall(
        fleet: Fleet, /, *arguments: Arguments.args, **named: Arguments.kwargs
    ) -> Rendered:
        places = [_place(fleet.spec, argument) for argument in arguments]
        if named or None in places:
            return render(fleet, *arguments, **named)
        rendered = _recall(fleet).rendered
        key = (render, *places)
        if key not in rendered:
            rendered[key] = render(fleet, *arguments, **named)
        answer: Rendered = rendered[key]
        return answer

    return render_or_recall


@remembered(FLEETS_KEPT)
def _recall(fleet: Fleet) -> _Kept:
    """Return what is kept of exactly this wish, empty where its author has changed it."""
    identity = (fleet.namespace, fleet.name, fleet.uid, fleet.secret_suffix, fleet.refresh)
    kept = _KEPT.get(identity)
    if kept is None or not _is_same(kept, fleet):
        kept = _KEPT[identity] = _Kept(fleet.spec, fleet.platform)
        if len(_KEPT) > FLEETS_KEPT:
            _KEPT.popitem(last=False)
    _KEPT.move_to_end(identity)
    return kept


def _is_same(kept: _Kept, fleet: Fleet) -> bool:
    if kept.spec is fleet.spec and kept.platform is fleet.platform:
        return True
    if kept.spec != fleet.spec or kept.platform != fleet.platform:
        return False
    # The next question of this cycle is answered by looking at the address.
    kept.spec, kept.platform = fleet.spec, fleet.platform
    return True


def _place(spec: VoiceFleetSpec, argument: object) -> Hashable:
    """Return what stands for an argument in the key; None where nothing can."""
    if isinstance(argument, int | str):
        return argument
    if argument is spec.evaluation:
        return ("evaluation",)
    return next(
        (("speech", index) for index, pool in enumerate(spec.speech) if pool is argument), None
    )
