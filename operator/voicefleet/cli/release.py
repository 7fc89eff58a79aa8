"""`voicefleet release`: takes the operator's finalizer off fleets, so that they can be deleted.

The chart runs it before it is uninstalled; without it, a fleet that is deleted later would
wait for an operator that does not exist any more. Calls go on. An operator that still runs
would put its finalizer back, so the chart asks for it to be stopped first.
"""

import asyncio
import os
import random
from collections.abc import Sequence
from pathlib import Path

from voicefleet.adapters.clock import SystemClock
from voicefleet.adapters.kubernetes.calls import Call, NotFoundError
from voicefleet.adapters.kubernetes.credentials import Credentials, load_credentials
from voicefleet.adapters.kubernetes.lease import KubernetesLeaseStore
from voicefleet.adapters.kubernetes.resources import FLEET
from voicefleet.adapters.kubernetes.session import ApiSession
from voicefleet.adapters.telemetry import Telemetry
from voicefleet.api.labels import FINALIZER
from voicefleet.cli.stop import parse_deployment, stop_operator
from voicefleet.errors import ConflictError, RefusedError
from voicefleet.handlers.parts import LEASE_NAME
from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.settings import load_platform

TRIES = 5
"""Somebody else may write to a fleet at the same moment; five times in a row is no accident."""

PAGE_SIZE = "500"


def release_fleets(
    *, namespace: str | None, config: Path, kubeconfig: Path | None, stop: str | None = None
) -> int:
    """Release the fleets of a namespace, or of all that the operator watches.

    Args:
        namespace: The one namespace; None for all of them.
        config: The operator's configuration file, which names the watched namespaces.
        kubeconfig: Credentials; None for `$KUBECONFIG` or the mounted ones.
        stop: The operator's Deployment as `namespace/name`; None where none runs.

    Returns:
        0 when no fleet holds our finalizer any more.
    """
    namespaces = (namespace,) if namespace else load_platform(config).namespaces or ("",)
    deployment = parse_deployment(stop) if stop else None
    credentials = load_credentials(os.environ, kubeconfig=kubeconfig)
    return asyncio.run(_release_all(credentials, namespaces, deployment))


async def _release_all(
    credentials: Credentials, namespaces: Sequence[str], deployment: ObjectKey | None
) -> int:
    released = found = 0
    async with ApiSession(credentials, telemetry=Telemetry(), jitter=random.random) as session:
        if deployment:
            lease = KubernetesLeaseStore(session, namespace=deployment.namespace, name=LEASE_NAME)
            await stop_operator(session, deployment, lease, SystemClock())
        for namespace in namespaces:
            for fleet in await _list_fleets(session, namespace):
                found += 1
                released += await release_fleet(session, fleet)
    print(f"{found} fleets looked at, {released} released")
    return 0


async def _list_fleets(session: ApiSession, namespace: str) -> list[Manifest]:
    """Return every fleet; none where the kind itself is not installed."""
    fleets: list[Manifest] = []
    params = {"limit": PAGE_SIZE}
    while True:
        try:
            page = await session.request(Call("list", FLEET, namespace, params=params))
        except NotFoundError:
            print("the cluster does not know VoiceFleets; nothing to release")
            return fleets
        fleets += page.get("items") or ()
        token = page["metadata"].get("continue")
        if not token:
            return fleets
        params = {"limit": PAGE_SIZE, "continue": token}


async def release_fleet(session: ApiSession, fleet: Manifest) -> bool:
    """Take our finalizer off one fleet and say so; False where it had none.

    Raises:
        RefusedError: Five conflicts in a row, or a missing right.
    """
    name, namespace = fleet["metadata"]["name"], fleet["metadata"]["namespace"]
    for _ in range(TRIES):
        finalizers = fleet["metadata"].get("finalizers") or []
        if FINALIZER not in finalizers:
            return False
        metadata = {
            "resourceVersion": fleet["metadata"]["resourceVersion"],
            "finalizers": [one for one in finalizers if one != FINALIZER],
        }
        try:
            body = {"metadata": metadata}
            await session.request(Call("merge", FLEET, namespace, name, body=body))
        except ConflictError:
            fleet = await session.request(Call("get", FLEET, namespace, name))
        except NotFoundError:
            return False
        else:
            print(f"{namespace}/{name}: released; deleting it no longer waits for its calls")
            return True
    raise RefusedError(
        f"{namespace}/{name} changed {TRIES} times while its finalizer was being removed; "
        "run `voicefleet release` again",
        status=409,
        reason="Conflict",
    )
