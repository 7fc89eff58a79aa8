"""Regular expressions of the API's strings, each with what it allows in words.

The API server's own message for a pattern repeats the expression, which helps nobody at
night. So the generator turns each pattern into a CEL rule with these words, and the parser
uses the same words. Both engines (RE2 and Rust's regex) run in linear time.
"""

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
LABEL_KEY = (
    r"^(([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]*[a-z0-9])?/)?"
    r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
)
LABEL_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
QUANTITY = r"^[0-9]+(\.[0-9]{1,9})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"
REDIS_ADDRESS = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?:[1-9][0-9]{0,4}$"
IMAGE = (
    r"^[a-z0-9]([-a-z0-9._]*[a-z0-9])?(:[0-9]{1,5})?"
    r"(/[a-z0-9]+((\.|_{1,2}|-+)[a-z0-9]+)*)*"
    r"(:[A-Za-z0-9_][-A-Za-z0-9._]{0,127})?(@sha256:[a-f0-9]{64})?$"
)
PUBLIC_URL = (
    r"^wss?://[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
    r"(:[1-9][0-9]{0,4})?(/[-a-z0-9._/]*)?$"
)
CONFIG_KEY = r"^[-._a-zA-Z0-9]+$"
TIME_OF_DAY = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
TIME_ZONE = r"^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z][A-Za-z0-9_+-]*){0,2}$"

PATTERN_MEANINGS = {
    DNS_LABEL: "must be lower-case letters, digits and `-`, with a letter or digit at both ends",
    DNS_SUBDOMAIN: (
        "must be an object's name: lower-case letters, digits, `-` and `.`, "
        "with a letter or digit at both ends"
    ),
    LABEL_KEY: (
        "must be a label key such as `topology.kubernetes.io/zone`, "
        "with at most 63 characters after the `/`"
    ),
    LABEL_VALUE: (
        "must be letters, digits, `-`, `_` and `.`, with a letter or digit at both ends, or empty"
    ),
    QUANTITY: "must be a quantity of zero or more such as 2, 500m or 1.5Gi",
    REDIS_ADDRESS: "must be a host and a port such as redis.voice.svc:6379",
    IMAGE: "must be an image such as registry.example.com/team/worker:1.4.2, without spaces",
    PUBLIC_URL: (
        "must be a lower-case address such as wss://media.example.com, "
        "without user, query or fragment"
    ),
    CONFIG_KEY: "must be a key of a ConfigMap: letters, digits, `-`, `_` and `.`",
    TIME_OF_DAY: "must be a time of day with two digits each, from 00:00 to 23:59",
    TIME_ZONE: "must be a time zone of the IANA database such as Europe/Berlin, or UTC",
}
"""What each pattern allows; a test proves that no pattern of the API is without words."""
