"""SurgePlans in memory: the fake of `ports.SurgePlans`, held to the adapter's contract."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from voicefleet.adapters.surges import announce, missing_bookings
from voicefleet.api.surgeplan import SurgePlanSpec, SurgePlanStatus
from voicefleet.core.bookings import read_bookings
from voicefleet.core.surge_windows import HORIZON, find_zone, resolve_surges
from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.model.surge import Announcement, Bookings, Surge


class FakeSurgePlans:
    """Keeps what a test stores; a file of bookings is known at once."""

    def __init__(self, wake: Callable[[ObjectKey], None] = lambda _: None) -> None:
        self.quotas: list[Manifest] = []
        self.written: list[tuple[ObjectKey, Manifest]] = []
        self.fails_with: Exception | None = None
        """What the next write of a status is answered with."""
        self._wake = wake
        self._plans: dict[ObjectKey, Announcement] = {}

    def restart(self, wake: Callable[[ObjectKey], None]) -> None:
        """Tell another queue from now on, of everything that there is already."""
        self._wake = wake
        for key, plan in self._plans.items():
            self._tell(key, plan)

    def store(self, body: Mapping[str, Any], bookings: str | None = None) -> None:
        """Keep a plan, with what its file of bookings says; None where there is no such file."""
        metadata = body["metadata"]
        key = ObjectKey("SurgePlan", metadata["namespace"], metadata["name"])
        plan = announce(key, body)
        before = self._plans.get(key)
        if plan.spec is not None and plan.spec.bookings is not None:
            plan = replace(plan, bookings=_read(plan.spec, bookings))
        self._plans[key] = plan
        if before is not None:
            self._wake(before.fleet)
        self._tell(key, plan)

    def forget(self, key: ObjectKey, uid: str) -> None:
        """Drop a plan, if it is this one."""
        plan = self._plans.get(key)
        if plan is not None and plan.uid == uid:
            del self._plans[key]
            self._wake(plan.fleet)

    def about(self, fleet: ObjectKey) -> Collection[ObjectKey]:
        """Return the plans about a fleet."""
        return [key for key, plan in self._plans.items() if plan.fleet == fleet]

    def find(self, key: ObjectKey, now: datetime) -> tuple[Surge, ...]:
        """Do what the port says."""
        return tuple(
            surge
            for name in sorted(self.about(key))
            for surge in self._resolve(name, self._plans[name], now)
        )

    def find_plan(self, key: ObjectKey) -> Announcement | None:
        """Do what the port says."""
        return self._plans.get(key)

    async def read_quotas(self, namespace: str) -> Sequence[Manifest]:
        """Do what the port says."""
        return [one for one in self.quotas if one["metadata"]["namespace"] == namespace]

    async def write_status(self, key: ObjectKey, status: Manifest) -> None:
        """Do what the port says."""
        failure, self.fails_with = self.fails_with, None
        if failure is not None:
            raise failure
        plan = self._plans.get(key)
        if plan is not None:
            self.written.append((key, status))
            stored = SurgePlanStatus.model_validate_json(json.dumps(status))
            self._plans[key] = replace(plan, status=stored)

    def _tell(self, key: ObjectKey, plan: Announcement) -> None:
        self._wake(key)
        self._wake(plan.fleet)

    def _resolve(self, key: ObjectKey, plan: Announcement, now: datetime) -> tuple[Surge, ...]:
        if plan.spec is None:
            return ()
        return resolve_surges(
            key.name,
            plan.spec,
            plan.bookings or Bookings(),
            after=now - HORIZON,
            before=now + HORIZON,
        )


def _read(spec: SurgePlanSpec, bookings: str | None) -> Bookings:
    if bookings is None or spec.bookings is None:
        return missing_bookings("ConfigMap")
    return read_bookings(bookings, find_zone(spec.time_zone))
