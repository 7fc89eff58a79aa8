"""What kopf calls: a fleet or a plan changed, credentials are needed, do we live?"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import kopf

from voicefleet.adapters.kubernetes.credentials import Credentials
from voicefleet.api.base import API_GROUP, API_VERSION
from voicefleet.manifests import ObjectKey
from voicefleet.shell.queue import WorkQueue

FLEETS = (API_GROUP, API_VERSION, "voicefleets")
SURGE_PLANS = (API_GROUP, API_VERSION, "surgeplans")

CONNECTIONS_MAX = 4
"""kopf's own connections: one watch per namespace or one for all, and a few lists. Without a
limit it opens as many as it has requests (nolar/kopf#1011)."""

REGISTRY = kopf.OperatorRegistry()
"""Our handlers only; kopf's default registry is shared by everything in the process."""


class FleetStore(Protocol):
    """Where VoiceFleets are kept for the cycles."""

    def store(self, body: Mapping[str, Any]) -> bool:
        """Keep a fleet; say whether anything but its version is new."""
        ...

    def forget(self, key: ObjectKey, uid: str) -> None:
        """Drop a fleet that does not exist any more, but none that has its name by now."""
        ...


class PlanStore(Protocol):
    """Where SurgePlans are kept for the cycles; it wakes whom they concern."""

    def store(self, body: Mapping[str, Any]) -> None:
        """Keep a plan."""
        ...

    def forget(self, key: ObjectKey, uid: str) -> None:
        """Drop a plan that does not exist any more, but none that has its name by now."""
        ...

    def about(self, fleet: ObjectKey) -> Collection[ObjectKey]:
        """Return the plans about a fleet."""
        ...


@dataclass(frozen=True, slots=True)
class Wiring:
    """What handlers work with; kopf hands it to each of them as `memo`."""

    fleets: FleetStore
    plans: PlanStore
    queue: WorkQueue
    credentials: Credentials
    check_health: Callable[[], str]
    """Returns what there is to say, or raises with what is wrong."""


@kopf.on.event(*FLEETS, registry=REGISTRY)
async def note_fleet_event(event: Mapping[str, Any], memo: Wiring, **_: Any) -> None:
    """Keep the fleet and mark it for a cycle; the cycle decides whether anything is to do."""
    metadata = event["object"]["metadata"]
    key = ObjectKey("VoiceFleet", metadata["namespace"], metadata["name"])
    if event["type"] == "DELETED":
        memo.fleets.forget(key, metadata["uid"])
    elif not memo.fleets.store(event["object"]):
        return
    for concerned in (key, *memo.plans.about(key)):
        memo.queue.add(concerned)


@kopf.on.event(*SURGE_PLANS, registry=REGISTRY)
async def note_plan_event(event: Mapping[str, Any], memo: Wiring, **_: Any) -> None:
    """Keep the plan; whatever it concerns gets a cycle."""
    metadata = event["object"]["metadata"]
    if event["type"] == "DELETED":
        key = ObjectKey("SurgePlan", metadata["namespace"], metadata["name"])
        memo.plans.forget(key, metadata["uid"])
    else:
        memo.plans.store(event["object"])


@kopf.on.login(registry=REGISTRY)
async def log_in(memo: Wiring, **_: Any) -> kopf.AiohttpSession:
    """Let kopf use our credentials, with few connections and the token of each moment."""
    credentials = memo.credentials
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX, ssl=credentials.ssl),
        middlewares=(bearer(credentials),),
    )
    return kopf.AiohttpSession(server=credentials.server, aiohttp_session=session)


@kopf.on.probe(id="operator", registry=REGISTRY)
async def report_health(memo: Wiring, **_: Any) -> str:
    """Answer the liveness probe: what is wrong is raised, and kopf answers 500."""
    return memo.check_health()


def bearer(credentials: Credentials) -> aiohttp.ClientMiddlewareType:
    """Return what puts the token that is valid now on each request."""

    async def authorize(
        request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        token = await credentials.token()
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        return await send(request)

    return authorize
