"""A request to the Kubernetes API as data, and what an answer means for the cycle.

The meaning is pure: the session sends, this module says whether to try again and which
error an answer is. Messages carry the verb, the object and the server's own sentence, and
never what was sent.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from voicefleet.adapters.kubernetes.resources import SECRET, Resource
from voicefleet.errors import (
    NAMESPACE_TERMINATING,
    ConflictError,
    RefusedError,
    UnavailableError,
    VoiceFleetError,
)
from voicefleet.manifests import Manifest

METHODS: Mapping[str, tuple[str, str | None]] = {
    "get": ("GET", None),
    "list": ("GET", None),
    "watch": ("GET", None),
    "create": ("POST", "application/json"),
    "update": ("PUT", "application/json"),
    "merge": ("PATCH", "application/merge-patch+json"),
    "apply": ("PATCH", "application/apply-patch+yaml"),
    "delete": ("DELETE", "application/json"),
}
"""HTTP method and body type of each verb. JSON is YAML, so an apply is sent as JSON."""

METADATA_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
"""Who exists, without what they want: a fortieth of a fleet's size."""

RETRIED_STATUSES = frozenset({0, 401, 408, 429, 500, 502, 503, 504})
"""No answer, a token that has just been replaced, or a server that asks to come back."""

SCHEMA_REFUSAL = "field not declared in schema"
"""An apply with a field the kind does not have is answered with 500, and always will be."""

SUCCESSOR_REFUSAL = "metadata.uid: Invalid value"
"""An apply that names a UID is answered with 422 where the name has a new owner by now."""

SENTENCE_LENGTH_MAX = 600
"""A validation error can list every field; the first ones are enough to act on."""


class NotFoundError(RefusedError):
    """There is no such object, or no such namespace."""


class AlreadyExistsError(ConflictError):
    """A create found an object of that name."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request: what is done to which object."""

    verb: str
    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    body: Manifest | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    is_metadata_only: bool = False
    """Whether the answer may leave out everything but `metadata`; for lists."""

    @property
    def accept(self) -> str:
        """The form in which the answer is wanted."""
        return METADATA_LIST if self.is_metadata_only else "application/json"

    @property
    def method(self) -> str:
        """The HTTP method."""
        return METHODS[self.verb][0]

    @property
    def content_type(self) -> str | None:
        """The type of the body, None where there is none."""
        return METHODS[self.verb][1] if self.body is not None else None

    @property
    def path(self) -> str:
        """The path below the server's address."""
        return self.resource.path(self.namespace, self.name, self.subresource)

    def encode(self) -> bytes | None:
        """Return the body as it goes over the wire."""
        if self.body is None:
            return None
        return json.dumps(self.body, separators=(",", ":")).encode()

    def __str__(self) -> str:
        """Read as a sentence's object: verb, kind/name, namespace."""
        part = f"/{self.subresource}" if self.subresource else ""
        name = f"/{self.name}" if self.name else ""
        place = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.verb} {self.resource.kind}{name}{part}{place}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status and an object, or status 0 and why nothing came."""

    status: int
    body: Manifest = field(default_factory=dict)
    retry_after_seconds: float | None = None
    failure: str = ""

    @property
    def is_success(self) -> bool:
        """Whether the server did what was asked."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_worth_a_retry(self) -> bool:
        """Whether the same request may succeed a moment later."""
        return self.status in RETRIED_STATUSES and SCHEMA_REFUSAL not in self.sentence

    @property
    def reason(self) -> str:
        """The server's own word, such as AlreadyExists or Invalid; a known cause is preferred."""
        causes = (self.body.get("details") or {}).get("causes") or ()
        if any(cause.get("reason") == NAMESPACE_TERMINATING for cause in causes):
            return NAMESPACE_TERMINATING
        return str(self.body.get("reason") or f"HTTP {self.status}")

    @property
    def sentence(self) -> str:
        """The server's own sentence, shortened."""
        text = str(self.body.get("message") or self.failure or self.reason)
        return text if len(text) <= SENTENCE_LENGTH_MAX else f"{text[:SENTENCE_LENGTH_MAX]}…"


def error_of(call: Call, answer: Answer, *, tries: int) -> VoiceFleetError:
    """Return the error that an unsuccessful answer means for the cycle."""
    # The server may quote a refused value, and a Secret's value must stay where it is.
    said = answer.reason if call.resource == SECRET else answer.sentence
    if answer.is_worth_a_retry:
        return UnavailableError(
            f"{call}: no success in {tries} tries, last status {answer.status}: {said}; "
            "the next cycle tries again"
        )
    message = f"{call}: {said}"
    if answer.status == HTTPStatus.CONFLICT:
        is_taken = answer.reason == "AlreadyExists"
        return AlreadyExistsError(message) if is_taken else ConflictError(message)
    if SUCCESSOR_REFUSAL in answer.sentence:
        return ConflictError(message)
    kind = NotFoundError if answer.status == HTTPStatus.NOT_FOUND else RefusedError
    return kind(message, status=answer.status, reason=answer.reason)
