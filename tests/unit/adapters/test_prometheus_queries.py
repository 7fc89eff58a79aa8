"""What a Prometheus is asked, and that the documentation says the same."""

import re

import pytest
from pydantic.alias_generators import to_camel

from voicefleet.adapters.prometheus_queries import (
    CALL_QUERIES,
    EVALUATION_QUERIES,
    SPEECH_QUERIES,
    Query,
    default_expressions,
    expressions,
)
from voicefleet.api.metrics import LATENCY_BOUNDS_SECONDS
from voicefleet.settings import MetricsLabels, MetricsProviderSettings, MetricsQueries
from voicefleet_workbench.sources import ROOT

URL = "http://prometheus:9090"
PAGE = (ROOT / "docs" / "metrics-providers.md").read_text()
DOCUMENTED = re.compile(r"^### `(\w+)`\n.+?```promql\n(.+?)\n```", re.MULTILINE | re.DOTALL)


def test_the_documentation_shows_what_is_asked():
    """Whoever replaces an expression begins with the one on this page."""
    asked = {to_camel(query): text for query, text in default_expressions(MetricsLabels()).items()}

    assert dict(DOCUMENTED.findall(PAGE)) == asked


def test_the_documentation_shows_the_bounds():
    """Whoever builds an agent image of their own copies them from there."""
    assert f"`{' '.join(f'{bound:g}' for bound in LATENCY_BOUNDS_SECONDS)}`" in PAGE


def test_every_question_can_be_replaced_under_its_own_name():
    """Exporters differ; a question that cannot be replaced is one that some cannot answer."""
    assert {query.value for query in Query} == set(MetricsQueries.model_fields)


def test_every_question_is_asked_for_some_fleet():
    """A question that is in no group is never asked, and its signal is missing for ever."""
    assert {*CALL_QUERIES, *SPEECH_QUERIES, *EVALUATION_QUERIES} == set(Query)


def test_an_own_expression_replaces_one_and_an_empty_one_none():
    """Replacing one must not mean copying the others."""
    own = MetricsQueries(ttfb="my:ttfb:p95", drop_off_ratio="")

    asked = expressions(MetricsProviderSettings(prometheus_url=URL, queries=own))

    assert asked[Query.TTFB] == "my:ttfb:p95"
    assert Query.DROP_OFF_RATIO not in asked
    assert asked[Query.TURNS] == default_expressions(MetricsLabels())[Query.TURNS]


@pytest.mark.parametrize("query", [*CALL_QUERIES, *SPEECH_QUERIES, *EVALUATION_QUERIES])
def test_labels_are_called_as_the_provider_calls_them(query: Query):
    """A relabelled cluster answers nothing to the usual names."""
    labels = MetricsLabels(namespace="kube_ns", fleet="vf", stage="part", pod="podname", pool="p")

    text = default_expressions(labels)[query]

    assert re.findall(r"by \((\w+),", text)
    assert set(re.findall(r"by \((\w+),", text)) == {"kube_ns"}
    assert not re.search(r"\b(?:namespace|fleet|pod|pool)\b", text)
