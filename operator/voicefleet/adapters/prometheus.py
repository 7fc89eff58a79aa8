"""Percentiles, GPU use and queues of all fleets, read from Prometheus in the background.

A cycle never waits for Prometheus: it takes what the last round brought, each value with its
own time. A round is one question for each signal over all fleets, asked by a few threads of the
provider's own, because prometheus-api-client is synchronous. The first question goes alone; if
the provider does not answer it, the others are spared, and after three such rounds a circuit
breaker makes the pauses longer.

What came before a failure is kept until it is stale: a value is true of its own moment however
long ago it was asked for. Implements `ports.MetricsProvider`.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, Self

from voicefleet.adapters.circuit import Circuit, Passage
from voicefleet.adapters.prometheus_answers import (
    Fault,
    read_groups,
    read_matrix,
    read_vector,
)
from voicefleet.adapters.prometheus_client import Access, FaultCause, PrometheusClient, QueryError
from voicefleet.adapters.prometheus_news import is_news
from voicefleet.adapters.prometheus_queries import (
    CALL_QUERIES,
    DUE_WITHIN,
    EVALUATION_QUERIES,
    GPU_MINUTES,
    GPU_STEP_SECONDS,
    RANGE_QUERIES,
    SPEECH_QUERIES,
    WORKLOAD,
    Query,
    expressions,
)
from voicefleet.adapters.prometheus_signals import Answers, read_signals
from voicefleet.manifests import ObjectKey
from voicefleet.model.fleet import Fleet
from voicefleet.model.signal import Signals
from voicefleet.ports import Clock
from voicefleet.settings import MetricsLabels, MetricsProviderSettings, Platform

logger = logging.getLogger(__name__)

THREADS = 4
"""Questions to one provider at the same time; a round of 15 takes four answers' time."""

GRACE_SECONDS = 1.0
"""A thread can hang longer than its socket's timeout, in a name server's; nobody waits for it."""

JITTER_SHARE = 0.1
"""Rounds of several replicas and providers must not stay in step."""

FLEETS_AT_ONCE = 50
"""Fleets looked at for news before others get a turn on the event loop: some 5 ms."""


class SignalMeter(Protocol):
    """Is told what could not be read; implemented by the operator's telemetry."""

    def note_signal_error(self, cause: str) -> None:
        """Count one question without a usable answer."""
        ...


@dataclass(slots=True)
class _Followed:
    """One fleet whose signals somebody reads."""

    fleet: Fleet
    told: Signals
    """What the fleet was last woken with, or last read."""


@dataclass(slots=True)
class _Provider:
    """One configured Prometheus while fleets are followed there."""

    settings: MetricsProviderSettings
    pool: ThreadPoolExecutor
    answers: Answers
    circuit: Circuit = field(default_factory=Circuit)
    task: asyncio.Task[None] | None = None
    local: threading.local = field(default_factory=threading.local)
    clients: list[PrometheusClient] = field(default_factory=list)
    """Of every thread, so that their connections can be closed."""


