"""A small client of the API server and of plain local endpoints: JSON over HTTP.

The package needs six calls (is it ready, make nodes, are they Ready, mint a token …); the
`kubernetes` client would take longer to import than the control plane takes to start.
"""

import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 10.0


class AnswerError(Exception):
    """The other side answered, but with an error."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the status beside the text of the answer."""
        super().__init__(f"{status}: {message}")
        self.status = status


@dataclass(frozen=True, slots=True)
class JsonClient:
    """Talks to one address, with a client certificate where it is https."""

    address: str
    tls: ssl.SSLContext | None = None

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Make one request.

        Returns:
            The answer's JSON, or its text where it is none.

        Raises:
            AnswerError: The other side refused.
            OSError: It gave no answer.
        """
        request = urllib.request.Request(
            f"{self.address}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with self._opener().open(request, timeout=TIMEOUT_SECONDS) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                raise AnswerError(error.code, error.read().decode()[:500]) from error
        try:
            return json.loads(text)
        except ValueError:
            return text

    def _opener(self) -> urllib.request.OpenerDirector:
        """Ignore proxies of the environment: everything here is on loopback."""
        return urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.tls)
        )


def client_with_certificate(
    address: str, *, authority: Path, certificate: Path, key: Path
) -> JsonClient:
    """Return a client that trusts only this authority and proves itself by a certificate."""
    context = ssl.create_default_context(cafile=str(authority))
    context.load_cert_chain(certificate, key)
    return JsonClient(address, context)
