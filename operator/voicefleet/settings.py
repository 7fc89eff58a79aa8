"""What the platform team decides once for the whole operator: its configuration file.

The chart renders the file from its values; the operator validates it, and reads it again
when it changes. Nothing in it comes from a VoiceFleet, so a fleet's author can never
point the operator at an address or an image of their choosing.
"""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
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


class Platform(PlatformModel):
    """The operator's configuration file."""

    namespaces: tuple[str, ...] = ()
    """Namespaces to watch; empty means all of them."""
    images: PlatformImages = PlatformImages()
    resync_seconds: Annotated[int, Field(ge=5, le=3600)] = 60
    """How often every fleet gets a cycle although nothing seems to have changed."""
    fleets_max: Annotated[int, Field(ge=1, le=5000)] = 1000
    """Fleets this operator accepts; a further one is reported as Stalled."""


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
