"""Makes the parts of a running operator and hands the adapters to the shell.

The only place that knows both sides. Called by `handlers/process`.
"""

import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from voicefleet.adapters.clock import SystemClock
from voicefleet.adapters.event_queue import QueuedRecorder
from voicefleet.adapters.kubernetes.cluster import KubernetesCluster
from voicefleet.adapters.kubernetes.credentials import Credentials
from voicefleet.adapters.kubernetes.events import KubernetesRecorder
from voicefleet.adapters.kubernetes.lease import KubernetesLeaseStore
from voicefleet.adapters.kubernetes.session import ApiSession
from voicefleet.adapters.livekit import PrometheusMediaServers
from voicefleet.adapters.prometheus import PrometheusMetrics
from voicefleet.adapters.secrets import InstallKeySecrets
from voicefleet.adapters.surges import SurgePlans
from voicefleet.adapters.tape import FileTape
from voicefleet.adapters.telemetry import Telemetry, serve_metrics
from voicefleet.adapters.workers import HttpWorkers
from voicefleet.handlers.fleets import Wiring
from voicefleet.handlers.health import Health
from voicefleet.handlers.platform import PlatformFile
from voicefleet.shell.apply import Executor
from voicefleet.shell.crew import Crew
from voicefleet.shell.leadership import Leadership
from voicefleet.shell.observe import Observer
from voicefleet.shell.queue import WorkQueue
from voicefleet.shell.reconcile import Reconciler, Surroundings
from voicefleet.shell.report import Reporter
from voicefleet.shell.resync import Resync
from voicefleet.shell.surge_plans import SurgeKeeper

LEASE_NAME = "voicefleet"
"""The one Lease; the operator's Role names it."""

METRICS_FOLDER = "metrics"
"""Beside the configuration file: credentials of metrics providers, in one folder for each."""

LEASE_CONNECTIONS = 2
"""The Lease has connections of its own. A busy API server keeps all others occupied for seconds,
and a leader that waits behind its own writes loses the Lease for no other reason."""

jitter: Callable[[], float] = random.random
"""Spreads the retries of many clients; nothing secret depends on it."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line decides."""

    config: Path
    install_key: Path
    kubeconfig: Path | None
    metrics_port: int
    liveness_port: int
    lease_namespace: str | None
    identity: str
    tape: Path | None = None
    """Where to record cycles; nowhere without it."""


