"""The one error of this package: what failed, the evidence, and what to do next.

Everything that a person can run into while a cluster starts ends in it; the command line
prints it, tests let it pass.
"""

from collections.abc import Sequence


class LocalClusterError(Exception):
    """A step failed for a reason that the person at the keyboard can act on."""

    def __init__(self, cause: str, *, next_step: str, evidence: Sequence[str] = ()) -> None:
        """Keep the three parts, so that each can be shown in its own way.

        Args:
            cause: One sentence: object, number, limit.
            next_step: The command to run, or the thing to change.
            evidence: The last lines of a log, or whatever else shows the cause.
        """
        super().__init__(cause)
        self.cause = cause
        self.next_step = next_step
        self.evidence = tuple(evidence)

    def __str__(self) -> str:
        """Show all three parts: a test report has no other place for them."""
        shown = [self.cause, *(f"  | {line}" for line in self.evidence), f"next: {self.next_step}"]
        return "\n".join(shown)
