"""Every way in which Prometheus can be wrong, over real HTTP: absent with a cause, never a value.

The healthy answer is proven first, so that an absence means something. What the planner makes of
absence is in test_faulty_signals_shrink_nothing.
"""

import asyncio
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from support.certificates import a_certificate
from support.fleets import with_spec
from support.metric_providers import a_platform, a_provider
from support.stand_in_prometheus import (
    READY_REPLICAS,
    Series,
    StandInPrometheus,
    body,
    drip,
    error_body,
    flood,
    never,
    nothing,
    serving,
    status,
    twice,
    with_labels,
    with_shift,
    with_value,
)
from support.worlds import eventually
from voicefleet.adapters.prometheus_client import BODY_BYTES_MAX
from voicefleet.model.signal import Signals

STALE_AFTER = timedelta(seconds=60)


def samples_of(signals: Signals) -> list[str]:
    """Return the names of everything that has a value."""
    pool = signals.pools["tts"]
    named = {
        "ttfb": signals.ttfb_milliseconds,
        "stages": dict(signals.stages),
        "errors": signals.error_ratio,
        "drop-off": signals.drop_off_ratio,
        "hits": signals.rate_limit_hits,
        "utilization": pool.utilization,
        "coverage": pool.coverage,
        "waiting": pool.waiting,
        "evaluation": signals.evaluation,
    }
    return [name for name, value in named.items() if value not in (None, {}, ())]


async def test_a_healthy_provider_brings_every_signal(tmp_path: Path):
    """Without this, a test below could pass because nothing ever comes."""
    async with a_provider(StandInPrometheus(), tmp_path) as provider:
        signals = await provider.hear()

    assert len(samples_of(signals)) == 9
    assert signals.ttfb_milliseconds is not None
    assert (signals.ttfb_milliseconds.value, signals.ttfb_milliseconds.count) == (397.5, 240)
    assert {name for name in signals.faults if not name.endswith("/stt")} == set()
    assert len(signals.pools["tts"].utilization) == 15


@pytest.mark.parametrize(
    ("respond", "cause"),
    [
        pytest.param(never, "timeout", id="says nothing"),
        pytest.param(drip, "timeout", id="drips"),
        pytest.param(status(503), "http", id="503"),
        pytest.param(status(429), "http", id="429"),
        pytest.param(status(422, '{"error": "bad"}'), "http", id="422"),
        pytest.param(status(302, Location="http://127.0.0.2/"), "http", id="redirect"),
        pytest.param(error_body(), "http", id="200 with an error"),
        pytest.param(body(""), "parse", id="no body"),
        pytest.param(body("<html>"), "parse", id="no JSON"),
        pytest.param(body("[1]"), "parse", id="no object"),
        pytest.param(body('{"status": "success"}'), "parse", id="no data"),
    ],
)
async def test_a_bad_response_is_no_value(respond: Callable[..., Any], cause: str, tmp_path: Path):
    """Whatever a proxy or a broken server says, nothing of it is a number about callers."""
    async with a_provider(StandInPrometheus(respond=respond), tmp_path) as provider:
        signals = await provider.hear(cause)

    assert samples_of(signals) == []
    assert set(provider.errors) == {cause}


async def test_an_endless_body_is_cut_off(tmp_path: Path):
    """100 MB from a server that has gone wrong must not become 100 MB of the operator's memory."""
    async with a_provider(
        StandInPrometheus(respond=flood), tmp_path, timeoutSeconds=20
    ) as provider:
        signals = await provider.hear("parse")

    assert samples_of(signals) == []
    assert str(BODY_BYTES_MAX) in signals.faults["ttfb"]


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        pytest.param(nothing, "empty", id="empty vector"),
        pytest.param(with_value("NaN"), "empty", id="NaN"),
        pytest.param(with_value("+Inf"), "parse", id="Inf"),
        pytest.param(with_value("-Inf"), "parse", id="minus Inf"),
        pytest.param(with_value("-5"), "parse", id="negative"),
        pytest.param(with_value("1e308"), "parse", id="1e308"),
        pytest.param(with_value("soon"), "parse", id="garbage"),
        pytest.param(with_value({"a": 1}), "parse", id="no text"),
        pytest.param(twice, "parse", id="two series"),
        pytest.param(with_labels(namespace="elsewhere"), "empty", id="another namespace"),
        pytest.param(with_labels(namespace=None), "empty", id="no namespace"),
        pytest.param(with_labels(fleet=None, workload=None), "empty", id="no fleet"),
    ],
)
async def test_a_bad_series_is_no_value(
    spoil: Callable[[Series], list[Series]], cause: str, tmp_path: Path
):
    """KEDA makes 0 of the first three, and scales to its minimum."""
    async with a_provider(StandInPrometheus(spoil=spoil), tmp_path) as provider:
        signals = await provider.hear(cause)

    assert samples_of(signals) == []
    assert signals.faults["ttfb"].startswith(cause)


