"""The SurgePlans of the cluster and their files of bookings, kept for the cycles.

kopf tells of plans. A file of bookings is a ConfigMap of its users' own, which carries no label
of ours and is therefore not watched; it is read once a minute, on every replica, so that a new
leader knows as much as the old one did.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from voicefleet.adapters.kubernetes.cache import fleet_key, version_of
from voicefleet.adapters.kubernetes.calls import Call, NotFoundError
from voicefleet.adapters.kubernetes.resources import BY_KIND, RESOURCE_QUOTA, SURGE_PLAN
from voicefleet.adapters.kubernetes.session import ApiSession
from voicefleet.api import labels
from voicefleet.api.parse import parse_surge_plan
from voicefleet.api.surge_reasons import SurgeReason
from voicefleet.core.bookings import read_bookings
from voicefleet.core.surge_windows import HORIZON, find_zone, resolve_surges
from voicefleet.errors import RefusedError, SpecError, VoiceFleetError
from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.model.surge import Announcement, Bookings, Surge

logger = logging.getLogger(__name__)

BOOKINGS_SECONDS = 60.0
"""How often each file of bookings is read again."""

LOOK_SECONDS = 1.0
"""Pause between two looks for files that are due; a new plan's file is read that soon."""

LIST_SECONDS = 60.0
"""How often all plans are listed. Who watches learns of no deletion that falls between two
watches, and a plan that is gone must not keep its fleet large for ever."""

AGAIN_SECONDS = 5.0
"""Pause before the plans are listed again that could not be listed at the start."""

PAGE_SIZE = "500"

CONFIG_MAP = BY_KIND["ConfigMap"]


