"""Keeps the status of SurgePlans true: whether they count, what comes next, can it be reached.

A plan has its turn when it, its bookings or its fleet changed, when its next window begins, and
once a minute. Nothing that a fleet's cycle decides depends on it. Called by `shell/reconcile`
for every plan that the queue hands out.
"""

from collections.abc import Callable
from datetime import timedelta

from voicefleet.core.agents_memory import AgentsMemory, read_agents_memory
from voicefleet.core.quota import QuotaLimit, find_quota_limit
from voicefleet.core.surge_status import Room, report_surge_plan
from voicefleet.errors import NotLeadingError, SpecError
from voicefleet.manifests import ObjectKey
from voicefleet.model.fleet import Fleet
from voicefleet.model.surge import Announcement
from voicefleet.ports import Clock, Cluster, SurgePlans
from voicefleet.settings import Platform
from voicefleet.shell.fleets import make_fleet
from voicefleet.shell.remembering import load_memory, memory_key

SURGE_PLAN = "SurgePlan"
"""Kind of the keys that the queue holds beside those of fleets."""

AGAIN_SECONDS = 60.0
"""Quotas change and workers come up without a word about the plan; a minute later it is said."""

SOON_SECONDS = 5.0
"""While workers for the next window are being started, what is said follows them this closely."""

SOONEST_SECONDS = 1.0
"""A window that begins this moment has begun when the plan is looked at again."""


class SurgeKeeper:
    """Writes what is said about SurgePlans.

    Args:
        plans: Where they are kept.
        cluster: Knows the fleets that they are about.
        clock: Says what has begun.
        may_write: Says whether this replica still holds the Lease.
    """

    def __init__(
        self,
        plans: SurgePlans,
        cluster: Cluster,
        clock: Clock,
        *,
        may_write: Callable[[], bool],
    ) -> None:
        self._may_write = may_write
        self._plans = plans
        self._cluster = cluster
        self._clock = clock

    async def tend(self, key: ObjectKey, platform: Platform) -> float | None:
        """Write the status of a plan if it says something new.

        Returns:
            Seconds until the plan has to be looked at again; None where it does not exist.

        Raises:
            VoiceFleetError: The API server did not take it, or this replica must not write any
                more; to be tried again.
        """
        plan = self._plans.find_plan(key)
        if plan is None:
            return None
        room, why_not = await self._find_room(plan, platform)
        now = self._clock.now()
        status = report_surge_plan(plan, room, now, why_not=why_not)
        if status != plan.status:
            if not self._may_write():
                raise NotLeadingError(f"status of SurgePlan {key.namespace}/{key.name}")
            await self._plans.write_status(key, status.to_manifest())
        if status.next is None:
            return AGAIN_SECONDS
        begins_at = status.next.scale_up_time or status.next.start_time
        pause = SOON_SECONDS if begins_at <= now else AGAIN_SECONDS
        rest = (status.next.start_time - now).total_seconds()
        return min(pause, max(SOONEST_SECONDS, rest))

    async def _find_room(self, plan: Announcement, platform: Platform) -> tuple[Room | None, str]:
        """Return what the plan is measured against, or why there is nothing."""
        body = self._cluster.find_fleet(plan.fleet)
        if body is None:
            return None, ""
        try:
            fleet = make_fleet(body, platform, secret_suffix="")
        except SpecError as error:
            return None, str(error)
        agents, memory = fleet.spec.agents, self._recall(fleet, plan.fleet)
        room = Room(
            name=fleet.name,
            sessions_per_worker=agents.sessions_per_worker * memory.guard.derate,
            max_replicas=agents.max_replicas,
            ready_replicas=fleet.status.agents.ready_replicas,
            lead_time=timedelta(seconds=memory.starts.announced_seconds),
            quota=await self._find_quota(fleet, plan),
        )
        return room, ""

    async def _find_quota(self, fleet: Fleet, plan: Announcement) -> QuotaLimit | None:
        """Ask the server for the namespace's quotas; a plan that cannot count needs none."""
        if plan.spec is None:
            return None
        quotas = await self._plans.read_quotas(fleet.namespace)
        workers = fleet.status.agents.replicas
        return find_quota_limit(quotas, fleet.spec.agents, workers=workers)

    def _recall(self, fleet: Fleet, key: ObjectKey) -> AgentsMemory:
        """Return what the fleet's cycles go by, as it was at most a minute ago."""
        child = self._cluster.children(key).get(memory_key(fleet))
        return read_agents_memory(load_memory(fleet, child).get("agents"))
