"""What one sees of both sides at a moment: callers from the world, workers from the API server."""

import json
import math
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any, Final

from voicefleet_localcluster.cluster import LocalCluster
from voicefleet_localcluster.surge.manifests import FLEET, OURS, THEIRS

Manifest = dict[str, Any]

QUERY_SECONDS: Final = 2
P95_QUERY: Final = (
    "histogram_quantile(0.95, sum by (le, namespace) "
    "(rate(voicefleet_turn_ttfb_seconds_bucket[20s])))"
)


@dataclass(frozen=True, slots=True)
class Side:
    """One namespace at one moment."""

    sessions: int
    wanted: int
    """Workers that its scaler asks for."""
    ready: int
    """Workers that take calls."""
    offered: int
    turned_away: int
    cut: int
    slow_percent: float
    """Turns so far that took more than 400 ms."""
    worker_hours: float
    """Of the demo's own time."""
    p95_milliseconds: float | None
    """Of the last 20 seconds; None while Prometheus does not answer."""


@dataclass(frozen=True, slots=True)
class Look:
    """Both sides, and what the fleet's status says."""

    ours: Side
    theirs: Side
    fleet: Manifest

    @property
    def conditions(self) -> dict[str, Manifest]:
        """The fleet's conditions by type."""
        found = self.fleet.get("status", {}).get("conditions", [])
        return {condition["type"]: condition for condition in found}

    @property
    def decisions(self) -> list[Manifest]:
        """The fleet's decisions, the newest first."""
        return list(self.fleet.get("status", {}).get("decisions", []))


def look(cluster: LocalCluster) -> Look:
    """Read everything once."""
    p95 = _read_p95(cluster.prometheus)
    group = "/apis/voicefleet.dev/v1alpha1"
    fleet = cluster.api.call("GET", f"{group}/namespaces/{OURS}/voicefleets/{FLEET}")
    deployment = cluster.api.call("GET", f"/apis/apps/v1/namespaces/{THEIRS}/deployments/{FLEET}")
    agents = fleet.get("status", {}).get("agents", {})
    serving = int(fleet.get("status", {}).get("summary", {}).get("agents", "0/").split("/")[0])
    ours = _side(
        cluster.world.traffic(OURS), p95.get(OURS), agents.get("desiredReplicas", 0), serving
    )
    theirs = _side(
        cluster.world.traffic(THEIRS),
        p95.get(THEIRS),
        deployment["spec"]["replicas"],
        deployment.get("status", {}).get("readyReplicas", 0),
    )
    return Look(ours, theirs, fleet)


def _side(tally: Manifest, p95: float | None, wanted: int, ready: int) -> Side:
    return Side(
        sessions=tally["running"],
        wanted=wanted,
        ready=ready,
        offered=tally["offered"],
        turned_away=tally["turned_away"],
        cut=tally["cut"],
        slow_percent=100 * tally["slow_turns"] / max(1, tally["turns"]),
        worker_hours=tally["worker_seconds"] / 3600,
        p95_milliseconds=p95,
    )


def _read_p95(prometheus: str) -> dict[str, float]:
    """Return the P95 in milliseconds by namespace; nothing while Prometheus is away."""
    address = f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': P95_QUERY})}"
    try:
        with urllib.request.urlopen(address, timeout=QUERY_SECONDS) as answer:
            rows = json.load(answer)["data"]["result"]
    except (urllib.error.URLError, OSError, ValueError):
        return {}
    values = {row["metric"].get("namespace", ""): float(row["value"][1]) * 1000 for row in rows}
    return {namespace: value for namespace, value in values.items() if math.isfinite(value)}
