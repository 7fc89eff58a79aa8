"""What each workload should be, given what stands: as it was made, or rendered anew.

Called by `planning`. How that is decided stands in `render/making`; here is which render
function belongs to which tier, and the memory that keeps a cycle from asking twice.
"""

from collections.abc import Callable, Iterable, Mapping

from voicefleet.api.labels import MADE_AS, MADE_FROM
from voicefleet.api.voicefleet import SpeechSpec
from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Child, Tier
from voicefleet.recall import remembered
from voicefleet.render.agents_replicaset import render_agents_replicaset
from voicefleet.render.evaluation_deployment import render_evaluation_deployment
from voicefleet.render.making import carries, remake, revision_in
from voicefleet.render.media_replicaset import render_media_replicaset
from voicefleet.render.once import FLEETS_KEPT, rendered_once
from voicefleet.render.redis_deployment import render_redis_deployment
from voicefleet.render.speech_deployment import render_speech_deployment


@remembered(FLEETS_KEPT)
def settle_agents(fleet: Fleet, standing: Iterable[Child]) -> Manifest:
    """Return the ReplicaSet whose workers are to take calls; all others only drain.

    Of those that are as the author wants them, the one that this operator would have made
    itself comes first, else the youngest; where there is none, a new one is made.
    """
    newest = render_agents_replicaset(fleet)
    name = newest["metadata"]["name"]
    children = tuple(standing)
    if all(child.key.name == name for child in children):
        return newest
    kept = [_keep(fleet, child, Tier.AGENTS) for child in sorted(children, key=_age)]
    fitting = [manifest for manifest in kept if manifest is not None]
    if not fitting or any(manifest["metadata"]["name"] == name for manifest in fitting):
        return newest
    return fitting[-1]


@remembered(FLEETS_KEPT)
def settle_server(fleet: Fleet, server: int, live: Child) -> Manifest | None:
    """Return what a standing media server should be; None where it has to be replaced.

    Servers of one rendering and of another take calls side by side, so a server that the
    fleet needs beside those it has is always made by this operator's own rendering.
    """
    newest = render_media_replicaset(fleet, server)
    if carries(live, revision_in(newest)):
        return newest
    return _keep(fleet, live, Tier.MEDIA, str(server))


def settle_redis(fleet: Fleet, live: Child | None) -> Manifest:
    """Return what the Deployment of the fleet's own Redis should be."""
    return _settle(fleet, live, Tier.REDIS)


def settle_speech(fleet: Fleet, pool: SpeechSpec, live: Child | None) -> Manifest:
    """Return what the Deployment of a speech pool should be."""
    return _settle(fleet, live, Tier.SPEECH, pool.name)


def settle_evaluation(fleet: Fleet, live: Child | None) -> Manifest:
    """Return what the Deployment of the evaluators should be; the fleet has some."""
    return _settle(fleet, live, Tier.EVALUATION)


@remembered(FLEETS_KEPT)
def _settle(fleet: Fleet, live: Child | None, tier: Tier, which: str = "") -> Manifest:
    newest = _RENDER[tier](fleet, which)
    if live is None or carries(live, revision_in(newest)):
        return newest
    return _keep(fleet, live, tier, which) or newest


def _keep(fleet: Fleet, live: Child, tier: Tier, which: str = "") -> Manifest | None:
    """Return a workload as it was made, if its author still wants it so."""
    records = live.manifest["metadata"].get("annotations") or {}
    words, made = records.get(MADE_FROM, ""), records.get(MADE_AS, "")
    # JSON has no line breaks of its own, so one text holds both records.
    kept = _remake(fleet, f"{tier}/{which}", live.key.name, f"{words}\n{made}")
    # A selector can never change: whatever differs there was written by hand.
    is_fitting = kept is not None and kept["spec"]["selector"] == live.manifest["spec"]["selector"]
    return kept if is_fitting else None


@rendered_once
def _remake(fleet: Fleet, workload: str, name: str, records: str, /) -> Manifest | None:
    tier, _, which = workload.partition("/")
    words, _, made = records.partition("\n")
    render = _RENDER[Tier(tier)]
    return remake(fleet, lambda each: render(each, which), name=name, words=words, made=made)


def _render_speech(fleet: Fleet, name: str) -> Manifest:
    pools = {pool.name: pool for pool in fleet.spec.speech}
    return render_speech_deployment(fleet, pools[name])


def _render_evaluation(fleet: Fleet, _: str) -> Manifest:
    if fleet.spec.evaluation is None:
        raise LookupError(f"fleet {fleet} has no evaluators; plan them only where there are some")
    return render_evaluation_deployment(fleet, fleet.spec.evaluation)


_RENDER: Mapping[Tier, Callable[[Fleet, str], Manifest]] = {
    Tier.AGENTS: lambda fleet, _: render_agents_replicaset(fleet),
    Tier.MEDIA: lambda fleet, server: render_media_replicaset(fleet, int(server)),
    Tier.REDIS: lambda fleet, _: render_redis_deployment(fleet),
    Tier.SPEECH: _render_speech,
    Tier.EVALUATION: _render_evaluation,
}
"""How this operator renders a workload; the word says which pool or server is meant."""


def _age(child: Child) -> tuple[str, str]:
    created = child.manifest["metadata"].get("creationTimestamp", "")
    return str(created), child.key.name
