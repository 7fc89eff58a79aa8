"""What the platform team decides once for the whole operator: its configuration file.

The chart renders the file from its values; the operator validates it, and reads it again
when it changes. Nothing in it comes from a VoiceFleet, so a fleet's author can never
point the operator at an address or an image of their choosing.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from voicefleet.errors import SpecError


class PlatformModel(BaseModel):
    """Strict, frozen, camelCase: a misspelt key is an error, not a silent default."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True
    )


class PlatformImages(PlatformModel):
    """The images that a fleet's author does not choose."""

    livekit_server: str = "livekit/livekit-server:v1.13.5"
    redis: str = "redis:7.4-alpine"


ProviderName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
"""How fleets name a metrics provider: a DNS label, because a volume is named after it."""

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,126}$")]
"""A file in the provider's own folder; no slash, so it can be no other file of the pod."""

LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,62}$")]
"""A label as Prometheus allows it."""

PromQL = Annotated[str, Field(max_length=4000)]
"""An expression; empty means that this signal is not asked for."""


class MetricsLabels(PlatformModel):
    """What this provider calls the labels that series are told apart by."""

    namespace: LabelName = "namespace"
    """The fleet's namespace, on every series."""
    fleet: LabelName = "fleet"
    """The fleet's name."""
    stage: LabelName = "stage"
    """The part of a turn: endpointing, stt, llm, tts or network."""
    pod: LabelName = "pod"
    """The pod whose GPU is measured."""
    pool: LabelName = "pool"
    """The speech pool's name."""


class MetricsQueries(PlatformModel):
    """Expressions that replace the operator's own; docs/metrics-providers.md has those."""

    ttfb: PromQL | None = None
    """P95 of the time to first byte, in seconds, by namespace and fleet."""
    turns: PromQL | None = None
    """Turns behind `ttfb`, by namespace and fleet."""
    turns_seen_at: PromQL | None = None
    """Unix time of the newest sample behind `ttfb`, by namespace and fleet."""
    stages: PromQL | None = None
    """P95 of each stage, in seconds, by namespace, fleet and stage."""
    stage_turns: PromQL | None = None
    """Turns behind `stages`, by namespace, fleet and stage."""
    error_ratio: PromQL | None = None
    """Share (0..1) of turns that ended in an error, by namespace and fleet."""
    drop_off_ratio: PromQL | None = None
    """Share (0..1) of ended sessions in which the caller gave up, by namespace and fleet."""
    sessions_seen_at: PromQL | None = None
    """Unix time of the newest sample behind `drop_off_ratio`, by namespace and fleet."""
    rate_limit_hits: PromQL | None = None
    """Requests that a provider refused because of its rate limit, by namespace and fleet."""
    requests_seen_at: PromQL | None = None
    """Unix time of the newest sample behind `rate_limit_hits`, by namespace and fleet."""
    gpu_utilization: PromQL | None = None
    """GPU utilisation in percent over one minute, by namespace and workload."""
    gpu_replicas: PromQL | None = None
    """Pods behind `gpu_utilization`, by namespace and workload."""
    speech_waiting: PromQL | None = None
    """Requests in flight or waiting, by namespace, fleet and pool."""
    evaluation_work: PromQL | None = None
    """Seconds of work due within `due_within` seconds, by namespace, fleet and `due_within`."""
    evaluation_in_flight: PromQL | None = None
    """Evaluations being worked on, by namespace and fleet."""


class BasicAuthentication(PlatformModel):
    """A name and a password, each in a file."""

    username_file: FileName
    password_file: FileName


class MetricsProviderSettings(PlatformModel):
    """One Prometheus, or what speaks like it: where it is and how it is asked."""

    prometheus_url: Annotated[str, Field(alias="prometheusURL", max_length=2000)]
    """Without `/api/v1`; http or https, no user and no password."""
    bearer_token_file: FileName | None = None
    """File with the token that each request carries, read again for each round."""
    basic_auth: BasicAuthentication | None = None
    ca_file: FileName | None = None
    """File with the certificates that may have signed the provider's; empty means the system's."""
    timeout_seconds: Annotated[float, Field(ge=0.5, le=30)] = 3.0
    """Longest time for one whole answer. Nothing is asked twice."""
    interval_seconds: Annotated[float, Field(ge=1, le=300)] = 10.0
    """Pause between two rounds of questions; each has a tenth of jitter."""
    stale_after_seconds: Annotated[float, Field(ge=5, le=600)] = 60.0
    """A value older than this is none."""
    labels: MetricsLabels = MetricsLabels()
    queries: MetricsQueries = MetricsQueries()

    @field_validator("prometheus_url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is no http or https address with a host")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError(
                "the address must hold no user, password, query or fragment; name files for "
                "the credentials"
            )
        return url.rstrip("/")

    @model_validator(mode="after")
    def _check_authentication(self) -> Self:
        if self.bearer_token_file and self.basic_auth:
            raise ValueError("bearerTokenFile and basicAuth are both set; one of them")
        return self


METRICS_PROVIDERS_MAX = 16
"""Each has connections and threads of its own."""


class Platform(PlatformModel):
    """The operator's configuration file."""

    namespaces: tuple[str, ...] = ()
    """Namespaces to watch; empty means all of them."""
    images: PlatformImages = PlatformImages()
    resync_seconds: Annotated[int, Field(ge=5, le=3600)] = 60
    """How often every fleet gets a cycle although nothing seems to have changed."""
    fleets_max: Annotated[int, Field(ge=1, le=5000)] = 1000
    """Fleets this operator accepts; a further one is reported as Stalled."""
    metrics_providers: Annotated[
        Mapping[ProviderName, MetricsProviderSettings], Field(max_length=METRICS_PROVIDERS_MAX)
    ] = {}
    """By the name under which fleets choose one in `spec.scaling.metricsProvider`."""


def parse_platform(text: str, *, source: str) -> Platform:
    """Read the configuration file's text.

    Raises:
        SpecError: The text is no YAML mapping or a value is out of range; the message
            names the file, the field, and what is allowed.
    """
    try:
        return Platform.model_validate(yaml.safe_load(text) or {})
    except yaml.YAMLError as error:
        raise SpecError(f"{source}: not readable as YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "(top level)"
        raise SpecError(f"{source}: {field}: {first['msg']}; mend the chart's values") from error


def load_platform(path: Path) -> Platform:
    """Read the configuration file, or the defaults where there is none."""
    return parse_platform(path.read_text(), source=str(path)) if path.exists() else Platform()