class SurgePlans:
    """Implements `ports.SurgePlans`. `run` must be running for bookings to be true.

    Args:
        session: Sends the requests.
        wake: Is told which fleet or plan to look at again.
        monotonic: Measures how old a file of bookings is.
        namespaces: The namespaces to list plans in; empty for all.
    """

    def __init__(
        self,
        session: ApiSession,
        *,
        wake: Callable[[ObjectKey], None],
        monotonic: Callable[[], float],
        namespaces: Sequence[str] = (),
    ) -> None:
        self._session = session
        self._wake = wake
        self._monotonic = monotonic
        self._namespaces = tuple(namespaces) or ("",)
        self._plans: dict[ObjectKey, Announcement] = {}
        self._versions: dict[ObjectKey, tuple[str, int]] = {}
        self._due: dict[ObjectKey, float] = {}
        self._resolved: dict[ObjectKey, tuple[datetime, tuple[Surge, ...]]] = {}
        self._synced = asyncio.Event()
        self._told = ""

    async def run(self) -> None:
        """List every plan, and read files of bookings, for ever."""
        due_at, is_listed = -math.inf, False
        while True:
            if self._monotonic() >= due_at:
                is_listed = await self.list_plans()
                due_at = self._monotonic() + (LIST_SECONDS if is_listed else AGAIN_SECONDS)
            await self.read_due()
            if is_listed:
                self._synced.set()
            await asyncio.sleep(LOOK_SECONDS)

    async def wait_synced(self) -> None:
        """Return once every plan and its bookings were looked at; before that, none means nothing.

        kopf lists plans and fleets side by side, and a cycle that comes before its plan would
        decide as if nobody had announced anything.
        """
        await self._synced.wait()

    def store(self, body: Mapping[str, Any]) -> None:
        """Keep a plan if it is news; wake it, and the fleets that it was and is about."""
        key = _key_of(body)
        if not self._is_news(key, body):
            return
        if "deletionTimestamp" in body["metadata"]:
            self._drop(key)
            return
        made, before = announce(key, body), self._plans.get(key)
        if before is not None and (before.uid, before.generation) == (made.uid, made.generation):
            # Nobody but ourselves writes status, so nothing else can be new.
            self._plans[key] = replace(before, status=made.status)
            return
        self._drop(key)
        self._plans[key] = keep_bookings(made, before)
        if made.spec is not None and made.spec.bookings is not None:
            self._due[key] = self._monotonic()
        self._wake(key)
        self._wake(made.fleet)

    def _is_news(self, key: ObjectKey, body: Mapping[str, Any]) -> bool:
        """Say whether a plan is newer than what is known, and remember how new it is."""
        # Also of another life of this name the version tells which came first: kopf handles
        # each life's events by themselves, so an earlier one's end may come last.
        version = version_of(dict(body))
        if version <= self._versions.get(key, ("", 0))[1]:
            return False
        self._versions[key] = str(body["metadata"].get("uid", "")), version
        return True

    def forget(self, key: ObjectKey, uid: str) -> None:
        """Drop a plan that does not exist any more, unless its name has a new owner already."""
        if self._uid_of(key) == uid:
            self._versions.pop(key, None)
            self._drop(key)

    def _uid_of(self, key: ObjectKey) -> str:
        return self._versions.get(key, ("", 0))[0]

    def _drop(self, key: ObjectKey) -> None:
        plan = self._plans.pop(key, None)
        self._due.pop(key, None)
        self._resolved.pop(key, None)
        if plan is not None:
            self._wake(plan.fleet)

    def about(self, fleet: ObjectKey) -> Collection[ObjectKey]:
        """Return the plans about a fleet."""
        return [key for key, plan in self._plans.items() if plan.fleet == fleet]

    def find_plan(self, key: ObjectKey) -> Announcement | None:
        """Return a plan, or None where there is none or it is being deleted."""
        return self._plans.get(key)

    def find(self, key: ObjectKey, now: datetime) -> tuple[Surge, ...]:
        """Return the surges about a fleet that lie between a day ago and a day ahead."""
        return tuple(
            surge
            for plan in sorted(self.about(key))
            for surge in self._resolve(plan, self._plans[plan], now)
        )

    def _resolve(self, key: ObjectKey, announced: Announcement, now: datetime) -> tuple[Surge, ...]:
        """Resolve a plan for a whole hour at once: a fleet may have a cycle every second."""
        hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        known = self._resolved.get(key)
        if known is not None and known[0] == hour:
            return known[1]
        surges: tuple[Surge, ...] = ()
        if announced.spec is not None:
            bookings = announced.bookings or Bookings()
            after, before = hour - HORIZON, hour + HORIZON + timedelta(hours=1)
            surges = resolve_surges(key.name, announced.spec, bookings, after=after, before=before)
        self._resolved[key] = hour, surges
        return surges

    async def read_due(self) -> None:
        """Read every file of bookings whose time has come."""
        now = self._monotonic()
        for key in [key for key, due in self._due.items() if due <= now]:
            self._due[key] = now + BOOKINGS_SECONDS
            await self._read_bookings(key)

    async def _read_bookings(self, key: ObjectKey) -> None:
        plan = self._plans.get(key)
        if plan is None or plan.spec is None or plan.spec.bookings is None:
            return
        source = plan.spec.bookings
        call = Call("get", CONFIG_MAP, key.namespace, source.config_map_name)
        try:
            config_map = await self._session.request(call)
        except NotFoundError:
            missing = missing_bookings(f"ConfigMap/{source.config_map_name}")
            self._note_bookings(key, plan, missing)
        except VoiceFleetError as error:
            # Not knowing is no reason to forget what people have booked.
            logger.debug("%s in namespace %s: %s", key, key.namespace, error)
            self._note_bookings(key, plan, plan.bookings or _unread(str(error)))
        else:
            place = f"key {source.key} of ConfigMap/{source.config_map_name}"
            text = (config_map.get("data") or {}).get(source.key)
            zone = find_zone(plan.spec.time_zone)
            read = missing_bookings(place) if text is None else read_bookings(text, zone)
            self._note_bookings(key, plan, read)

    def _note_bookings(self, key: ObjectKey, plan: Announcement, read: Bookings) -> None:
        # The plan may have been changed or deleted while its file was read.
        current = self._plans.get(key)
        if current is None or current.generation != plan.generation or current.bookings == read:
            return
        self._plans[key] = replace(current, bookings=read)
        self._resolved.pop(key, None)
        self._wake(key)
        self._wake(current.fleet)

    async def list_plans(self) -> bool:
        """Store every plan and drop those that are gone; say whether the server answered."""
        try:
            for namespace in self._namespaces:
                await self._list(namespace)
        except RefusedError as error:
            # No such kind, or no right to it: fleets can do without, and must not wait.
            self._tell_once("SurgePlans cannot be listed and do not count", error)
        except VoiceFleetError as error:
            self._tell_once("SurgePlans cannot be listed yet, trying again", error)
            return False
        return True

    async def _list(self, namespace: str) -> None:
        params, keys, version = {"limit": PAGE_SIZE}, set[ObjectKey](), 0
        while True:
            page = await self._session.request(Call("list", SURGE_PLAN, namespace, params=params))
            for body in page.get("items") or ():
                keys.add(_key_of(body))
                self.store(body)
            version = version or version_of(page)
            if not (token := page["metadata"].get("continue")):
                break
            params = {"limit": PAGE_SIZE, "continue": token}
        self._retain(keys, version, namespace)

    def _retain(self, keys: Collection[ObjectKey], version: int, namespace: str) -> None:
        """Drop what a complete list does not have; what was written after it stays."""
        gone = [
            key
            for key in self._plans.keys() - set(keys)
            if namespace in ("", key.namespace) and self._versions[key][1] <= version
        ]
        for key in gone:
            self.forget(key, self._uid_of(key))

    def _tell_once(self, what: str, error: VoiceFleetError) -> None:
        level = logging.DEBUG if what == self._told else logging.WARNING
        self._told = what
        logger.log(level, "%s: %s", what, error)

    async def read_quotas(self, namespace: str) -> Sequence[Manifest]:
        """Return the ResourceQuotas of a namespace, as stored."""
        page = await self._session.request(Call("list", RESOURCE_QUOTA, namespace))
        return page.get("items") or ()

    async def write_status(self, key: ObjectKey, status: Manifest) -> None:
        """Server-side apply of the whole status, as `voicefleet-status`."""
        body = {
            "apiVersion": SURGE_PLAN.api_version,
            "kind": SURGE_PLAN.kind,
            "metadata": {"name": key.name, "namespace": key.namespace},
            "status": status,
        }
        params, uid = {"fieldManager": labels.STATUS_MANAGER, "force": "true"}, self._uid_of(key)
        call = Call(
            "apply", SURGE_PLAN, key.namespace, key.name, "status", body=body, params=params
        )
        try:
            self.store(await self._session.request(call))
        except NotFoundError:
            self.forget(key, uid)


