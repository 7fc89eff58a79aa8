"""Stops the operator before its finalizers are taken off: the first half of `release --stop`.

An operator that runs puts its finalizer back within milliseconds, and while the chart's
uninstall hook runs it does run. So the hook scales it to zero first, and waits until nobody
wants the Lease any more. Called by `cli/release`.
"""

import asyncio
from collections.abc import Awaitable, Callable

from voicefleet.adapters.kubernetes.calls import Call, NotFoundError
from voicefleet.adapters.kubernetes.resources import BY_KIND
from voicefleet.adapters.kubernetes.session import ApiSession
from voicefleet.errors import SpecError, UnavailableError
from voicefleet.manifests import ObjectKey
from voicefleet.ports import Clock, LeaseRecord, LeaseStore

LOOK_SECONDS = 0.5
"""Pause between two looks at the Lease."""
QUIET_SECONDS = 4.0
"""A replica that waits for the Lease looks every 2 s; twice that, and nobody waits."""
STOP_SECONDS_MAX = 60.0
"""Twice the grace period of the operator's pods."""


def parse_deployment(text: str) -> ObjectKey:
    """Read `namespace/name`.

    Raises:
        SpecError: The text is something else.
    """
    namespace, _, name = text.partition("/")
    if not namespace or not name or "/" in name:
        raise SpecError(f"--stop {text!r} is no Deployment; write namespace/name")
    return ObjectKey("Deployment", namespace, name)


async def stop_operator(
    session: ApiSession, deployment: ObjectKey, lease: LeaseStore, clock: Clock
) -> None:
    """Scale the operator to zero and wait until no replica leads or wants to.

    Raises:
        UnavailableError: Somebody still holds the Lease after a minute.
        RefusedError: The right to scale the Deployment is missing.
    """
    scale = Call(
        "merge",
        BY_KIND[deployment.kind],
        deployment.namespace,
        deployment.name,
        subresource="scale",
        body={"spec": {"replicas": 0}},
    )
    try:
        await session.request(scale)
    except NotFoundError:
        print(f"{deployment} in namespace {deployment.namespace} is gone already")
    await wait_until_nobody_leads(lease, clock)
    print(f"{deployment} in namespace {deployment.namespace} is stopped")


async def wait_until_nobody_leads(
    lease: LeaseStore, clock: Clock, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Return once the Lease has been free, or its holder silent, for long enough.

    Raises:
        UnavailableError: A minute was not long enough.
    """
    begun = changed_at = clock.monotonic()
    seen = await lease.read()
    while clock.monotonic() - changed_at < _patience_seconds(seen):
        if clock.monotonic() - begun > STOP_SECONDS_MAX:
            holder = seen.holder if seen else "somebody"
            raise UnavailableError(
                f"Lease: {holder} still leads {STOP_SECONDS_MAX:.0f} s after the operator was "
                "scaled to zero; find the process that still runs, end it, and try again"
            )
        await sleep(LOOK_SECONDS)
        record = await lease.read()
        if record != seen:
            seen, changed_at = record, clock.monotonic()


def _patience_seconds(record: LeaseRecord | None) -> float:
    """Return how long a Lease must stay as it is to count as nobody's."""
    if record is None or not record.holder:
        return QUIET_SECONDS
    return max(QUIET_SECONDS, record.duration_seconds)
