"""What each scaled workload should be, given what stands: as it was made, or rendered anew.

Called by `planning`, once for every workload and cycle. How that is decided stands in
`render/making`; here is only which render function belongs to which tier.
"""

from collections.abc import Iterable

from voicefleet.api.voicefleet import EvaluationSpec, SpeechSpec
from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Child
from voicefleet.render.agents_replicaset import render_agents_replicaset
from voicefleet.render.evaluation_deployment import render_evaluation_deployment
from voicefleet.render.making import (
    carries,
    is_as_wanted,
    remake,
    revision_in,
    settle,
    settle_newest,
)
from voicefleet.render.media_replicaset import render_media_replicaset
from voicefleet.render.speech_deployment import render_speech_deployment


def settle_agents(fleet: Fleet, standing: Iterable[Child]) -> Manifest:
    """Return the ReplicaSet whose workers are to take calls; all others only drain."""
    return settle_newest(fleet, standing, render_agents_replicaset)


def settle_server(fleet: Fleet, server: int, live: Child) -> Manifest | None:
    """Return what a standing media server should be; None where it has to be replaced.

    Servers of one rendering and of another take calls side by side, so a server that the
    fleet needs beside those it has is always made by this operator's own rendering.
    """

    def render(fleet: Fleet) -> Manifest:
        return render_media_replicaset(fleet, server)

    newest = render(fleet)
    if carries(live, revision_in(newest)):
        return newest
    return remake(newest, live) if is_as_wanted(fleet, live, render) else None


def settle_speech(fleet: Fleet, pool: SpeechSpec, live: Child | None) -> Manifest:
    """Return what the Deployment of a speech pool should be."""

    def render(fleet: Fleet) -> Manifest:
        written = next((each for each in fleet.spec.speech if each.name == pool.name), pool)
        return render_speech_deployment(fleet, written)

    return settle(fleet, live, render)


def settle_evaluation(fleet: Fleet, evaluation: EvaluationSpec, live: Child | None) -> Manifest:
    """Return what the Deployment of the evaluators should be."""

    def render(fleet: Fleet) -> Manifest:
        return render_evaluation_deployment(fleet, fleet.spec.evaluation or evaluation)

    return settle(fleet, live, render)