@pytest.mark.parametrize(
    ("spoil", "envelope", "cause"),
    [
        pytest.param(with_shift(-600), {}, "stale", id="ten minutes old"),
        pytest.param(with_shift(600), {}, "parse", id="from the future"),
        pytest.param(with_shift(0), {"warnings": ["store a is down"]}, "partial", id="a warning"),
        pytest.param(
            with_shift(0), {"data": {"resultType": "scalar", "result": [1, "2"]}}, "parse",
            id="another kind of result",
        ),
        pytest.param(
            with_shift(0), {"data": {"resultType": "vector", "result": {}}}, "parse",
            id="a result that is no list",
        ),
    ],
)  # fmt: skip
async def test_what_is_not_of_now_or_not_whole_is_no_value(
    spoil: Callable[[Series], list[Series]], envelope: dict[str, Any], cause: str, tmp_path: Path
):
    """A number that was true once is the most convincing wrong one."""
    stand_in = StandInPrometheus(spoil=spoil, envelope=envelope)
    async with a_provider(stand_in, tmp_path) as provider:
        signals = await provider.hear(cause)

    assert samples_of(signals) == []


async def test_a_remark_about_a_metrics_name_is_no_warning(tmp_path: Path):
    """Some versions send it with every rate, and nothing is missing in the answer."""
    remark = 'PromQL info: metric might not be a counter: "my_turns"'
    async with a_provider(StandInPrometheus(envelope={"warnings": [remark]}), tmp_path) as provider:
        signals = await provider.hear()

    assert signals.ttfb_milliseconds is not None


async def test_data_that_has_stopped_growing_is_as_old_as_its_newest_sample(tmp_path: Path):
    """Prometheus dates an answer with the moment of asking, and a rate looks back two minutes."""

    def age_the_data(series: Series) -> list[Series]:
        is_time = "value" in series and float(series["value"][1]) > 1e9
        return with_shift(-90)(series) if is_time else [series]

    async with a_provider(StandInPrometheus(spoil=age_the_data), tmp_path) as provider:
        signals = await provider.hear("stale")

    assert "90 s old, 60 s allowed" in signals.faults["ttfb"]


async def test_nobody_listening_is_no_value(tmp_path: Path):
    """A Prometheus that is being moved refuses connections."""
    url = "http://127.0.0.1:1"
    async with a_provider(StandInPrometheus(), tmp_path, url=url) as provider:
        signals = await provider.hear("http")

    assert samples_of(signals) == []
    assert "ConnectionRefusedError" in signals.faults["ttfb"]


async def test_a_redirect_leads_nowhere(tmp_path: Path):
    """The operator's token must not be carried to a host that somebody else chose."""
    other = StandInPrometheus()
    async with serving(other) as elsewhere:
        redirecting = StandInPrometheus(respond=status(307, Location=f"{elsewhere}/api/v1/query"))
        async with a_provider(redirecting, tmp_path) as provider:
            await provider.hear("http")

    assert redirecting.requests
    assert other.requests == []


