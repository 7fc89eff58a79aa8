"""The list of a fleet's children that exist once and are not scaled.

Workloads that are scaled (workers, media servers, speech pools, evaluators) are asked for
one by one, because the planner decides which of them exist and how large they are.
"""

from voicefleet.api.media import RedisMode
from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Child
from voicefleet.recall import remembered
from voicefleet.render.agents_disruption_budget import render_agents_disruption_budget
from voicefleet.render.agents_network_policy import render_agents_network_policy
from voicefleet.render.agents_service_account import render_agents_service_account
from voicefleet.render.evaluation_network_policy import render_evaluation_network_policy
from voicefleet.render.making import file_of
from voicefleet.render.media_network_policy import render_media_network_policy
from voicefleet.render.media_service import render_media_service
from voicefleet.render.once import FLEETS_KEPT
from voicefleet.render.redis_config_map import render_redis_config_map
from voicefleet.render.redis_network_policy import render_redis_network_policy
from voicefleet.render.redis_service import render_redis_service
from voicefleet.render.speech_network_policy import render_speech_network_policy
from voicefleet.render.speech_service import render_speech_service
from voicefleet.render.standing import settle_redis


@remembered(FLEETS_KEPT)
def render_static_children(fleet: Fleet, redis: Child | None = None) -> tuple[Manifest, ...]:
    """Return every unscaled child, in the order in which they are best created.

    `redis` is the Deployment of the fleet's own Redis as observed: it is restarted for its
    author's sake only, never for a new rendering of ours.

    What pods need to start comes first: accounts, policies and files, then Redis, then
    Services. ConfigMaps of media servers are not in it; the planner keeps each while a server
    uses it.
    """
    return (
        *_agents(fleet),
        *_media(fleet),
        *_redis(fleet, redis),
        *_speech(fleet),
        *_evaluation(fleet),
    )


def _agents(fleet: Fleet) -> tuple[Manifest, ...]:
    guards = (render_agents_network_policy(fleet), render_agents_disruption_budget(fleet))
    if fleet.spec.agents.service_account_name is not None:
        return guards
    return (render_agents_service_account(fleet), *guards)


def _media(fleet: Fleet) -> tuple[Manifest, ...]:
    return (
        render_media_network_policy(fleet),
        render_media_service(fleet),
    )


def _redis(fleet: Fleet, live: Child | None) -> tuple[Manifest, ...]:
    if fleet.spec.media.redis.mode is RedisMode.EXTERNAL:
        return ()
    deployment = settle_redis(fleet, live)
    return (
        render_redis_config_map(fleet, file_of(deployment)),
        render_redis_network_policy(fleet),
        render_redis_service(fleet),
        deployment,
    )


def _speech(fleet: Fleet) -> tuple[Manifest, ...]:
    if not fleet.spec.speech:
        return ()
    services = tuple(render_speech_service(fleet, pool) for pool in fleet.spec.speech)
    return (render_speech_network_policy(fleet), *services)


def _evaluation(fleet: Fleet) -> tuple[Manifest, ...]:
    if fleet.spec.evaluation is None:
        return ()
    return (render_evaluation_network_policy(fleet),)
