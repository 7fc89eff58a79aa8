"""The media servers' own counters: how many rooms a LiveKit server holds, and since when none.

Read from the server's Prometheus endpoint at the pod's own address, because a server is
only removed on its own word; a scrape that went through somebody else may be old.
"""

import logging
import math
import re
from dataclasses import replace
from datetime import timedelta
from typing import Self

import aiohttp

from voicefleet.adapters.bodies import host_of, read_body
from voicefleet.errors import UnavailableError
from voicefleet.model.observed import Pod, ServerReport
from voicefleet.ports import Clock

logger = logging.getLogger(__name__)

METRICS_PORT = 6789
"""Where the livekit.yaml that is rendered for every server puts its Prometheus endpoint."""

BODY_BYTES_MAX = 1024 * 1024
"""A server with hundreds of rooms answers some 100 KB."""

ROOMS_MAX = 100_000
"""Rooms that one server may claim; it carries at most 5,000 connections. A larger number is no
count: it fits into no status, and then nothing would be reported at all."""

READ_SECONDS = 2.0
"""An answer takes milliseconds; a server that hangs must not hold up its fleet's cycle."""

REPORT_KEPT = timedelta(hours=1)
"""A reading this old belongs to a server that is gone."""

ROOMS_LINE = re.compile(
    r"^livekit_room_total(?:\{.*\})?[ \t]+(\S+)(?:[ \t]+-?\d+)?[ \t]*$", re.MULTILINE
)
"""A sample of the room gauge: name, labels (node id and type), value, perhaps a time."""


class PrometheusMediaServers:
    """Implements `ports.MediaServers`. Use it as an async context manager.

    Args:
        clock: Dates the readings.
        port: Where the servers expose their metrics.
    """

    def __init__(self, *, clock: Clock, port: int = METRICS_PORT) -> None:
        self._clock = clock
        self._port = port
        self._reports: dict[str, ServerReport] = {}

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=32),
            timeout=aiohttp.ClientTimeout(total=READ_SECONDS),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity"},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        await self._session.close()

    async def read(self, pod: Pod) -> ServerReport | None:
        """Ask a server for its room count; None where it does not answer.

        A failed reading breaks the row of zero readings: nobody knows what happened then.
        """
        try:
            rooms = await self._ask(pod.ip)
        except UnavailableError as error:
            logger.debug("%s", error)
            if known := self._reports.get(pod.uid):
                self._reports[pod.uid] = replace(known, empty_since=None)
            return None
        return self._note(pod.uid, rooms)

    def report(self, pod: Pod) -> ServerReport | None:
        """Return the newest reading, or None if there is none."""
        return self._reports.get(pod.uid)

    async def _ask(self, ip: str) -> int:
        url = f"http://{host_of(ip)}:{self._port}/metrics"
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                body = await read_body(response, limit=BODY_BYTES_MAX)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnavailableError(f"{url}: no answer: {type(error).__name__}") from error
        return parse_rooms(body.decode(errors="replace"), source=url)

    def _note(self, uid: str, rooms: int) -> ServerReport:
        now = self._clock.now()
        self._reports = {
            one: report
            for one, report in self._reports.items()
            if now - report.observed_at < REPORT_KEPT
        }
        known = self._reports.get(uid)
        since = (known.empty_since if known else None) or now
        report = ServerReport(now, rooms, empty_since=None if rooms else since)
        self._reports[uid] = report
        return report


def parse_rooms(text: str, *, source: str) -> int:
    """Return the rooms that a server's metrics name, over all its node ids.

    Raises:
        UnavailableError: There is no such sample, or it is no count of rooms.
    """
    samples = ROOMS_LINE.findall(text)
    if not samples:
        raise UnavailableError(f"{source}: no livekit_room_total; is this a LiveKit server?")
    return sum(_parse_count(sample, source) for sample in samples)


def _parse_count(sample: str, source: str) -> int:
    try:
        value = float(sample)
    except ValueError:
        value = math.nan
    if not (0 <= value <= ROOMS_MAX and value.is_integer()):
        raise UnavailableError(f"{source}: livekit_room_total is {sample}, which is no count")
    return int(value)
