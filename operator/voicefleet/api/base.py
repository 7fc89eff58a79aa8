"""What every type of the API is made of: one strict, frozen model and the shared scalars.

The models are the source of the CRD. An attribute's docstring becomes the description that
`kubectl explain` prints; ranges, patterns and defaults become schema, and are appended to
that description by the generator, so they are written once. Every string, list and map has
a bound from its first version on: adding one later would break stored objects.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

from voicefleet.api.patterns import DNS_SUBDOMAIN, IMAGE, LABEL_VALUE

API_GROUP = "voicefleet.dev"
API_VERSION = "v1alpha1"
GROUP_VERSION = f"{API_GROUP}/{API_VERSION}"

ACRONYMS = {"url": "URL", "ip": "IP", "ttfb": "TTFB"}
"""Words that Kubernetes writes in capitals inside camelCase field names."""


def to_field_name(attribute: str) -> str:
    """Return the name in a manifest: `public_url` becomes `publicURL`."""
    first, *others = attribute.split("_")
    return first + "".join(ACRONYMS.get(word, word.capitalize()) for word in others)


class ApiModel(BaseModel):
    """Frozen, camelCase outside, strict about types.

    Unknown fields are ignored: the API server has pruned what its CRD does not know, and a
    CRD newer than this operator must not stop a fleet that already runs.
    """

    model_config = ConfigDict(
        alias_generator=to_field_name,
        populate_by_name=True,
        extra="ignore",
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
        serialize_by_alias=True,
    )

    def to_manifest(self) -> dict[str, Any]:
        """Return the JSON form: manifest names, and nothing for what is not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def format_time(instant: datetime) -> str:
    """Return an instant as Kubernetes writes it: UTC, whole seconds."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Timestamp = Annotated[AwareDatetime, PlainSerializer(format_time, when_used="json")]
ImageReference = Annotated[str, Field(min_length=1, max_length=512, pattern=IMAGE)]
ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN)]
Port = Annotated[int, Field(ge=1024, le=65535)]
"""Below 1024 a process would need root or a capability, which no pod of a fleet has."""
LabelValue = Annotated[str, Field(max_length=63, pattern=LABEL_VALUE)]
NodeLabels = Annotated[Mapping[str, LabelValue], Field(max_length=16)]


class SecretReference(ApiModel):
    """A Secret in the fleet's own namespace, by name.

    The operator never reads it; the kubelet hands it to the pods.
    """

    name: ObjectName
    """Name of a Secret in the namespace of this VoiceFleet. It may be created later: until
    it exists, pods wait and condition CapacityAvailable says which Secret is missing."""
