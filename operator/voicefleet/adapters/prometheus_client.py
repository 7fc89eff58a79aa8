"""One question to a Prometheus, through prometheus-api-client, with everything bounded.

That library waits for ever by default, asks up to three times more, follows redirects, reads
bodies of any length and hides the server's warnings. So it gets a session that does none of
this, and what the session saw is checked before the library's answer is believed. Synchronous:
runs in the threads of `adapters/prometheus`, with one instance for each thread.

Its module is imported by its full name: the package itself would load more than is needed, and
pandas, numpy and matplotlib must never enter the operator (a test starts a process to see).
"""

import io
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

import requests
import urllib3
from prometheus_api_client.exceptions import PrometheusApiClientException
from prometheus_api_client.prometheus_connect import PrometheusConnect
from requests.adapters import HTTPAdapter

BODY_BYTES_MAX = 8 * 1024 * 1024
"""Five stages of 5,000 fleets are 5 MB; a longer answer is no answer."""

CHUNK_BYTES = 64 * 1024

OK = 200

HARMLESS_WARNINGS = ("PromQL info",)
"""Remarks about how a metric is called, which some versions send among the warnings."""

DETAIL_MAX = 200
"""Characters of a server's own words that are repeated."""

QUIET_RETRY = urllib3.Retry(total=0, redirect=0, raise_on_redirect=False, raise_on_status=False)
"""One question is one request; the next round asks again."""


class FaultCause(StrEnum):
    """Why a signal has no sample; the label of a metric, so a closed set."""

    TIMEOUT = "timeout"
    HTTP = "http"
    EMPTY = "empty"
    STALE = "stale"
    PARSE = "parse"
    PARTIAL = "partial"
    FEW = "few"


class QueryError(Exception):
    """A question without an answer: the cause, and a sentence for people."""

    def __init__(self, cause: FaultCause, detail: str, *, is_unreachable: bool = False) -> None:
        """Say whether the provider as a whole is to blame, and not this one question."""
        super().__init__(f"{cause}: {detail}")
        self.cause = cause
        self.detail = detail
        self.is_unreachable = is_unreachable


@dataclass(frozen=True, slots=True)
class Access:
    """How a provider is reached; made anew when a setting or a file changes."""

    url: str
    timeout_seconds: float
    headers: Mapping[str, str]
    basic_auth: tuple[str, str] | None = None
    ca_file: str | None = None


