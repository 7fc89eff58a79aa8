"""A quota that is too small is found out the day before, not by the pods that are refused."""

import json

import pytest

from voicefleet.api.pods import PodSettings
from voicefleet.core.quota import QuotaLimit, find_quota_limit

WORKER = {"requests": {"cpu": "2", "memory": "2Gi"}, "limits": {"memory": "4Gi"}}


def a_quota(hard: dict, used: dict, **spec) -> dict:
    """Return a ResourceQuota as stored."""
    return {
        "metadata": {"name": "team"},
        "spec": {"hard": hard, **spec},
        "status": {"hard": hard, "used": used},
    }


def a_pod(resources: dict | None = None) -> PodSettings:
    """Return a worker of two cores and two gibibytes, or with other resources."""
    written = WORKER if resources is None else resources
    return PodSettings.model_validate_json(json.dumps({"resources": written}))


@pytest.mark.parametrize(
    ("hard", "used", "expected"),
    [
        pytest.param({"requests.cpu": "64"}, {"requests.cpu": "61"}, 31, id="one more fits"),
        pytest.param({"cpu": "64"}, {"cpu": "64"}, 30, id="cpu means requests; nothing fits"),
        pytest.param({"limits.memory": "128Gi"}, {"limits.memory": "120Gi"}, 32, id="limits"),
        pytest.param({"pods": "33"}, {"pods": "31"}, 32, id="pods are counted"),
        pytest.param({"requests.cpu": "8"}, {"requests.cpu": "60"}, 30, id="beyond it already"),
    ],
)
def test_workers_that_exist_and_those_that_still_fit(hard, used, expected):
    """Thirty workers run; their share of what is in use is theirs already."""
    limit = find_quota_limit([a_quota(hard, used)], a_pod(), workers=30)

    assert limit is not None
    assert limit.workers_max == expected


def test_the_tightest_of_all_numbers_counts_and_is_named():
    """Whoever raises a quota must not find the next one a day later."""
    roomy = a_quota({"pods": "100"}, {"pods": "31"})
    tight = a_quota({"requests.memory": "64Gi"}, {"requests.memory": "60Gi"})

    limit = find_quota_limit([roomy, tight], a_pod(), workers=30)

    assert limit == QuotaLimit(
        32,
        "ResourceQuota team has 60Gi of 64Gi requests.memory in use, room for 2 more",
    )


def test_where_only_a_limit_is_written_it_is_the_request_too():
    """The API server fills it in before the quota counts it."""
    quota = a_quota({"requests.memory": "8Gi"}, {"requests.memory": "0"})

    limit = find_quota_limit([quota], a_pod({"limits": {"memory": "4Gi"}}), workers=0)

    assert limit is not None
    assert limit.workers_max == 2


@pytest.mark.parametrize(
    "quota",
    [
        pytest.param(a_quota({"requests.storage": "1Gi"}, {}), id="it is about volumes"),
        pytest.param(a_quota({"pods": "1"}, {}, scopes=["BestEffort"]), id="it is about others"),
        pytest.param(a_quota({"pods": "many"}, {}), id="it is no number"),
        pytest.param({"metadata": {"name": "new"}}, id="it has no numbers yet"),
    ],
)
def test_a_quota_that_says_nothing_about_workers_limits_nothing(quota):
    """A limit that is not there must not scare anybody."""
    assert find_quota_limit([quota], a_pod(), workers=5) is None
