"""How the operator chooses sizes, as an author sets it."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from voicefleet.api.base import ApiModel
from voicefleet.api.patterns import DNS_LABEL


class ScalingMode(StrEnum):
    """Whether the chosen number of workers is carried out."""

    ENFORCE = "Enforce"
    RECOMMEND = "Recommend"


class ScaleDownSpec(ApiModel):
    """How slowly workers are taken away. None is ever taken from a call."""

    stabilization_window_seconds: Annotated[int, Field(ge=0, le=3600)] = 120
    """Time in seconds during which a smaller number has to be enough before the first worker is
    cordoned. A cordon can be taken back at once, so this can be short."""
    max_percent_per_minute: Annotated[int, Field(ge=1, le=100)] = 20
    """Share of the workers that may be cordoned within a minute, in percent; always at least
    one."""


class ScalingSpec(ApiModel):
    """How the number of workers follows demand."""

    mode: ScalingMode = ScalingMode.ENFORCE
    """`Enforce` carries the chosen number out. `Recommend` leaves the number of workers as it is
    and only says in status what it would be; everything else is kept as written."""
    target_ttfb_milliseconds: Annotated[int, Field(ge=50, le=10000)] = 400
    """P95, in milliseconds, of the time from the end of the caller's speech to the first sound
    of the answer. While full workers are slower than this, each counts for fewer sessions than
    its slots, so the fleet grows. Twice as much raises an alarm. Needs `metricsProvider`."""
    metrics_provider: (
        Annotated[str, Field(min_length=1, max_length=63, pattern=DNS_LABEL)] | None
    ) = None
    """Name of a metrics provider in the operator's own configuration. Not set means that sizes
    come from what workers and servers say themselves, and latency plays no part."""
    stale_after_seconds: Annotated[int, Field(ge=10, le=600)] = 60
    """Age in seconds at which a value says nothing about now any more. What is unknown never
    takes a worker away."""
    scale_down: ScaleDownSpec = ScaleDownSpec()
    """How slowly workers are taken away."""
