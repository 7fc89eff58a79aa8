"""The life of `voicefleet run`: start, lead, stop.

Every replica runs all of this but the cycles; those only run where the Lease is. Called by
`__main__`.
"""

import asyncio
import logging
import math
import os
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import kopf

import voicefleet
from voicefleet.adapters.descriptors import raise_descriptor_limit
from voicefleet.adapters.garbage import relax_garbage_collector
from voicefleet.adapters.kubernetes.calls import Call, NotFoundError
from voicefleet.adapters.kubernetes.credentials import load_credentials
from voicefleet.adapters.kubernetes.resources import FLEET, SURGE_PLAN, Resource
from voicefleet.errors import UnavailableError
from voicefleet.handlers.fleets import REGISTRY
from voicefleet.handlers.parts import Parts, RunOptions, make_parts
from voicefleet.handlers.settings import make_settings

logger = logging.getLogger(__name__)

FINISH_SECONDS = 0.8
"""How long cycles in progress may take to finish their writes when we stop."""

EXIT_SECONDS = 2.0
"""After this the process ends, whatever still hangs: the next leader must not wait for it."""

LOOK_SECONDS = 1.0
"""Pause between two looks for the CRD, which the chart may install a moment after us."""

SURGE_PLAN_LOOKS = 10
"""An upgrade may bring the operator a moment before the CRD of its newer kind. Fleets must not
wait longer for a kind that they can do without."""

STOPPED, FAILED = 0, 1
"""Exit codes: asked to stop; the Lease was lost or a part of the operator ended."""


async def run_operator(options: RunOptions) -> int:
    """Run until SIGTERM or until the Lease is lost; returns the process' exit code."""
    logger.info("starting voicefleet %s as %s", voicefleet.__version__, options.identity)
    raise_descriptor_limit()
    relax_garbage_collector()
    stop = asyncio.Event()
    catch_signals(stop)
    credentials = load_credentials(os.environ, kubeconfig=options.kubeconfig)
    async with AsyncExitStack() as stack:
        parts = await make_parts(options, credentials, stack)
        return await live(parts, stop, liveness_port=options.liveness_port)


async def live(parts: Parts, stop: asyncio.Event, *, liveness_port: int) -> int:
    """Run every part until one ends or we are asked to stop, then end in order."""
    adapters = parts.adapters
    leading = asyncio.create_task(lead(parts), name="leadership")
    others = [
        asyncio.create_task(stop.wait(), name="stop"),
        asyncio.create_task(adapters.cluster.run(), name="watches"),
        asyncio.create_task(adapters.plans.run(), name="surge plans"),
        asyncio.create_task(adapters.telemetry.measure_loop_lag(adapters.clock), name="loop lag"),
        asyncio.create_task(watch_fleets(parts, stop, liveness_port), name="kopf"),
    ]
    done, _ = await asyncio.wait([leading, *others], return_when=asyncio.FIRST_COMPLETED)
    code = STOPPED if stop.is_set() else FAILED
    asyncio.get_running_loop().call_later(EXIT_SECONDS, os._exit, code)
    if code is not STOPPED:
        for task in done:
            explain_end(task)
    await end(parts, leading, others)
    logger.info("stopped")
    return code


async def lead(parts: Parts) -> str:
    """Wait for the Lease and run cycles while it is ours; returns why it is not any more."""
    await parts.adapters.cluster.wait_synced()
    await parts.adapters.plans.wait_synced()
    await parts.leadership.acquire()
    parts.adapters.telemetry.set_leader(is_leader=True)
    logger.info("leading")
    async with asyncio.TaskGroup() as group:
        crew = group.create_task(parts.crew.run(), name="crew")
        resync = group.create_task(parts.resync.run(), name="resync")
        why = await parts.leadership.keep()
        parts.adapters.telemetry.set_leader(is_leader=False)
        resync.cancel()
        crew.cancel()
    return why


async def end(
    parts: Parts, leading: asyncio.Task[str], others: Sequence[asyncio.Task[Any]]
) -> None:
    """Finish current writes, give the Lease back, close everything; in this order."""
    asyncio.get_running_loop().set_exception_handler(excuse_abandoned_streams)
    await parts.crew.stop(FINISH_SECONDS)
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)
    await parts.leadership.release()
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def excuse_abandoned_streams(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Take it for no fault of ours that a generator which nobody reads did not close in order.

    kopf abandons its watch stream where it is cancelled between two of its objects. The loop then
    closes the stream and what the stream is nested in at the same time, and the outer of the two
    complains of the inner. A traceback in the log of a replica that stopped would be looked into.
    """
    if "asyncgen" in context:
        logger.debug("an abandoned stream was closed: %r", context.get("exception"))
    else:
        loop.default_exception_handler(context)


def explain_end(task: asyncio.Task[Any]) -> None:
    """Log why a part that should run for ever has ended."""
    if task.cancelled():
        logger.error("%s was cancelled", task.get_name())
    elif (error := task.exception()) is not None:
        logger.error("%s failed", task.get_name(), exc_info=error)
    else:
        logger.error("%s ended: %s", task.get_name(), task.result())


async def watch_fleets(parts: Parts, stop: asyncio.Event, liveness_port: int) -> str:
    """Let kopf watch the VoiceFleets; returns only when it has ended by itself."""
    await wait_for_kind(parts, FLEET)
    if not await wait_for_kind(parts, SURGE_PLAN, looks=SURGE_PLAN_LOOKS):
        logger.warning("SurgePlans are looked for once a minute; install their CRD and restart")
    ready = asyncio.Event()
    regain = asyncio.create_task(regain_signals(ready, stop))
    await kopf.operator(
        registry=REGISTRY,
        settings=make_settings(),
        memo=parts.wiring,
        standalone=True,
        clusterwide=not parts.namespaces,
        namespaces=parts.namespaces,
        liveness_endpoint=f"http://0.0.0.0:{liveness_port}/healthz",
        ready_flag=ready,
    )
    await regain
    return "kopf does not watch any more"


async def wait_for_kind(parts: Parts, kind: Resource, looks: float = math.inf) -> bool:
    """Return once objects of a kind can be listed: kopf looks for kinds only once.

    Args:
        parts: What runs.
        kind: Which kind.
        looks: How often to look, a second apart.

    Returns:
        Whether they can be listed by now.
    """
    namespace = parts.namespaces[0] if parts.namespaces else ""
    call, done = Call("list", kind, namespace, params={"limit": "1"}), 0
    while done < looks:
        try:
            await parts.adapters.session.request(call)
        except (NotFoundError, UnavailableError) as error:
            if done == 0:
                logger.warning("%ss cannot be listed yet, looking again: %s", kind.kind, error)
            done += 1
            await asyncio.sleep(LOOK_SECONDS)
        else:
            return True
    return False


async def regain_signals(ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Take the signals back, which kopf claims for itself in the moment before it is ready.

    It would cancel every task of the process at once, and the Lease would not be given back.
    """
    await ready.wait()
    await asyncio.sleep(0)
    catch_signals(stop)


def catch_signals(stop: asyncio.Event) -> None:
    """Stop in order on SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
