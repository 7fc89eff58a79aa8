"""Metrics providers in the values: what the operator reads, mounts and may reach by them."""

from typing import Any

import helm_python
import pytest

from support.chart import find, render_chart
from voicefleet.settings import MetricsProviderSettings, MetricsQueries, parse_platform

URL = "https://prometheus.monitoring:9090"
GUARDED = {
    "prometheusURL": URL,
    "existingSecret": "prometheus-access",
    "bearerTokenFile": "token",
    "caFile": "ca.crt",
    "timeoutSeconds": 5,
    "queries": {"ttfb": "my:ttfb:p95"},
}


def a_chart_with(**providers: Any) -> list[dict[str, Any]]:
    """Return the rendered chart with these providers."""
    return render_chart(metricsProviders=providers)


def mounted(manifests: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Return Secret, key and path of every file of a Secret beside the configuration."""
    pod = find(manifests, "Deployment")["spec"]["template"]["spec"]
    volume = next(one for one in pod["volumes"] if one["name"] == "configuration")
    return [
        (source["secret"]["name"], item["key"], item["path"])
        for source in volume["projected"]["sources"]
        if "secret" in source
        for item in source["secret"]["items"]
    ]


def test_the_operator_reads_what_the_values_say():
    """A key that only one side knows would stop the operator at its start."""
    text = find(a_chart_with(default=GUARDED), "ConfigMap")["data"]["platform.yaml"]

    assert parse_platform(text, source="platform.yaml").metrics_providers == {
        "default": MetricsProviderSettings(
            prometheus_url=URL,
            bearer_token_file="token",
            ca_file="ca.crt",
            timeout_seconds=5,
            queries=MetricsQueries(ttfb="my:ttfb:p95"),
        )
    }


def test_credentials_are_mounted_where_the_operator_looks():
    """One folder for each provider beside the configuration, and nothing else of the Secret."""
    basic = {"usernameFile": "user", "passwordFile": "password"}
    second = {"prometheusURL": URL, "existingSecret": "other", "basicAuth": basic}

    files = mounted(a_chart_with(default=GUARDED, other=second))

    assert [file for file in files if file[2].startswith("metrics/")] == [
        ("prometheus-access", "token", "metrics/default/token"),
        ("prometheus-access", "ca.crt", "metrics/default/ca.crt"),
        ("other", "user", "metrics/other/user"),
        ("other", "password", "metrics/other/password"),
    ]


@pytest.mark.parametrize(
    ("providers", "ports"),
    [
        pytest.param({}, [], id="none"),
        pytest.param({"default": {"prometheusURL": URL}}, [9090], id="one"),
    ],
)
def test_the_network_is_open_only_where_there_is_a_provider(
    providers: dict[str, Any], ports: list[int]
):
    """An operator that asks nobody needs no way to anybody."""
    egress = find(a_chart_with(**providers), "NetworkPolicy")["spec"]["egress"]

    found = [port["port"] for rule in egress for port in rule["ports"] if port["port"] == 9090]
    assert found == ports


@pytest.mark.parametrize(
    "provider",
    [
        pytest.param({}, id="without an address"),
        pytest.param({"prometheusURL": "prometheus:9090"}, id="without http"),
        pytest.param({"prometheusURL": "http://me:secret@prometheus"}, id="a password in it"),
        pytest.param({"prometheusURL": URL, "timeout": 3}, id="a key nobody knows"),
        pytest.param({"prometheusURL": URL, "bearerTokenFile": "token"}, id="a file of no Secret"),
        pytest.param({"prometheusURL": URL, "existingSecret": "a"}, id="a Secret for nothing"),
        pytest.param({**GUARDED, "bearerTokenFile": "../key"}, id="a file elsewhere"),
    ],
)
def test_a_mistake_is_refused_before_anything_is_installed(provider: dict[str, Any]):
    """At `helm install` somebody is watching."""
    with pytest.raises(helm_python.HelmValuesError):
        a_chart_with(default=provider)


def test_every_key_of_a_provider_can_be_set_from_the_values():
    """A setting that the schema refuses cannot be used by anybody who installs the chart."""
    known = MetricsProviderSettings(prometheus_url=URL).model_dump(by_alias=True)
    every_query = dict.fromkeys(known["queries"], "up")

    text = find(
        a_chart_with(
            default={**GUARDED, "labels": known["labels"], "queries": every_query,
                     "intervalSeconds": 15, "staleAfterSeconds": 90}
        ),
        "ConfigMap",
    )["data"]["platform.yaml"]  # fmt: skip

    provider = parse_platform(text, source="platform.yaml").metrics_providers["default"]
    assert set(provider.queries.model_dump().values()) == {"up"}
