"""What a Prometheus is asked: one expression for each signal, over all fleets at once.

Every answer is grouped by namespace and fleet, so a thousand fleets cost as many questions as
one. Labels are called as the provider's settings say, and each expression can be replaced there.
Percentiles come from histograms summed over workers; nothing is averaged that cannot be. Called
by `adapters/prometheus`.
"""

from collections.abc import Mapping
from enum import StrEnum

from voicefleet.api.metrics import STAGE_HISTOGRAM, TTFB_HISTOGRAM
from voicefleet.settings import MetricsLabels, MetricsProviderSettings

LATENCY_WINDOW = "2m"
"""Percentiles and refused requests: recent enough to act on, and twelve scrapes of 10 s."""

ERROR_WINDOW = "5m"
"""Errors are rarer than turns; a shorter window would jump."""

SESSION_WINDOW = "30m"
"""Sessions end rarely; a share of fewer than half an hour's is noise."""

GAUGE_WINDOW = "1m"
"""Oldest value of a gauge that is taken; without a window Prometheus looks back five minutes
and says that what it found is of now."""

GPU_MINUTES = 15
"""Length of the row of averages: what the slowest rule about GPUs looks back."""

GPU_STEP_SECONDS = 60
"""Distance of two averages, and what each is taken over."""

DUE_WITHIN = "due_within"
"""Label of queued evaluation work: it has to be done in so many seconds from now."""

WORKLOAD = "workload"
"""Label that our own expressions make of a pod's name: its Deployment."""

POD_OF_DEPLOYMENT = "(.+)-[a-z0-9]+-[a-z0-9]+"
"""A Deployment's pods are called after it, its ReplicaSet's hash, and five letters."""

TURNS = "voicefleet_turns_total"
ENDED = "voicefleet_sessions_ended_total"
REQUESTS = "voicefleet_provider_requests_total"
GPU = "DCGM_FI_DEV_GPU_UTIL"
SPEECH_WAITING = "voicefleet_speech_requests_waiting"
EVALUATION_WORK = "voicefleet_evaluation_queue_work_seconds"
EVALUATION_IN_FLIGHT = "voicefleet_evaluations_in_flight"


class Query(StrEnum):
    """The questions, in the words of the settings' `queries`."""

    TTFB = "ttfb"
    TURNS = "turns"
    TURNS_SEEN_AT = "turns_seen_at"
    STAGES = "stages"
    STAGE_TURNS = "stage_turns"
    ERROR_RATIO = "error_ratio"
    DROP_OFF_RATIO = "drop_off_ratio"
    SESSIONS_SEEN_AT = "sessions_seen_at"
    RATE_LIMIT_HITS = "rate_limit_hits"
    REQUESTS_SEEN_AT = "requests_seen_at"
    GPU_UTILIZATION = "gpu_utilization"
    GPU_REPLICAS = "gpu_replicas"
    SPEECH_WAITING = "speech_waiting"
    EVALUATION_WORK = "evaluation_work"
    EVALUATION_IN_FLIGHT = "evaluation_in_flight"


CALL_QUERIES = (
    Query.TTFB,
    Query.TURNS,
    Query.TURNS_SEEN_AT,
    Query.STAGES,
    Query.STAGE_TURNS,
    Query.ERROR_RATIO,
    Query.DROP_OFF_RATIO,
    Query.SESSIONS_SEEN_AT,
    Query.RATE_LIMIT_HITS,
    Query.REQUESTS_SEEN_AT,
)
"""What every fleet needs."""

SPEECH_QUERIES = (Query.GPU_UTILIZATION, Query.GPU_REPLICAS, Query.SPEECH_WAITING)
"""Asked only while some fleet has a speech pool."""

EVALUATION_QUERIES = (Query.EVALUATION_WORK, Query.EVALUATION_IN_FLIGHT)
"""Asked only while some fleet has evaluators."""

RANGE_QUERIES = frozenset({Query.GPU_UTILIZATION})
"""Asked for a row of values instead of one."""


