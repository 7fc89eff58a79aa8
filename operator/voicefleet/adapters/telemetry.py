"""The operator's own metrics: every name, with its help, is declared here and nowhere else.

No label carries a session, user, room or phone number. What a single fleet does stands in its
status and its Events; beside them only what a graph needs to explain a decision is told by fleet
(`adapters/fleet_metrics`).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from voicefleet.adapters.fleet_metrics import FleetCollector
from voicefleet.manifests import ObjectKey
from voicefleet.model.figures import FleetFigures
from voicefleet.ports import Clock

PREFIX = "voicefleet_operator"

RECONCILE_SECONDS_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""A cycle without a write takes milliseconds; one request may take 15 s before it is given up."""

LOOP_LAG_INTERVAL_SECONDS = 1.0
"""How often the event loop's lateness is measured."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The classic exposition format, which every Prometheus reads."""


class Telemetry:
    """Holds the metrics and is told what happened, in the words of the operator.

    A method for each thing that happens keeps names and labels in this one file.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._declare_cycle()
        self._declare_scaling()
        self._declare_kubernetes()

    def _declare_cycle(self) -> None:
        self._queue_depth = Gauge(
            f"{PREFIX}_queue_depth",
            "Fleets that wait for a cycle.",
            registry=self.registry,
        )
        self._reconcile_seconds = Histogram(
            f"{PREFIX}_reconciliation_duration_seconds",
            "Time of one fleet's cycle, by how it ended.",
            ["result"],
            buckets=RECONCILE_SECONDS_BOUNDS,
            registry=self.registry,
        )
        self._decisions = Counter(
            f"{PREFIX}_decisions_total",
            "Decisions that changed a tier's size or make.",
            ["tier", "reason"],
            registry=self.registry,
        )
        self._drift_repairs = Counter(
            f"{PREFIX}_drift_repairs_total",
            "Children that somebody else had changed or deleted and that were put right.",
            ["kind"],
            registry=self.registry,
        )
        self._busy_victims = Counter(
            f"{PREFIX}_busy_victims_total",
            "Workers that were removed while they held a session. Must stay 0.",
            registry=self.registry,
        )
        self._leader = Gauge(
            f"{PREFIX}_leader",
            "1 while this replica holds the Lease, else 0.",
            registry=self.registry,
        )
        self._loop_lag = Gauge(
            f"{PREFIX}_event_loop_lag_seconds",
            "How late the event loop ran its last timer.",
            registry=self.registry,
        )

    def _declare_scaling(self) -> None:
        self._scaling_decisions = Counter(
            "voicefleet_scaling_decisions_total",
            "Changes of a tier's size, by direction and by the reason that decided.",
            ["tier", "direction", "reason"],
            registry=self.registry,
        )
        self._signal_errors = Counter(
            "voicefleet_scaling_signal_errors_total",
            "Questions to metrics providers without a usable answer, by cause.",
            ["cause"],
            registry=self.registry,
        )
        self._fleets = FleetCollector()
        self.registry.register(self._fleets)

    def _declare_kubernetes(self) -> None:
        self._api_requests = Counter(
            f"{PREFIX}_api_requests_total",
            "Requests to the Kubernetes API, each try counted; code 0 had no answer.",
            ["verb", "kind", "code"],
            registry=self.registry,
        )
        self._applies = Counter(
            f"{PREFIX}_applies_total",
            "Children compared with what they should be, by what followed.",
            ["outcome"],
            registry=self.registry,
        )
        self._informer_objects = Gauge(
            f"{PREFIX}_informer_objects",
            "Objects in the cache.",
            ["kind"],
            registry=self.registry,
        )
        self._informer_age = Gauge(
            f"{PREFIX}_informer_last_event_age_seconds",
            "Time since the quietest watch of this kind last delivered anything.",
            ["kind"],
            registry=self.registry,
        )
        self._watch_restarts = Counter(
            f"{PREFIX}_watch_restarts_total",
            "Watches that ended, by cause; a relist also reads the whole kind again.",
            ["kind", "cause"],
            registry=self.registry,
        )

    def include_process_metrics(self) -> None:
        """Add the memory, CPU and garbage collection of this process."""
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def set_queue_depth(self, fleets: int) -> None:
        """Note how many fleets wait for a cycle."""
        self._queue_depth.set(fleets)

    def note_cycle(self, result: str, seconds: float) -> None:
        """Count one cycle; the result is one of a closed set that the shell chooses."""
        self._reconcile_seconds.labels(result).observe(seconds)

    def note_decision(self, tier: str, reason: str) -> None:
        """Count one decision."""
        self._decisions.labels(tier, reason).inc()

    def note_scaling(self, tier: str, direction: str, reason: str) -> None:
        """Count one change of a tier's size, `up` or `down`."""
        self._scaling_decisions.labels(tier, direction, reason).inc()

    def note_fleet(self, key: ObjectKey, figures: FleetFigures) -> None:
        """Keep what a fleet's last cycle saw; a scrape reads it."""
        self._fleets.note(key, figures)

    def forget_fleet(self, key: ObjectKey) -> None:
        """Drop the series of a fleet that is gone."""
        self._fleets.forget(key)

    def note_signal_error(self, cause: str) -> None:
        """Count one question to a metrics provider that brought no usable answer."""
        self._signal_errors.labels(cause).inc()

    def note_drift_repair(self, kind: str) -> None:
        """Count one child that was put right."""
        self._drift_repairs.labels(kind).inc()

    def note_busy_victim(self) -> None:
        """Count a worker that was removed while it held a session."""
        self._busy_victims.inc()

    def note_apply_sent(self) -> None:
        """Count a child that differed, so that an apply was sent."""
        self._applies.labels("sent").inc()

    def note_applies_skipped(self, children: int) -> None:
        """Count children that were right already."""
        self._applies.labels("skipped").inc(children)

    def set_leader(self, *, is_leader: bool) -> None:
        """Note whether this replica holds the Lease."""
        self._leader.set(1 if is_leader else 0)

    def note_api_request(self, verb: str, kind: str, code: int) -> None:
        """Count one try of a request."""
        self._api_requests.labels(verb, kind, str(code)).inc()

    def note_watch_restart(self, kind: str, cause: str) -> None:
        """Count a watch that ended: `closed`, `error` or `relist`."""
        self._watch_restarts.labels(kind, cause).inc()

    def observe_informer(
        self, kind: str, *, objects: Callable[[], float], age: Callable[[], float]
    ) -> None:
        """Let each scrape ask an informer itself, so that its age is true when it is read."""
        self._informer_objects.labels(kind).set_function(objects)
        self._informer_age.labels(kind).set_function(age)

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)

    async def measure_loop_lag(self, clock: Clock) -> None:
        """Measure forever how late the event loop runs a timer."""
        while True:
            due = clock.monotonic() + LOOP_LAG_INTERVAL_SECONDS
            await asyncio.sleep(LOOP_LAG_INTERVAL_SECONDS)
            self._loop_lag.set(max(0.0, clock.monotonic() - due))


@asynccontextmanager
async def serve_metrics(telemetry: Telemetry, *, host: str, port: int) -> AsyncIterator[int]:
    """Serve `GET /metrics` while the context lasts; yields the port (0 asks for a free one)."""

    async def answer(_: web.Request) -> web.Response:
        # The text of 1,000 fleets takes 0.4 s: beside the event loop, not on it.
        body = await asyncio.to_thread(telemetry.exposition)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    application = web.Application()
    application.router.add_get("/metrics", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