async def test_a_pool_of_which_half_is_not_measured_says_so(tmp_path: Path):
    """The average of the other half may be that of the idle one."""

    def halve(series: Series) -> list[Series]:
        is_count = series.get("value", ("", ""))[1] == str(READY_REPLICAS)
        return with_value(str(READY_REPLICAS // 2))(series) if is_count else [series]

    async with a_provider(StandInPrometheus(spoil=halve), tmp_path) as provider:
        coverage = (await provider.hear()).pools["tts"].coverage

    assert coverage is not None
    assert coverage.value == 0.5


async def test_too_few_turns_have_no_p95(tmp_path: Path):
    """Of 19 turns it is the slowest; a quiet night is no latency incident."""

    def thin_out(series: Series) -> list[Series]:
        is_count = series.get("value", ("", ""))[1] == "240"
        return with_value("19")(series) if is_count else [series]

    async with a_provider(StandInPrometheus(spoil=thin_out), tmp_path) as provider:
        signals = await provider.hear("few")

    assert signals.ttfb_milliseconds is None
    assert signals.faults["ttfb"] == "few: 19 turns in 2m, 20 needed"


async def test_another_authoritys_certificate_is_refused(tmp_path: Path):
    """Whoever stands between must not be able to say that nobody waits."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(a_certificate(tmp_path, address="127.0.0.1"))
    async with a_provider(StandInPrometheus(), tmp_path, tls=tls) as provider:
        signals = await provider.hear("http")

    assert samples_of(signals) == []


@pytest.mark.parametrize(
    ("address", "is_trusted"),
    [
        pytest.param("127.0.0.1", True, id="the right name"),
        pytest.param("127.0.0.9", False, id="another name"),
    ],
)
async def test_a_certificate_of_the_platforms_own_is_believed_for_its_name(
    address: str, is_trusted: bool, tmp_path: Path
):
    """Most Prometheuses in a cluster have one that no public authority signed."""
    certificate = a_certificate(tmp_path, address=address)
    (tmp_path / "default").mkdir()
    (tmp_path / "default" / "ca.crt").write_text(certificate.read_text())
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    async with a_provider(StandInPrometheus(), tmp_path, tls=tls, caFile="ca.crt") as provider:
        signals = await provider.hear("" if is_trusted else "http")

    assert (signals.ttfb_milliseconds is not None) == is_trusted


@pytest.mark.parametrize(
    ("settings", "files", "header"),
    [
        pytest.param(
            {"bearerTokenFile": "token"}, {"token": "abc\n"}, "Bearer abc", id="bearer token"
        ),
        pytest.param(
            {"basicAuth": {"usernameFile": "user", "passwordFile": "password"}},
            {"user": "me", "password": "secret"},
            "Basic bWU6c2VjcmV0",
            id="name and password",
        ),
    ],
)
async def test_credentials_come_from_their_files(
    settings: dict[str, Any], files: dict[str, str], header: str, tmp_path: Path
):
    """They are in no manifest, no argument and no log."""
    (tmp_path / "default").mkdir()
    for name, text in files.items():
        (tmp_path / "default" / name).write_text(text)
    async with a_provider(StandInPrometheus(), tmp_path, **settings) as provider:
        await provider.hear()

    sent = {request.headers.get("Authorization") for request in provider.stand_in.requests}
    assert sent == {header}


async def test_a_missing_credential_asks_nothing(tmp_path: Path):
    """To ask without it would be a failed login every ten seconds."""
    settings = {"bearerTokenFile": "token"}
    async with a_provider(StandInPrometheus(), tmp_path, **settings) as provider:
        signals = await provider.hear("http")

    assert provider.stand_in.requests == []
    assert "default/token: No such file" in signals.faults["ttfb"]


async def test_one_bad_question_leaves_the_others(tmp_path: Path):
    """A mistake in one expression of the platform's own must not blind every fleet."""
    queries = {"dropOffRatio": "sum(", "errorRatio": ""}
    async with a_provider(StandInPrometheus(), tmp_path, queries=queries) as provider:
        signals = await provider.hear()

    assert signals.ttfb_milliseconds is not None
    assert signals.drop_off_ratio is None
    assert signals.faults["drop_off_ratio"].startswith("http")
    assert (signals.error_ratio, "error_ratio" in signals.faults) == (None, False)


async def test_a_value_outlives_a_failure_until_it_is_stale(tmp_path: Path):
    """One lost answer in a minute is no outage; a minute without any is."""
    async with a_provider(StandInPrometheus(), tmp_path) as provider:
        await provider.hear()
        provider.stand_in.respond = status(503)
        before = len(provider.stand_in.requests)
        await eventually(lambda: len(provider.stand_in.requests) > before)
        kept = provider.signals()

        provider.clock.shift = STALE_AFTER + timedelta(seconds=5)
        signals = provider.signals()

    assert kept.ttfb_milliseconds is not None
    assert samples_of(signals) == []
    assert signals.faults["ttfb"].startswith("stale")


async def test_a_silent_provider_is_asked_one_thing_at_a_time(tmp_path: Path):
    """Fifteen questions that each wait for their timeout would be a load of their own."""
    async with a_provider(StandInPrometheus(respond=status(503)), tmp_path) as provider:
        await provider.hear("http")
        await eventually(lambda: len(provider.stand_in.requests) == 3)

    asked = {request.query["query"] for request in provider.stand_in.requests}
    assert len(asked) == 1


async def test_a_provider_that_is_back_is_used_again(tmp_path: Path):
    """After an outage nobody should have to restart anything."""
    async with a_provider(StandInPrometheus(respond=status(503)), tmp_path) as provider:
        await provider.hear("http")
        await eventually(lambda: len(provider.stand_in.requests) == 3)
        await asyncio.sleep(0.5)  # the third answer is taken in before the clock moves
        provider.stand_in.respond = None
        provider.clock.shift = timedelta(seconds=20)

        signals = await provider.hear()

    assert len(samples_of(signals)) >= 8


async def test_a_provider_that_moved_is_asked_at_its_new_place(tmp_path: Path):
    """The configuration is read again while the operator runs; nobody restarts it for that."""
    second = StandInPrometheus()
    async with (
        serving(second) as elsewhere,
        a_provider(StandInPrometheus(), tmp_path) as provider,
    ):
        await provider.hear()
        asked = len(provider.stand_in.requests)

        provider.platform[0] = a_platform(elsewhere)
        provider.signals()
        await eventually(lambda: second.requests)

    assert len(provider.stand_in.requests) == asked


async def test_a_provider_nobody_has_configured_is_named(tmp_path: Path):
    """The fleet's author sees the mistake in the fleet's status, with what would be possible."""
    async with a_provider(StandInPrometheus(), tmp_path) as provider:
        provider.fleet = with_spec(provider.fleet, "scaling.metricsProvider", "thanos")
        signals = provider.signals()

    assert signals.faults["metricsProvider"] == (
        "http: the operator's metricsProviders has no 'thanos'; known: default"
    )