def expressions(settings: MetricsProviderSettings) -> Mapping[Query, str]:
    """Return what is asked for each signal; a signal that is switched off is left out."""
    own = {query: getattr(settings.queries, query.value) for query in Query}
    defaults = default_expressions(settings.labels)
    chosen = {
        query: text if (text := own[query]) is not None else defaults[query] for query in Query
    }
    return {query: text for query, text in chosen.items() if text.strip()}


def default_expressions(labels: MetricsLabels) -> Mapping[Query, str]:
    """Return the operator's own expressions with the provider's label names in them."""
    return {**_call_expressions(labels), **_pool_expressions(labels)}


def _call_expressions(labels: MetricsLabels) -> Mapping[Query, str]:
    fleet = f"{labels.namespace}, {labels.fleet}"
    stage = f"{fleet}, {labels.stage}"
    return {
        Query.TTFB: _percentile(TTFB_HISTOGRAM, fleet),
        Query.TURNS: _turns(TTFB_HISTOGRAM, fleet),
        Query.TURNS_SEEN_AT: _seen_at(f"{TTFB_HISTOGRAM}_count", fleet),
        Query.STAGES: _percentile(STAGE_HISTOGRAM, stage),
        Query.STAGE_TURNS: _turns(STAGE_HISTOGRAM, stage),
        Query.ERROR_RATIO: _ratio(TURNS, 'outcome="error"', fleet, window=ERROR_WINDOW),
        Query.DROP_OFF_RATIO: _ratio(ENDED, 'reason="user_dropped"', fleet, window=SESSION_WINDOW),
        Query.SESSIONS_SEEN_AT: _seen_at(ENDED, fleet),
        Query.RATE_LIMIT_HITS: (
            f"sum by ({fleet}) "
            f'(increase({REQUESTS}{{outcome="rate_limited"}}[{LATENCY_WINDOW}]))'
            f" or 0 * sum by ({fleet}) (increase({REQUESTS}[{LATENCY_WINDOW}]))"
        ),
        Query.REQUESTS_SEEN_AT: _seen_at(REQUESTS, fleet),
    }


def _pool_expressions(labels: MetricsLabels) -> Mapping[Query, str]:
    fleet = f"{labels.namespace}, {labels.fleet}"
    workload = f"{labels.namespace}, {WORKLOAD}"
    minute = f"avg by ({labels.namespace}, {labels.pod}) (avg_over_time({GPU}[{GAUGE_WINDOW}]))"
    named = f'label_replace({minute}, "{WORKLOAD}", "$1", "{labels.pod}", "{POD_OF_DEPLOYMENT}")'
    return {
        Query.GPU_UTILIZATION: f"avg by ({workload}) ({named})",
        Query.GPU_REPLICAS: f"count by ({workload}) ({named})",
        Query.SPEECH_WAITING: f"sum by ({fleet}, {labels.pool}) ({_recent(SPEECH_WAITING)})",
        Query.EVALUATION_WORK: f"max by ({fleet}, {DUE_WITHIN}) ({_recent(EVALUATION_WORK)})",
        Query.EVALUATION_IN_FLIGHT: f"sum by ({fleet}) ({_recent(EVALUATION_IN_FLIGHT)})",
    }


def _percentile(histogram: str, by: str) -> str:
    rate = f"sum by ({by}, le) (rate({histogram}_bucket[{LATENCY_WINDOW}]))"
    return f"histogram_quantile(0.95, {rate})"


def _turns(histogram: str, by: str) -> str:
    return f"sum by ({by}) (increase({histogram}_count[{LATENCY_WINDOW}]))"


def _ratio(counter: str, part: str, by: str, *, window: str) -> str:
    """Return a share; 0 where the part has never been counted and the whole has.

    Without a single thing counted it is 0 / 0: Prometheus answers NaN, and that is no value.
    """
    whole = f"sum by ({by}) (rate({counter}[{window}]))"
    share = f"sum by ({by}) (rate({counter}{{{part}}}[{window}]))"
    return f"({share} or 0 * {whole}) / {whole}"


def _seen_at(metric: str, by: str) -> str:
    """Return when the newest sample was taken; an answer's own time is only that of asking."""
    return f"max by ({by}) (timestamp({metric}))"


def _recent(gauge: str) -> str:
    return f"last_over_time({gauge}[{GAUGE_WINDOW}])"
