"""A Prometheus that answers as a healthy one does, or in one of the ways in which it must not.

Over real HTTP on loopback. What it is asked are the operator's own expressions, so each answer is
that of the question; a fault spoils all of them.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from voicefleet.adapters.clock import SystemClock
from voicefleet.adapters.prometheus_queries import Query, default_expressions
from voicefleet.settings import MetricsLabels

NAMESPACE, FLEET, WORKLOAD = "calls", "interviews", "interviews-speech-tts"
READY_REPLICAS = 4
BODY_MEGABYTES = 100

Series = dict[str, Any]
Respond = Callable[[web.Request, web.Response], web.StreamResponse]

OWN = {"namespace": NAMESPACE, "fleet": FLEET}
HEALTHY: dict[Query, tuple[tuple[dict[str, str], float | None], ...]] = {
    Query.TTFB: ((OWN, 0.3975),),
    Query.TURNS: ((OWN, 240),),
    Query.TURNS_SEEN_AT: ((OWN, None),),
    Query.STAGES: (({**OWN, "stage": "tts"}, 0.14),),
    Query.STAGE_TURNS: (({**OWN, "stage": "tts"}, 240),),
    Query.ERROR_RATIO: ((OWN, 0.01),),
    Query.DROP_OFF_RATIO: ((OWN, 0.05),),
    Query.SESSIONS_SEEN_AT: ((OWN, None),),
    Query.RATE_LIMIT_HITS: ((OWN, 0),),
    Query.REQUESTS_SEEN_AT: ((OWN, None),),
    Query.GPU_UTILIZATION: (({"namespace": NAMESPACE, "workload": WORKLOAD}, 82),),
    Query.GPU_REPLICAS: (({"namespace": NAMESPACE, "workload": WORKLOAD}, READY_REPLICAS),),
    Query.SPEECH_WAITING: (({**OWN, "pool": "tts"}, 3),),
    Query.EVALUATION_WORK: (({**OWN, "due_within": "3600"}, 600),),
    Query.EVALUATION_IN_FLIGHT: ((OWN, 2),),
}
"""Labels and value of each answer's series; None is the moment of asking."""

QUESTIONS = {text: query for query, text in default_expressions(MetricsLabels()).items()}


@dataclass
class StandInPrometheus:
    """Answers; `spoil` changes every series, `respond` the whole response."""

    spoil: Callable[[Series], list[Series]] = lambda series: [series]
    envelope: dict[str, Any] = field(default_factory=dict)
    """Fields that replace those of every answer."""
    respond: Callable[[web.Request], Any] | None = None
    """Answers in place of the healthy server."""
    requests: list[web.Request] = field(default_factory=list)

    def application(self) -> web.Application:
        """Return the server's routes."""
        application = web.Application()
        for path in ("query", "query_range"):
            application.router.add_get(f"/api/v1/{path}", self._answer)
        return application

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.respond is not None:
            answer: web.StreamResponse = await self.respond(request)
            return answer
        query = QUESTIONS[request.query["query"]]
        is_row = request.path.endswith("query_range")
        healthy = [_series(*one, is_row=is_row) for one in HEALTHY[query]]
        result = [spoilt for series in healthy for spoilt in self.spoil(series)]
        data = {"resultType": "matrix" if is_row else "vector", "result": result}
        return web.json_response({"status": "success", "data": data, **self.envelope})


def _series(labels: dict[str, str], value: float | None, *, is_row: bool) -> Series:
    now = SystemClock().now().timestamp()
    text = str(now if value is None else value)
    if not is_row:
        return {"metric": dict(labels), "value": [now, text]}
    times = [now - 60 * minutes for minutes in range(14, -1, -1)]
    return {"metric": dict(labels), "values": [[time, text] for time in times]}


def with_value(text: Any) -> Callable[[Series], list[Series]]:
    """Give every value this text."""

    def spoil(series: Series) -> list[Series]:
        if "value" in series:
            return [{**series, "value": [series["value"][0], text]}]
        return [{**series, "values": [[time, text] for time, _ in series["values"]]}]

    return spoil


def with_shift(seconds: float) -> Callable[[Series], list[Series]]:
    """Move every time, those of values and those that are values."""

    def move(time: float, text: str) -> list[Any]:
        is_time = float(text) > 1e9
        return [time + seconds, str(float(text) + seconds) if is_time else text]

    def spoil(series: Series) -> list[Series]:
        if "value" in series:
            return [{**series, "value": move(*series["value"])}]
        return [{**series, "values": [move(*pair) for pair in series["values"]]}]

    return spoil


def with_labels(**changed: str | None) -> Callable[[Series], list[Series]]:
    """Change labels of every series; None takes one away."""

    def spoil(series: Series) -> list[Series]:
        labels = {**series["metric"], **changed}
        kept = {name: value for name, value in labels.items() if value is not None}
        return [{**series, "metric": kept}]

    return spoil


def nothing(_: Series) -> list[Series]:
    """Leave every series out."""
    return []


def twice(series: Series) -> list[Series]:
    """Return every series a second time, with one label more, as two exporters would."""
    return [series, {**series, "metric": {**series["metric"], "job": "second"}}]


async def never(_: web.Request) -> web.StreamResponse:
    """Accept the question and say nothing."""
    await asyncio.sleep(30)
    return web.Response()


async def drip(request: web.Request) -> web.StreamResponse:
    """Send a byte now and then: no single read takes long."""
    response = web.StreamResponse()
    await response.prepare(request)
    with suppress(ConnectionError):
        for _ in range(300):
            await response.write(b" ")
            await asyncio.sleep(0.1)
    return response


async def flood(request: web.Request) -> web.StreamResponse:
    """Send a body that fits into no memory limit."""
    response = web.StreamResponse()
    await response.prepare(request)
    with suppress(ConnectionError):
        for _ in range(BODY_MEGABYTES):
            await response.write(b" " * 1_000_000)
    return response


def status(number: int, text: str = "", **headers: str) -> Callable[[web.Request], Any]:
    """Answer with this status."""

    async def respond(_: web.Request) -> web.StreamResponse:
        return web.Response(status=number, text=text, headers=headers)

    return respond


def body(text: str) -> Callable[[web.Request], Any]:
    """Answer 200 with this text."""
    return status(200, text)


def error_body() -> Callable[[web.Request], Any]:
    """Answer 200 and say inside that it is an error."""
    return body(json.dumps({"status": "error", "errorType": "execution", "error": "no memory"}))


@asynccontextmanager
async def serving(
    stand_in: StandInPrometheus, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve it on loopback; yields its address."""
    runner = web.AppRunner(stand_in.application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
