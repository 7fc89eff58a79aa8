"""The agents workers' own endpoint: one long poll per worker, direct reads, cordons.

A worker's word about itself is what removals rest on, so an answer is checked field by
field and kept with the time it came. A worker that does not answer keeps its last report;
the report's age says what it is still worth.

A thousand workers must cost little: one connection each, and an answer every 5 s at rest. So
long polls go over a connection that reads only plain answers (`kept_connection`); everything
else, and every worker that answers in another way, has the general client.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

import aiohttp
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from voicefleet.adapters.bodies import host_of, read_body
from voicefleet.adapters.kept_connection import KeptConnection, UnplainAnswerError
from voicefleet.errors import UnavailableError
from voicefleet.manifests import ObjectKey
from voicefleet.model.observed import START_PRECISION, Pod, WorkerReport
from voicefleet.ports import Clock

logger = logging.getLogger(__name__)

WORKER_PORT = 8081
"""Where every agents pod serves its state (the worker endpoint's contract)."""

FAILURES_WORTH_TELLING = 4
"""A worker on its way out refuses once or twice before its pod is seen to go; one that is
still silent after some seconds is somebody's problem."""

BODY_BYTES_MAX = 64 * 1024
"""Some 500 sessions; a worker holds a few dozen."""

COUNT_MAX = 10_000
"""Slots and sessions that one worker may claim; a manifest allows 200. A larger number is no
count: sums of such numbers fit into no status, and then nothing would be reported at all."""

VERSION_MAX = 2**63 - 1
"""It is repeated in the next question's address, which must stay short."""

SESSIONS_MAX = 512
"""Sessions whose start one answer may list; a manifest allows a worker 200 slots."""

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Between them lies every call. A time at the end of the calendar is a fault, and a duration
added to it would be an error in the middle of a decision."""

READ_SECONDS = 2.0
"""A direct answer takes milliseconds; the read before a removal must not wait for long."""

POLL_SECONDS = 8.0
"""A long poll answers after 5 s at the latest; 3 s more is a busy machine."""

PAUSE_SECONDS_MIN = 0.25
"""Shortest time between two polls of one worker, however often its state changes."""

FAILURE_PAUSE_SECONDS = (1.0, 2.0, 4.0, 8.0)
"""Pauses after 1, 2, 3 and more failures in a row, each with jitter."""

IMPATIENT_PAUSE_SECONDS = 5.0
"""Pause after an unchanged answer that came at once: this worker does not do long polls."""


SPREAD_SECONDS = 0.5
"""Longest extra pause after an unchanged answer. Polls that begin together would otherwise
come back together for ever: 1,000 answers in one moment hold the event loop for 0.3 s."""


Moment = Annotated[AwareDatetime, Field(strict=False, ge=EARLIEST, le=LATEST)]
"""A time with its zone, as JSON has it: text."""


class EndpointModel(BaseModel):
    """A part of the worker endpoint's answer: strict about what it knows, blind for the rest."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True, strict=True)


class WorkerSession(EndpointModel):
    """One session of a worker; its id and its room are none of the operator's business."""

    started_at: Moment


class WorkerState(EndpointModel):
    """The part of a worker's answer that the operator acts on."""

    schema_version: Literal[1]
    state_version: Annotated[int, Field(ge=0, le=VERSION_MAX)]
    revision: Annotated[str, Field(max_length=63)]
    slots: Annotated[int, Field(ge=0, le=COUNT_MAX)]
    active: Annotated[int, Field(ge=0, le=COUNT_MAX)]
    reserved: Annotated[int, Field(ge=0, le=COUNT_MAX)]
    cordoned: bool
    oldest_session_start: Moment | None = None
    sessions: Annotated[
        tuple[WorkerSession, ...], Field(strict=False, max_length=SESSIONS_MAX)
    ] = ()


@dataclass(slots=True)
class _Followed:
    """One worker that is being polled."""

    pod: Pod
    task: asyncio.Task[None]
    report: WorkerReport | None = None


class HttpWorkers:
    """Implements `ports.Workers` over HTTP. Use it as an async context manager.

    Args:
        clock: Dates the reports.
        wake: Is told which fleet to look at again when a worker's report changed.
        jitter: Returns a number in 0..1 for each pause.
        port: Where the workers listen.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        wake: Callable[[ObjectKey], None],
        jitter: Callable[[], float],
        port: int = WORKER_PORT,
    ) -> None:
        self._clock = clock
        self._wake = wake
        self._jitter = jitter
        self._port = port
        self._followed: dict[str, _Followed] = {}
        self._by_fleet: dict[ObjectKey, frozenset[str]] = {}
        self._first_words: dict[str, WorkerReport] = {}
        """Of workers that were asked before they are followed."""

    async def __aenter__(self) -> Self:
        """Open the connection pool: no limit, because every worker has its one connection."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity"},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """End every poll and close every connection."""
        tasks = [followed.task for followed in self._followed.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._session.close()

    def follow(self, fleet: ObjectKey, pods: Sequence[Pod]) -> None:
        """Keep long polls to exactly these workers of one fleet; a change wakes that fleet.

        Pods without an address or a running container have nobody to answer.
        """
        wanted = {pod.uid: pod for pod in pods if pod.ip and pod.is_running}
        for uid in self._by_fleet.get(fleet, frozenset()) - wanted.keys():
            self._followed.pop(uid).task.cancel()
        for uid, pod in wanted.items():
            known = self._followed.get(uid)
            if known is None or known.task.done():
                said = known.report if known else self._first_words.get(uid)
                self._followed[uid] = _Followed(pod, self._start(fleet, pod), said)
            else:
                known.pod = pod
            self._first_words.pop(uid, None)
        self._by_fleet[fleet] = frozenset(wanted)
        if not wanted:
            del self._by_fleet[fleet]

    def _start(self, fleet: ObjectKey, pod: Pod) -> asyncio.Task[None]:
        task = asyncio.create_task(self._poll_forever(fleet, pod.uid), name=f"worker {pod.name}")
        task.add_done_callback(_log_failure)
        return task

    def report(self, pod: Pod) -> WorkerReport | None:
        """Return the newest report of a worker, however old, or None if it never answered."""
        followed = self._followed.get(pod.uid)
        return followed.report if followed else None

    async def read(self, pod: Pod) -> WorkerReport | None:
        """Ask a worker now, without waiting for a change; None where it does not answer."""
        # A connection for this one question: its long poll may be waiting on the other one.
        line = KeptConnection(self._port)
        try:
            state = await self._ask(line, pod.ip, "state", seconds=READ_SECONDS)
        except UnavailableError as error:
            logger.debug("%s", error)
            return None
        finally:
            line.close()
        return self._note(pod.uid, state)

    async def cordon(self, pod_ip: str, token: str) -> None:
        """Stop new sessions. Raises `UnavailableError` where the worker does not answer."""
        await self._order("cordon", pod_ip, token)

    async def uncordon(self, pod_ip: str, token: str) -> None:
        """Take sessions again. Raises `UnavailableError` where it does not answer."""
        await self._order("uncordon", pod_ip, token)

    async def _order(self, order: str, ip: str, token: str) -> None:
        url = f"http://{host_of(ip)}:{self._port}/voicefleet/{order}"
        try:
            async with self._session.post(
                url,
                headers={"Authorization": f"Bearer {token}"},
                timeout=aiohttp.ClientTimeout(total=READ_SECONDS),
                allow_redirects=False,
            ) as response:
                await read_body(response, limit=BODY_BYTES_MAX)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unanswered(url, error) from error

    async def _ask(
        self, line: KeptConnection, ip: str, path: str, *, seconds: float
    ) -> WorkerState:
        """Ask over a kept connection; with the general client whoever cannot be read there."""
        url = f"http://{host_of(ip)}:{self._port}/voicefleet/{path}"
        if line.is_plain:
            try:
                body = await line.get(
                    ip, f"/voicefleet/{path}", seconds=seconds, limit=BODY_BYTES_MAX
                )
                return _parse_state(url, body)
            except UnplainAnswerError as error:
                logger.debug("%s is read by the general client: %s", url, error)
            except (TimeoutError, OSError) as error:
                raise _unanswered(url, error) from error
        try:
            return await self._ask_generally(url, seconds=seconds)
        except UnavailableError:
            # A worker that failed once may be a plain one in a bad moment.
            line.is_plain = True
            raise

    async def _ask_generally(self, url: str, *, seconds: float) -> WorkerState:
        try:
            async with self._session.get(
                url, timeout=aiohttp.ClientTimeout(total=seconds), allow_redirects=False
            ) as response:
                body = await read_body(response, limit=BODY_BYTES_MAX)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unanswered(url, error) from error
        return _parse_state(url, body)

    async def _poll_forever(self, fleet: ObjectKey, uid: str) -> None:
        line = KeptConnection(self._port)
        try:
            await self._poll_over(line, fleet, uid)
        finally:
            line.close()

    async def _poll_over(self, line: KeptConnection, fleet: ObjectKey, uid: str) -> None:
        version: int | None = None
        failures = 0
        while True:
            asked_at = self._clock.monotonic()
            try:
                path = "state" if version is None else f"state?after={version}"
                ip = self._followed[uid].pod.ip
                state = await self._ask(line, ip, path, seconds=POLL_SECONDS)
            except UnavailableError as error:
                failures += 1
                version = None
                if failures == FAILURES_WORTH_TELLING:
                    logger.info("%s; trying again", error)
                await asyncio.sleep(self._failure_pause(failures))
                continue
            failures = 0
            is_unchanged = state.state_version == version
            version = state.state_version
            followed = self._followed[uid]
            before = followed.report
            after = self._note(uid, state)
            if not followed.pod.has_run_since(after.observed_at):
                # Too young to be believed; the long poll's 5 s would be a long time to be unknown.
                version = None
                await asyncio.sleep(START_PRECISION.total_seconds())
                continue
            if not _says_the_same(before, after, followed.pod):
                self._wake(fleet)
            await self._pause(asked_at, is_unchanged=is_unchanged)

    async def _pause(self, asked_at: float, *, is_unchanged: bool) -> None:
        """Keep a worker that answers at once from being polled without end."""
        took = self._clock.monotonic() - asked_at
        if not is_unchanged:
            await asyncio.sleep(max(0.0, PAUSE_SECONDS_MIN - took))
        elif took < PAUSE_SECONDS_MIN:
            await asyncio.sleep(IMPATIENT_PAUSE_SECONDS)
        else:
            await asyncio.sleep(self._jitter() * SPREAD_SECONDS)

    def _failure_pause(self, failures: int) -> float:
        longest = FAILURE_PAUSE_SECONDS[min(failures, len(FAILURE_PAUSE_SECONDS)) - 1]
        return longest * (0.5 + self._jitter() / 2)

    def _note(self, uid: str, state: WorkerState) -> WorkerReport:
        """Date an answer, and keep it where its worker is followed."""
        now = self._clock.now()
        followed = self._followed.get(uid)
        before = followed.report if followed else None
        report = WorkerReport(
            observed_at=now,
            revision=state.revision,
            slots=state.slots,
            active=state.active,
            reserved=state.reserved,
            is_cordoned=state.cordoned,
            cordoned_since=_cordoned_since(state, before, now),
            oldest_session_started_at=state.oldest_session_start,
            session_starts=tuple(sorted(one.started_at for one in state.sessions)),
        )
        if followed:
            followed.report = report
        else:
            self._first_words[uid] = report
        return report


def _cordoned_since(
    state: WorkerState, before: WorkerReport | None, now: datetime
) -> datetime | None:
    if not state.cordoned:
        return None
    return (before.cordoned_since if before else None) or now


def _says_the_same(before: WorkerReport | None, after: WorkerReport, pod: Pod) -> bool:
    """Say whether an answer is no news; the first that is believed is, whatever it says.

    A cycle took the worker to be busy while it was silent, or while all it had said might have
    come from before its container's start; nothing else would correct that.
    """
    if before is None or not before.is_fresh(after.observed_at):
        return False
    if not pod.has_run_since(before.observed_at):
        return False
    return replace(before, observed_at=after.observed_at) == after


def _parse_state(url: str, body: bytes) -> WorkerState:
    try:
        return WorkerState.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise UnavailableError(
            f"{url}: {field}: {first['msg']}; this operator reads schema version 1"
        ) from error


def _unanswered(url: str, error: Exception) -> UnavailableError:
    return UnavailableError(f"{url}: no answer: {type(error).__name__}: {error}".rstrip(": "))


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("%s ended: %r; the next cycle starts it again", task.get_name(), error)
