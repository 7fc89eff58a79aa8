"""Every error the operator raises on purpose, and what the cycle does with each.

    VoiceFleetError
    ├── SpecError          the user must act: a condition, no retry until the spec changes
    ├── UnavailableError   an outside system gave no answer: hold, try again
    │   └── NotLeadingError    nobody was asked, as another replica may lead by now
    ├── ConflictError      somebody wrote in between: observe again at once
    ├── RefusedError       the API server refuses an object for good: a condition, slow retry
    └── UnsafePlanError    the last look at a plan found a law broken: nothing is applied

Anything else is our own bug: the cycle fails loudly, backs off, and counts it.
"""

NAMESPACE_TERMINATING = "NamespaceTerminating"
"""The API server's word for it, which it gives as the cause of a 403."""


class VoiceFleetError(Exception):
    """What went wrong, as one sentence with object, number, limit and next step."""


class SpecError(VoiceFleetError):
    """The manifest cannot be acted on; only its author can mend it."""


class UnavailableError(VoiceFleetError):
    """An outside system gave no answer, which says nothing about its state."""


class NotLeadingError(UnavailableError):
    """This replica does not hold the Lease any more, so it must not write."""

    def __init__(self, subject: str) -> None:
        """Make the sentence from what would have been written about."""
        super().__init__(
            f"{subject}: this replica does not hold the Lease any more; nothing is written"
        )


class ConflictError(VoiceFleetError):
    """The object changed between observing and writing; what was planned may be wrong."""


class RefusedError(VoiceFleetError):
    """The API server understood a write and refused it; the same write will fail again."""

    def __init__(self, message: str, *, status: int, reason: str) -> None:
        """Keep the HTTP status and the server's own reason word beside the sentence."""
        super().__init__(message)
        self.status = status
        self.reason = reason

    @property
    def is_namespace_terminating(self) -> bool:
        """Whether nothing at all can be created, because the object's namespace is deleted."""
        return self.reason == NAMESPACE_TERMINATING


class UnsafePlanError(VoiceFleetError):
    """A plan would have broken a law; it was refused before its first write."""
