"""The media servers' own counters: rooms and connections of a LiveKit server, since when none.

Read from the server's Prometheus endpoint at the pod's own address, because a server is
only removed on its own word; a scrape that went through somebody else may be old.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

import aiohttp

from voicefleet.adapters.bodies import host_of, read_body
from voicefleet.api.media import SERVER_METRICS_PORT
from voicefleet.errors import UnavailableError
from voicefleet.model.observed import Pod, ServerReport
from voicefleet.ports import Clock

logger = logging.getLogger(__name__)


BODY_BYTES_MAX = 1024 * 1024
"""A server with hundreds of rooms answers some 100 KB."""

COUNT_MAX = 100_000
"""Rooms or participants that one server may claim; it carries at most 5,000 connections. A larger
number is no count: it fits into no status, and then nothing would be reported at all."""

READ_SECONDS = 2.0
"""An answer takes milliseconds; a server that hangs must not hold up its fleet's cycle."""

REPORT_KEPT = timedelta(hours=1)
"""A reading this old belongs to a server that is gone."""

ROOMS, PARTICIPANTS = "livekit_room_total", "livekit_participant_total"
"""Gauges of livekit-server: rooms that it holds, and who is connected to them."""

SAMPLE_LINE = re.compile(
    rf"^({ROOMS}|{PARTICIPANTS})(?:\{{.*\}})?[ \t]+(\S+)(?:[ \t]+-?\d+)?[ \t]*$", re.MULTILINE
)
"""A sample of one of them: name, labels (node id and type), value, perhaps a time."""


@dataclass(frozen=True, slots=True)
class ServerCounts:
    """What one answer of a server says."""

    rooms: int
    participants: int | None
    """None where the server does not say it in a form that can be read."""


class PrometheusMediaServers:
    """Implements `ports.MediaServers`. Use it as an async context manager.

    Args:
        clock: Dates the readings.
        port: Where the servers expose their metrics.
    """

    def __init__(self, *, clock: Clock, port: int = SERVER_METRICS_PORT) -> None:
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
            counts = await self._ask(pod.ip)
        except UnavailableError as error:
            logger.debug("%s", error)
            if known := self._reports.get(pod.uid):
                self._reports[pod.uid] = replace(known, empty_since=None)
            return None
        return self._note(pod.uid, counts)

    def report(self, pod: Pod) -> ServerReport | None:
        """Return the newest reading, or None if there is none."""
        return self._reports.get(pod.uid)

    async def _ask(self, ip: str) -> ServerCounts:
        url = f"http://{host_of(ip)}:{self._port}/metrics"
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                body = await read_body(response, limit=BODY_BYTES_MAX)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnavailableError(f"{url}: no answer: {type(error).__name__}") from error
        return parse_counts(body.decode(errors="replace"), source=url)

    def _note(self, uid: str, counts: ServerCounts) -> ServerReport:
        now = self._clock.now()
        self._forget_old(now)
        known = self._reports.pop(uid, None)
        since = (known.empty_since if known else None) or now
        report = ServerReport(
            observed_at=now,
            rooms=counts.rooms,
            participants=counts.participants,
            empty_since=None if counts.rooms else since,
        )
        self._reports[uid] = report
        return report

    def _forget_old(self, now: datetime) -> None:
        """Forget reports from the front: they lie in the order in which they came."""
        while self._reports:
            uid, oldest = next(iter(self._reports.items()))
            if now - oldest.observed_at < REPORT_KEPT:
                return
            del self._reports[uid]


def parse_counts(text: str, *, source: str) -> ServerCounts:
    """Return the rooms and participants that a server's metrics name, over all its node ids.

    A room count that cannot be read is no answer at all, because removals rest on it. A count of
    participants that cannot be read is only unknown.

    Raises:
        UnavailableError: There is no room count, or it is no count.
    """
    samples = SAMPLE_LINE.findall(text)
    rooms = [value for name, value in samples if name == ROOMS]
    participants = [_parse_count(value) for name, value in samples if name == PARTICIPANTS]
    if not rooms:
        raise UnavailableError(f"{source}: no {ROOMS}; is this a LiveKit server?")
    total = _total([_parse_count(value) for value in rooms])
    if total is None:
        wrong = next(value for value in rooms if _parse_count(value) is None)
        raise UnavailableError(f"{source}: {ROOMS} is {wrong}, which is no count")
    return ServerCounts(total, _total(participants))


def _total(counts: Sequence[int | None]) -> int | None:
    """Return the sum; None where there is nothing to add, or a part of it is unknown."""
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None


def _parse_count(sample: str) -> int | None:
    try:
        value = float(sample)
    except ValueError:
        return None
    is_count = 0 <= value <= COUNT_MAX and value.is_integer()
    return int(value) if is_count else None