class PrometheusMetrics:
    """Implements `ports.MetricsProvider`. Use it as an async context manager.

    Args:
        platform: Reads the operator's configuration, which may change while it runs.
        folder: Where the files of all providers are, in one folder for each.
        clock: Ages values and measures answers.
        wake: Is told which fleet to look at again when a signal changed so that it matters.
        jitter: Returns a number in 0..1 for each pause.
        meter: Counts what could not be read.
    """

    def __init__(
        self,
        platform: Callable[[], Platform],
        *,
        folder: Path,
        clock: Clock,
        wake: Callable[[ObjectKey], None],
        jitter: Callable[[], float],
        meter: SignalMeter,
    ) -> None:
        self._platform = platform
        self._folder = folder
        self._clock = clock
        self._wake = wake
        self._jitter = jitter
        self._meter = meter
        self._providers: dict[str, _Provider] = {}
        self._followed: dict[ObjectKey, _Followed] = {}

    async def __aenter__(self) -> Self:
        """Return itself; nothing is opened before a fleet is followed."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """End every round and close every connection, without waiting for threads that hang."""
        tasks = [one.task for one in self._providers.values() if one.task is not None]
        for name in list(self._providers):
            self._close(name)
        await asyncio.gather(*tasks, return_exceptions=True)

    def signals(self, fleet: Fleet) -> Signals:
        """Return the newest values of a fleet, each with its own time; never waits."""
        name = provider_of(fleet)
        key = ObjectKey("VoiceFleet", fleet.namespace, fleet.name)
        if name is None:
            self.forget(key)
            return Signals()
        settings = self._platform().metrics_providers.get(name)
        if settings is None:
            self.forget(key)
            return self._without_provider(name)
        provider = self._open(name, settings)
        signals = self._read(provider, fleet)
        self._followed[key] = _Followed(fleet, signals)
        return signals

    def forget(self, key: ObjectKey) -> None:
        """Stop following a fleet; a provider that nobody needs is closed by its next round."""
        self._followed.pop(key, None)

    def _without_provider(self, name: str) -> Signals:
        """Return that a fleet has chosen a provider that the platform does not have."""
        known = ", ".join(sorted(self._platform().metrics_providers)) or "none"
        told = f"the operator's metricsProviders has no {name!r}; known: {known}"
        return Signals(faults={"metricsProvider": f"{FaultCause.HTTP}: {told}"})

    def _read(self, provider: _Provider, fleet: Fleet) -> Signals:
        return read_signals(
            provider.answers,
            fleet,
            self._clock.now(),
            stale_after=timedelta(seconds=provider.settings.stale_after_seconds),
        )

    def _open(self, name: str, settings: MetricsProviderSettings) -> _Provider:
        """Return the provider, made anew where its settings have changed."""
        known = self._providers.get(name)
        if known is not None and known.settings == settings and not has_ended(known.task):
            return known
        if known is not None:
            logger.info("metrics provider %s: opened anew", name)
            self._close(name)
        provider = _Provider(
            settings,
            ThreadPoolExecutor(THREADS, thread_name_prefix=f"metrics {name}"),
            Answers(asked=frozenset(expressions(settings))),
        )
        self._providers[name] = provider
        provider.task = asyncio.create_task(self._run(name, provider), name=f"metrics {name}")
        provider.task.add_done_callback(_log_failure)
        return provider

    def _close(self, name: str) -> None:
        provider = self._providers.pop(name)
        if provider.task is not None:
            provider.task.cancel()
        provider.pool.shutdown(wait=False, cancel_futures=True)
        for client in provider.clients:
            client.close()

    async def _run(self, name: str, provider: _Provider) -> None:
        """Ask again and again, until nobody follows a fleet there any more."""
        while True:
            followed = self._followers(name)
            if not followed:
                self._close(name)
                return
            await self._ask_round(name, provider, wanted_queries(followed.values()))
            await self._tell_news(provider, followed)
            spread = 1 + JITTER_SHARE * (2 * self._jitter() - 1)
            await asyncio.sleep(provider.settings.interval_seconds * spread)

    def _followers(self, name: str) -> Mapping[ObjectKey, _Followed]:
        return {key: one for key, one in self._followed.items() if provider_of(one.fleet) == name}

    async def _ask_round(self, name: str, provider: _Provider, wanted: tuple[Query, ...]) -> None:
        """Ask everything, or only one thing where the provider was silent before."""
        passage = provider.circuit.passage(self._clock.monotonic())
        if passage is Passage.NONE:
            return
        asked = [query for query in wanted if query in provider.answers.asked]
        if not asked:
            return
        try:
            access = read_access(provider.settings, self._folder / name)
        except OSError as error:
            told = f"{error.filename}: {error.strerror}"
            self._note_faults(provider, asked, Fault(FaultCause.HTTP, told))
            return
        first = await self._ask(provider, access, asked[0])
        if first is not None and first.is_unreachable:
            self._note_outage(name, provider, asked, first)
            return
        if provider.circuit.failures:
            logger.info("metrics provider %s answers again", name)
        provider.circuit = provider.circuit.after_success()
        await asyncio.gather(*(self._ask(provider, access, query) for query in asked[1:]))

    async def _ask(self, provider: _Provider, access: Access, query: Query) -> QueryError | None:
        """Ask one question in a thread; returns what went wrong, which is noted too."""
        loop = asyncio.get_running_loop()
        patience = 2 * access.timeout_seconds + GRACE_SECONDS
        try:
            async with asyncio.timeout(patience):
                answer = await loop.run_in_executor(
                    provider.pool, self._ask_now, provider, access, query
                )
        except QueryError as error:
            return self._note_error(provider, query, error)
        except TimeoutError:
            told = f"no answer in {patience:g} s"
            late = QueryError(FaultCause.TIMEOUT, told, is_unreachable=True)
            return self._note_error(provider, query, late)
        provider.answers.faults.pop(query, None)
        store_of(provider.answers, query)[query] = answer
        return None

    def _ask_now(self, provider: _Provider, access: Access, query: Query) -> Mapping[Any, Any]:
        """Ask and read, in one of the provider's threads."""
        client = self._client(provider, access)
        expression = expressions(provider.settings)[query]
        names = label_names(query, provider.settings.labels)
        if query in RANGE_QUERIES:
            row = client.ask_row(
                expression,
                until=self._clock.now(),
                minutes=GPU_MINUTES,
                step_seconds=GPU_STEP_SECONDS,
            )
            return read_matrix(row, names)
        read = read_groups if query is Query.EVALUATION_WORK else read_vector
        return read(client.ask(expression), names)

    def _client(self, provider: _Provider, access: Access) -> PrometheusClient:
        """Return this thread's own client; a new token or certificate needs a new one."""
        known: PrometheusClient | None = getattr(provider.local, "client", None)
        if known is not None and known.access == access:
            return known
        if known is not None:
            provider.clients.remove(known)
            known.close()
        client = PrometheusClient(access, self._clock.monotonic)
        provider.clients.append(client)
        provider.local.client = client
        return client

    def _note_outage(
        self, name: str, provider: _Provider, asked: list[Query], error: QueryError
    ) -> None:
        if not provider.circuit.failures:
            logger.warning("metrics provider %s: %s; asking again", name, error)
        provider.circuit = provider.circuit.after_failure(self._clock.monotonic())
        provider.answers.faults |= dict.fromkeys(asked[1:], Fault(error.cause, error.detail))

    def _note_error(self, provider: _Provider, query: Query, error: QueryError) -> QueryError:
        self._note_faults(provider, [query], Fault(error.cause, error.detail))
        return error

    def _note_faults(self, provider: _Provider, asked: list[Query], fault: Fault) -> None:
        for query in asked:
            provider.answers.faults[query] = fault
            self._meter.note_signal_error(fault.cause)

    async def _tell_news(
        self, provider: _Provider, followed: Mapping[ObjectKey, _Followed]
    ) -> None:
        """Wake the fleets whose signals have changed so that a decision might."""
        for number, (key, one) in enumerate(followed.items()):
            if number % FLEETS_AT_ONCE == FLEETS_AT_ONCE - 1:
                await asyncio.sleep(0)
            signals = self._read(provider, one.fleet)
            if is_news(one.told, signals):
                one.told = signals
                self._wake(key)


