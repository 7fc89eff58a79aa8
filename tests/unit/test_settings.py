"""The operator's configuration: what is refused, and how the refusal reads."""

import pytest

from voicefleet.errors import SpecError
from voicefleet.settings import METRICS_PROVIDERS_MAX, parse_platform

URL = "http://prometheus.monitoring:9090"


def parse(**provider: object) -> str:
    """Return the address of the one provider of a configuration."""
    text = str({"metricsProviders": {"default": {"prometheusURL": URL, **provider}}})
    return parse_platform(text, source="platform.yaml").metrics_providers["default"].prometheus_url


@pytest.mark.parametrize(
    ("provider", "field"),
    [
        pytest.param({"prometheusURL": "prometheus:9090"}, "prometheusURL", id="no http"),
        pytest.param({"prometheusURL": "file:///etc/passwd"}, "prometheusURL", id="a file"),
        pytest.param({"prometheusURL": "http://me:pw@host"}, "prometheusURL", id="a password"),
        pytest.param({"prometheusURL": "http://host/?a=b"}, "prometheusURL", id="a query"),
        pytest.param({"bearerTokenFile": "../../install-key/key"}, "bearerTokenFile", id="a path"),
        pytest.param({"timeoutSeconds": 0}, "timeoutSeconds", id="no time at all"),
        pytest.param({"intervalSeconds": 0.1}, "intervalSeconds", id="ten rounds a second"),
        pytest.param({"labels": {"fleet": "a-b"}}, "labels.fleet", id="no label"),
        pytest.param({"queries": {"ttbf": "up"}}, "queries.ttbf", id="misspelt"),
        pytest.param(
            {
                "bearerTokenFile": "token",
                "basicAuth": {"usernameFile": "a", "passwordFile": "b"},
            },
            "basicAuth",
            id="two credentials",
        ),
    ],
)
def test_a_wrong_provider_is_refused_by_its_field(provider: dict[str, object], field: str):
    """The message is all that an administrator sees before the pod is restarted."""
    with pytest.raises(SpecError) as caught:
        parse(**provider)

    assert str(caught.value).startswith("platform.yaml: metricsProviders.default")
    assert field in str(caught.value)


def test_an_address_needs_no_stroke_at_its_end():
    """Both forms are in use, and two strokes are another path."""
    assert parse(prometheusURL=f"{URL}/prefix/") == f"{URL}/prefix"


def test_too_many_providers_are_refused():
    """Each has threads and connections of its own."""
    many = {f"p{number}": {"prometheusURL": URL} for number in range(METRICS_PROVIDERS_MAX + 1)}

    with pytest.raises(SpecError, match="metricsProviders"):
        parse_platform(str({"metricsProviders": many}), source="platform.yaml")