def _key_of(body: Mapping[str, Any]) -> ObjectKey:
    # Members of a list do not say what they are.
    return ObjectKey(SURGE_PLAN.kind, body["metadata"]["namespace"], body["metadata"]["name"])


def announce(key: ObjectKey, body: Mapping[str, Any]) -> Announcement:
    """Return a plan as its author wrote it, or the reason why it cannot be acted on."""
    written = str((body.get("spec") or {}).get("fleetName", ""))
    fleet = fleet_key(key.namespace, written)
    uid = str(body["metadata"].get("uid", ""))
    generation = int(body["metadata"].get("generation", 0))
    try:
        parsed = parse_surge_plan(body)
    except SpecError as error:
        return Announcement(
            key, uid, generation, fleet, refused_for=SurgeReason.INVALID_PLAN, error=str(error)
        )
    made = Announcement(key, uid, generation, fleet, spec=parsed.spec, status=parsed.status)
    try:
        find_zone(parsed.spec.time_zone)
    except SpecError as error:
        refused = SurgeReason.TIME_ZONE_UNKNOWN
        return replace(made, spec=None, refused_for=refused, error=str(error))
    return made


def keep_bookings(made: Announcement, before: Announcement | None) -> Announcement:
    """Return a plan with the bookings that were read for it before, if they are still its own.

    The file is read again within a second. Without it the fleet might shrink in this second.
    """
    if before is None or before.spec is None or made.spec is None:
        return made
    was, now = before.spec, made.spec
    is_same = (was.bookings, was.time_zone) == (now.bookings, now.time_zone)
    return replace(made, bookings=before.bookings) if is_same else made


def missing_bookings(what: str) -> Bookings:
    """Return what is known where a ConfigMap, or its key, does not exist."""
    return _unread(f"{what} does not exist; create it, or take `spec.bookings` away")


def _unread(why: str) -> Bookings:
    return Bookings(problems=(why,), is_missing=True)