class BoundedSession(requests.Session):
    """A session whose every request ends in time, stays on its host and fits into memory."""

    def __init__(self, access: Access, monotonic: Callable[[], float]) -> None:
        super().__init__()
        self.auth = access.basic_auth
        self.trust_env = False  # neither a proxy nor a .netrc of the pod's environment
        self.verify = access.ca_file or True
        self.headers["Accept-Encoding"] = "identity"  # a compressed body has no known length
        self._access = access
        self._monotonic = monotonic
        self.envelope: Any = None
        """The last answer as it came, because the library hands over a part of it only."""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send one request; raises `QueryError` where the answer cannot be used."""
        self.envelope = None
        seconds = self._access.timeout_seconds
        until = self._monotonic() + seconds
        options |= {"allow_redirects": False, "stream": True, "timeout": (seconds, seconds)}
        with super().send(request, **options) as response:
            # A redirect is refused by its number; what else it says is nobody's business.
            body = b"" if is_redirect(response.status_code) else self._read(response, until)
        self.envelope = _parse_json(response.status_code, body)
        response.raw = io.BytesIO(body)
        return response

    def get_redirect_target(self, _: requests.Response) -> None:
        """Name no other address: even to look at one, the library would read the whole body."""
        return

    def _read(self, response: requests.Response, until: float) -> bytes:
        """Read the body piece by piece: a server that drips is as late as a silent one."""
        body = bytearray()
        while chunk := response.raw.read1(CHUNK_BYTES):
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                raise QueryError(
                    FaultCause.PARSE, f"the answer is longer than {BODY_BYTES_MAX} bytes, the limit"
                )
            if self._monotonic() > until:
                raise QueryError(
                    FaultCause.TIMEOUT,
                    f"no whole answer in {self._access.timeout_seconds:g} s",
                    is_unreachable=True,
                )
        return bytes(body)


class PrometheusClient:
    """Asks one provider. Not for use by two threads at once.

    Args:
        access: Where and how.
        monotonic: Measures how long an answer takes.
    """

    def __init__(self, access: Access, monotonic: Callable[[], float]) -> None:
        self.access = access
        self._session = BoundedSession(access, monotonic)
        self._prometheus = PrometheusConnect(
            url=access.url,
            headers=dict(access.headers),
            session=self._session,
            retry=QUIET_RETRY,
            timeout=math.ceil(access.timeout_seconds),
        )
        self._session.mount(access.url, HTTPAdapter(max_retries=QUIET_RETRY, pool_maxsize=1))

    def __enter__(self) -> Self:
        """Return itself; the end of the context closes the connection."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._prometheus.close()

    def ask(self, expression: str) -> list[Any]:
        """Return the series of an instant vector, unchecked; raises `QueryError`."""
        return self._checked("vector", lambda: self._prometheus.custom_query(expression))

    def ask_row(
        self, expression: str, *, until: datetime, minutes: int, step_seconds: int
    ) -> list[Any]:
        """Return the series of the last minutes, unchecked; raises `QueryError`."""
        since = until - timedelta(minutes=minutes - 1)
        return self._checked(
            "matrix",
            lambda: self._prometheus.custom_query_range(
                expression, since, until, f"{step_seconds}s"
            ),
        )

    def _checked(self, kind: str, ask: Callable[[], Any]) -> list[Any]:
        try:
            result = ask()
        except QueryError:
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unanswered(error) from error
        except PrometheusApiClientException as error:
            raise QueryError(FaultCause.HTTP, "the answer is no success") from error
        except (ValueError, KeyError, TypeError) as error:
            raise QueryError(FaultCause.PARSE, "the answer is not in Prometheus' form") from error
        self._check_envelope(kind)
        if not isinstance(result, list):
            raise QueryError(FaultCause.PARSE, "the answer's result is no list")
        return result

    def _unanswered(self, error: Exception) -> QueryError:
        """Return what became of a question: the library wraps its end several times."""
        innermost: BaseException = error
        while (inner := innermost.__cause__ or innermost.__context__) is not None:
            innermost = inner
        if isinstance(error, requests.Timeout) or isinstance(innermost, TimeoutError):
            told = f"no answer in {self.access.timeout_seconds:g} s"
            return QueryError(FaultCause.TIMEOUT, told, is_unreachable=True)
        told = f"no answer: {type(innermost).__name__}"
        return QueryError(FaultCause.HTTP, told, is_unreachable=True)

    def _check_envelope(self, kind: str) -> None:
        """Refuse what the library does not look at: the kind of result, and warnings."""
        envelope = self._session.envelope
        found = envelope["data"].get("resultType")
        if found != kind:
            raise QueryError(FaultCause.PARSE, f"{_short(found)} came where a {kind} was asked for")
        warnings = envelope.get("warnings") or ()
        serious = [one for one in warnings if not str(one).startswith(HARMLESS_WARNINGS)]
        if serious:
            raise QueryError(FaultCause.PARTIAL, f"warning of the provider: {_short(serious[0])}")


def is_redirect(status: int) -> bool:
    """Say whether an answer sends the caller elsewhere."""
    return 300 <= status < 400  # noqa: PLR2004 - what HTTP calls a redirection


def _parse_json(status: int, body: bytes) -> dict[str, Any]:
    """Return the envelope of a successful answer.

    Raises:
        QueryError: The status is not 200 (a redirect included), or the body is no JSON object.
    """
    if status != OK:
        # A server that is overloaded or gone answers so to everything; 4xx is about the question.
        is_unreachable = not 400 <= status < 500 or status in {401, 403, 429}  # noqa: PLR2004
        followed = " (redirects are not followed)" if is_redirect(status) else ""
        raise QueryError(
            FaultCause.HTTP,
            f"answered {status}{followed}{_reason(body)}",
            is_unreachable=is_unreachable,
        )
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise QueryError(FaultCause.PARSE, "the answer is no JSON") from error
    if not isinstance(envelope, dict):
        raise QueryError(FaultCause.PARSE, "the answer is no JSON object")
    if "error" in envelope or envelope.get("status") == "error":
        told = _short(envelope.get("error", "unnamed"))
        raise QueryError(FaultCause.HTTP, f"{OK} with an error inside: {told}")
    return envelope


def _reason(body: bytes) -> str:
    """Return what Prometheus says is wrong with a question, which an SRE has to read."""
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return f": {_short(error)}"


def _short(text: object) -> str:
    return " ".join(str(text).split())[:DETAIL_MAX]