def has_ended(task: asyncio.Task[None] | None) -> bool:
    """Say whether a task is not running any more."""
    return task is None or task.done()


def provider_of(fleet: Fleet) -> str | None:
    """Return the name of the provider that a fleet has chosen, None where it needs none."""
    return fleet.spec.scaling.metrics_provider


def wanted_queries(followed: Any) -> tuple[Query, ...]:
    """Return the questions that some of these fleets need; the first is asked as a probe."""
    specs = [one.fleet.spec for one in followed]
    speech = SPEECH_QUERIES if any(spec.speech for spec in specs) else ()
    has_evaluation = any(spec.evaluation is not None for spec in specs)
    return (*CALL_QUERIES, *speech, *(EVALUATION_QUERIES if has_evaluation else ()))


def store_of(answers: Answers, query: Query) -> dict[Query, Any]:
    """Return where the answers to a question are kept, by what they look like."""
    if query in RANGE_QUERIES:
        return answers.rows
    return answers.groups if query is Query.EVALUATION_WORK else answers.vectors


def label_names(query: Query, labels: MetricsLabels) -> tuple[str, ...]:
    """Return the labels by which a question's series are told apart."""
    fleet = (labels.namespace, labels.fleet)
    match query:
        case Query.STAGES | Query.STAGE_TURNS:
            return (*fleet, labels.stage)
        case Query.GPU_UTILIZATION | Query.GPU_REPLICAS:
            return (labels.namespace, WORKLOAD)
        case Query.SPEECH_WAITING:
            return (*fleet, labels.pool)
        case Query.EVALUATION_WORK:
            return (*fleet, DUE_WITHIN)
        case _:
            return fleet


def read_access(settings: MetricsProviderSettings, folder: Path) -> Access:
    """Return how to reach a provider, with the credentials as their files have them now.

    Raises:
        OSError: A file cannot be read.
    """
    headers, basic = {}, None
    if settings.bearer_token_file:
        token = (folder / settings.bearer_token_file).read_text().strip()
        headers["Authorization"] = f"Bearer {token}"
    if settings.basic_auth is not None:
        basic = (
            (folder / settings.basic_auth.username_file).read_text().strip(),
            (folder / settings.basic_auth.password_file).read_text().strip(),
        )
    ca_file = str(folder / settings.ca_file) if settings.ca_file else None
    return Access(settings.prometheus_url, settings.timeout_seconds, headers, basic, ca_file)


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("%s ended: %r; the next cycle starts it again", task.get_name(), error)
