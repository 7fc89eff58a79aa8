"""What is applied in the two namespaces. Pure.

Everything that has a time in it is divided by the story's clock, ours and the peer's alike, and
the peer gets the settings that its own documentation calls defaults.
"""

from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any, Final

from voicefleet_localcluster.surge.story import CHAPTERS, CLOCK, chapter_begins
from voicefleet_localcluster.world.metrics_api import GROUP, SESSIONS, VERSION

Manifest = dict[str, Any]

OURS: Final = "hiring"
THEIRS: Final = "peer"
FLEET: Final = "interviews"
PROVIDER: Final = "default"
WORKERS_MAX: Final = 80
SLOTS: Final = 8
HPA_TARGET_PERCENT: Final = 70
"""The usual utilisation target: 5.6 of 8 slots."""
HPA_DOWN_SECONDS: Final = 300
"""Kubernetes' default stabilisation of a scale-down, in seconds of the story."""
HPA_LIMIT_SECONDS: Final = 15
"""Kubernetes' default period of the limits on a step, in seconds of the story."""
GRACE_SECONDS: Final = 30
"""Kubernetes' default grace for a pod that was chosen to go, in seconds of the story."""
DOWN_SECONDS: Final = 120
"""Our own default window, in seconds of the story."""
DOWN_PERCENT: Final = 20
"""Our own default of workers per minute, per minute of the story."""
METRICS_SERVICE: Final = "callers"


def campus_fleet(example: Manifest) -> Manifest:
    """Return the example fleet with room for the surge, on the demo's clock."""
    fleet = deepcopy(example)
    fleet["metadata"] = {"name": FLEET, "namespace": OURS}
    spec = fleet["spec"]
    spec["agents"] |= {"maxReplicas": WORKERS_MAX, "sessionsPerWorker": SLOTS}
    spec["media"] |= {"maxReplicas": 20}
    spec["scaling"] = {
        "metricsProvider": PROVIDER,
        "scaleDown": {
            "stabilizationWindowSeconds": round(DOWN_SECONDS / CLOCK),
            "maxPercentPerMinute": min(100, round(DOWN_PERCENT * CLOCK)),
        },
    }
    return fleet


def campus_day(now: datetime) -> Manifest:
    """Return the SurgePlan by which somebody has announced the campus day.

    Args:
        now: When the demo begins.
    """
    opens = now + timedelta(seconds=chapter_begins("the campus opens its doors"))
    closes = now + timedelta(seconds=chapter_begins("everybody goes home"))
    ramp, leave = CHAPTERS[1], CHAPTERS[-2]
    window = {
        "name": "campus-day",
        "once": {"startTime": _iso(opens), "endTime": _iso(closes)},
        "peakSessions": round(ramp.sessions_to),
        "rampSeconds": round(ramp.seconds),
        "glideSeconds": round(leave.seconds / 2),
    }
    return {
        "apiVersion": "voicefleet.dev/v1alpha1",
        "kind": "SurgePlan",
        "metadata": {"name": "campus", "namespace": OURS},
        "spec": {"fleetName": FLEET, "timeZone": "UTC", "windows": [window]},
    }


def peer(port: int) -> list[Manifest]:
    """Return the Deployment, its HorizontalPodAutoscaler, and the metrics API that it asks.

    Args:
        port: Where the world serves `external.metrics.k8s.io` on this machine.
    """
    return [_deployment(), _autoscaler(), _metrics_service(), _metrics_api(port)]


def _deployment() -> Manifest:
    labels = {"app": FLEET}
    container = {
        "name": "worker",
        "image": "ghcr.io/example/interview-agent:1.4.2",
        "env": [{"name": "VOICEFLEET_SESSIONS_PER_WORKER", "value": str(SLOTS)}],
        "ports": [{"containerPort": 8081}],
    }
    grace = round(GRACE_SECONDS / CLOCK)
    annotations = {"localcluster.voicefleet.dev/stop-seconds": str(grace)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": FLEET, "namespace": THEIRS},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": annotations},
                "spec": {"terminationGracePeriodSeconds": grace, "containers": [container]},
            },
        },
    }


def _autoscaler() -> Manifest:
    target = SLOTS * HPA_TARGET_PERCENT / 100
    metric = {
        "type": "External",
        "external": {
            "metric": {"name": SESSIONS},
            "target": {"type": "AverageValue", "averageValue": f"{round(target * 1000)}m"},
        },
    }
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": FLEET, "namespace": THEIRS},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": FLEET},
            "minReplicas": 2,
            "maxReplicas": WORKERS_MAX,
            "metrics": [metric],
            "behavior": {
                "scaleUp": {"policies": [_at_most("Pods", 4), _at_most("Percent", 100)]},
                "scaleDown": {
                    "stabilizationWindowSeconds": round(HPA_DOWN_SECONDS / CLOCK),
                    "policies": [_at_most("Percent", 100)],
                },
            },
        },
    }


def _at_most(kind: str, value: int) -> Manifest:
    """Return one of Kubernetes' default limits, which are per 15 s."""
    return {"type": kind, "value": value, "periodSeconds": round(HPA_LIMIT_SECONDS / CLOCK)}


def _metrics_service() -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": METRICS_SERVICE, "namespace": "kube-system"},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    }


def _metrics_api(port: int) -> Manifest:
    service = {"name": METRICS_SERVICE, "namespace": "kube-system", "port": port}
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"{VERSION}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "version": VERSION,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": service,
        },
    }


def _iso(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
