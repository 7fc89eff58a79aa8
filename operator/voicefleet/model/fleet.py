"""One fleet as the planner sees it: who it is, what its author wants, on which platform."""

from dataclasses import dataclass
from datetime import datetime

from voicefleet.api.status import VoiceFleetStatus
from voicefleet.api.voicefleet import VoiceFleetSpec
from voicefleet.settings import Platform


@dataclass(frozen=True, slots=True)
class Fleet:
    """A VoiceFleet, parsed, with the platform it runs on.

    `secret_suffix` is 8 hex digits, an HMAC of the fleet's UID under the install key. The
    planner needs it for names and can compute no secret from it.
    """

    name: str
    namespace: str
    uid: str
    generation: int
    spec: VoiceFleetSpec
    status: VoiceFleetStatus
    platform: Platform
    secret_suffix: str
    has_finalizer: bool
    deletion_requested_at: datetime | None = None
    refresh: str = ""
    """Any new value of this word, the author's, has every workload rendered anew."""

    @property
    def is_deleting(self) -> bool:
        """Whether the author has asked for this fleet to be deleted."""
        return self.deletion_requested_at is not None

    def __str__(self) -> str:
        """Read as `namespace/name`, the way logs name a fleet."""
        return f"{self.namespace}/{self.name}"
