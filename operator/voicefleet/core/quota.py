"""How many workers the ResourceQuotas of a namespace have room for, before anybody asks.

A quota that is too small is usually found out by the pods that are refused, on the morning of
the campus day. Its numbers are known the day before. Called by `core/surge_status`.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from voicefleet.api.pods import PodSettings
from voicefleet.manifests import Manifest
from voicefleet.units import parse_quantity

PODS = ("pods", "count/pods")
"""How a quota counts pods, whatever they use."""

SCOPES = ("scopes", "scopeSelector")
"""A quota with one of them may not concern our pods; only the API server can tell."""


@dataclass(frozen=True, slots=True)
class QuotaLimit:
    """The quota that leaves the least room."""

    workers_max: int
    """Workers that it allows, those that exist included."""
    because: str
    """Which quota and which of its numbers, and what a worker takes."""


def find_quota_limit(
    quotas: Collection[Manifest], pod: PodSettings, *, workers: int
) -> QuotaLimit | None:
    """Return the tightest limit, or None where no quota says anything about these pods.

    With 62 of 64 cpu used by 30 workers of 2 cpu, there is room for one more: 31.

    Args:
        quotas: ResourceQuotas of the namespace, as stored.
        pod: What one worker asks for.
        workers: Workers that exist; their share of what is used is theirs already.
    """
    needs = {**dict.fromkeys(PODS, Decimal(1)), **_needs_of(pod)}
    limits = (limit for quota in quotas for limit in _limits_of(quota, needs, workers))
    return min(limits, key=lambda limit: limit.workers_max, default=None)


def _limits_of(quota: Manifest, needs: Mapping[str, Decimal], workers: int) -> Iterator[QuotaLimit]:
    spec, status = quota.get("spec") or {}, quota.get("status") or {}
    if any(spec.get(scope) for scope in SCOPES):
        return
    hard, used = status.get("hard") or spec.get("hard") or {}, status.get("used") or {}
    for resource in sorted(hard.keys() & needs.keys()):
        room = _room(hard[resource], used.get(resource, "0"), needs[resource])
        if room is not None:
            yield QuotaLimit(
                workers + room,
                f"ResourceQuota {quota['metadata']['name']} has {used.get(resource, '0')} of "
                f"{hard[resource]} {resource} in use, room for {room} more",
            )


def _room(hard: object, used: object, need: Decimal) -> int | None:
    """Return how many more pods fit, None where nobody can tell."""
    most, taken = _amount(hard), _amount(used)
    if most is None or taken is None or need <= 0:
        return None
    return max(0, int((most - taken) / need))


def _needs_of(pod: PodSettings) -> dict[str, Decimal]:
    """Return what one pod takes from a quota, by the quota's names for it.

    Where only a limit is set, it is the request too, as the API server fills it in.
    """
    written = pod.resources.to_pod_resources()
    limits: Mapping[str, Any] = written.get("limits", {})
    requests: Mapping[str, Any] = {**limits, **written.get("requests", {})}
    needs = {f"limits.{name}": _amount(text) for name, text in limits.items()}
    for name, text in requests.items():
        needs[f"requests.{name}"] = _amount(text)
        if "/" not in name:
            needs[name] = _amount(text)
    return {name: amount for name, amount in needs.items() if amount is not None}


def _amount(text: object) -> Decimal | None:
    try:
        return parse_quantity(text)
    except ValueError:
        return None