@dataclass(frozen=True, slots=True)
class Adapters:
    """The outside world, opened."""

    credentials: Credentials
    clock: SystemClock
    telemetry: Telemetry
    session: ApiSession
    leases: ApiSession
    """The same server over connections that nothing else uses."""
    cluster: KubernetesCluster
    workers: HttpWorkers
    servers: PrometheusMediaServers
    metrics: PrometheusMetrics
    plans: SurgePlans
    secrets: InstallKeySecrets
    recorder: QueuedRecorder


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that runs, wired."""

    adapters: Adapters
    leadership: Leadership
    crew: Crew
    resync: Resync
    wiring: Wiring
    namespaces: tuple[str, ...]


async def make_parts(options: RunOptions, credentials: Credentials, stack: AsyncExitStack) -> Parts:
    """Make everything; the stack closes every connection at the end."""
    platform = PlatformFile(options.config)
    clock = SystemClock()
    queue = WorkQueue(clock, jitter=jitter)
    adapters = await open_adapters(options, credentials, stack, queue=queue, platform=platform)
    return wire_parts(options, adapters, queue=queue, platform=platform)


async def open_adapters(
    options: RunOptions,
    credentials: Credentials,
    stack: AsyncExitStack,
    *,
    queue: WorkQueue,
    platform: PlatformFile,
) -> Adapters:
    """Open the connections to the outside world; changes there go to the queue."""
    secrets = InstallKeySecrets.from_file(options.install_key)
    clock, telemetry = SystemClock(), Telemetry()
    telemetry.include_process_metrics()
    session = await stack.enter_async_context(
        ApiSession(credentials, telemetry=telemetry, jitter=jitter)
    )
    leases = await stack.enter_async_context(
        ApiSession(credentials, telemetry=telemetry, jitter=jitter, connections=LEASE_CONNECTIONS)
    )
    workers = await stack.enter_async_context(
        HttpWorkers(clock=clock, wake=queue.add, jitter=jitter)
    )
    servers = await stack.enter_async_context(PrometheusMediaServers(clock=clock))
    metrics = await stack.enter_async_context(
        PrometheusMetrics(
            platform,
            folder=options.config.parent / METRICS_FOLDER,
            clock=clock,
            wake=queue.add,
            jitter=jitter,
            meter=telemetry,
        )
    )
    everywhere = "0.0.0.0"  # noqa: S104 - a pod has no other address known in advance
    await stack.enter_async_context(
        serve_metrics(telemetry, host=everywhere, port=options.metrics_port)
    )
    recorder = KubernetesRecorder(session, clock=clock, instance=options.identity)
    namespaces = platform().namespaces
    return Adapters(
        credentials=credentials,
        clock=clock,
        telemetry=telemetry,
        session=session,
        leases=leases,
        cluster=KubernetesCluster(
            session,
            clock=clock,
            telemetry=telemetry,
            jitter=jitter,
            on_change=queue.add,
            namespaces=namespaces,
        ),
        workers=workers,
        servers=servers,
        metrics=metrics,
        plans=SurgePlans(session, wake=queue.add, monotonic=clock.monotonic, namespaces=namespaces),
        secrets=secrets,
        recorder=await stack.enter_async_context(QueuedRecorder(recorder)),
    )


def wire_parts(
    options: RunOptions, adapters: Adapters, *, queue: WorkQueue, platform: PlatformFile
) -> Parts:
    """Hand the adapters to the shell."""
    cluster, clock, credentials = adapters.cluster, adapters.clock, adapters.credentials
    lease = KubernetesLeaseStore(
        adapters.leases,
        namespace=options.lease_namespace or credentials.namespace,
        name=LEASE_NAME,
    )
    leadership = Leadership(lease, clock, identity=options.identity, jitter=jitter)
    reconciler = Reconciler(
        make_surroundings(options, adapters, leadership, queue=queue, platform=platform)
    )
    health = Health(queue, lambda: cluster.silence_seconds, leadership.may_write)
    return Parts(
        adapters=adapters,
        leadership=leadership,
        crew=Crew(queue, reconciler.reconcile, adapters.telemetry),
        resync=Resync(
            cluster=cluster,
            clock=clock,
            queue=queue,
            note_resync=reconciler.note_resync,
            interval_seconds=lambda: platform().resync_seconds,
        ),
        wiring=Wiring(cluster.fleets, adapters.plans, queue, credentials, health.check),
        namespaces=platform().namespaces,
    )


def make_surroundings(
    options: RunOptions,
    adapters: Adapters,
    leadership: Leadership,
    *,
    queue: WorkQueue,
    platform: PlatformFile,
) -> Surroundings:
    """Return what the cycles work with."""
    cluster, clock, meter = adapters.cluster, adapters.clock, adapters.telemetry
    return Surroundings(
        cluster=cluster,
        workers=adapters.workers,
        secrets=adapters.secrets,
        clock=clock,
        meter=meter,
        queue=queue,
        observer=Observer(
            cluster=cluster,
            workers=adapters.workers,
            servers=adapters.servers,
            metrics=adapters.metrics,
            surges=adapters.plans,
            clock=clock,
        ),
        executor=Executor(
            cluster=cluster,
            workers=adapters.workers,
            secrets=adapters.secrets,
            meter=meter,
            may_write=leadership.may_write,
        ),
        reporter=Reporter(
            cluster=cluster,
            recorder=adapters.recorder,
            meter=meter,
            clock=clock,
            may_write=leadership.may_write,
            is_meeting=lambda: queue.is_meeting,
        ),
        surge_keeper=SurgeKeeper(adapters.plans, cluster, clock, may_write=leadership.may_write),
        platform=platform,
        tape=FileTape(options.tape) if options.tape is not None else None,
    )
