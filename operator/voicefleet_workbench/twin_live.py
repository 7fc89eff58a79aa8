"""Plays the demo's day on a local cluster, and writes down who called and what was decided.

The same story as `make demo` (a campus opens its doors, the metrics provider goes away, all go
home), without the peer and with a longer afternoon. People live twelve times too fast in it, but
the operator's own times are real seconds, so the fleet goes down at the operator's own pace: with
the demo's (a window of 10 s) a decision that comes a second later is another decision. Called by
`twin`.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from statistics import fmean
from typing import Final

import yaml

from voicefleet.adapters.clock import SystemClock
from voicefleet.api.labels import TIER
from voicefleet.manifests import Manifest
from voicefleet.model.observed import Tier
from voicefleet_localcluster.cluster import LocalCluster
from voicefleet_localcluster.commands import SCRAPE_SECONDS
from voicefleet_localcluster.installation import install_chart
from voicefleet_localcluster.members import PROMETHEUS
from voicefleet_localcluster.operator_process import OperatorProcess
from voicefleet_localcluster.options import ClusterOptions
from voicefleet_localcluster.surge import manifests, story
from voicefleet_localcluster.surge.calling import SEED, ring
from voicefleet_localcluster.surge.manifests import FLEET, OURS, PROVIDER
from voicefleet_workbench.figures import CYCLE_METRIC
from voicefleet_workbench.sources import ROOT
from voicefleet_workbench.twin_recording import Recording, Tick

EXAMPLE: Final = ROOT / "docs" / "examples" / "interviews.yaml"

TICK_SECONDS: Final = 1.0
"""12 s of the story: as often as controllers look, which is each 15 s."""

DAY: Final = (*story.CHAPTERS[:-1], replace(story.CHAPTERS[-1], seconds=120))
"""Workers begin to go two minutes after the callers, so the afternoon lasts longer."""

READY_SECONDS: Final = 90.0
LOOK_SECONDS: Final = 0.25

STARTS_EACH_TICKS: Final = 10
"""How often pods are listed for the time that they took to start."""

ROUND_SECONDS: Final = 10.0
"""Between two rounds of questions to a metrics provider, by default (`settings`)."""

ANNOUNCED_BEFORE: Final = timedelta(seconds=5)
"""The plan is known a few seconds later, and the day begins then."""

DECISION: Final = re.compile(r"(\d\d):(\d\d):(\d\d\.\d+) INFO +\S+ (agents \d+→.*)")
"""A line of the operator's log that tells of the number of workers."""

FLEETS: Final = f"/apis/voicefleet.dev/v1alpha1/namespaces/{OURS}/voicefleets"


@dataclass(slots=True)
class Notes:
    """What is written down while the day goes on."""

    starts_at: datetime
    begun: float
    """The same moment on the monotonic clock."""
    ticks: list[Tick] = field(default_factory=list)
    starts: dict[str, float] = field(default_factory=dict)
    """Seconds from creation to Ready, by UID of the pod."""
    outages: list[tuple[float, float]] = field(default_factory=list)

    @property
    def now(self) -> float:
        """Seconds since the fleet was applied."""
        return time.monotonic() - self.begun


def record_day(*, seed: int = SEED, is_announced: bool = False) -> Recording:
    """Live through the day once, on a cluster of its own.

    Args:
        seed: Of the callers.
        is_announced: Whether a SurgePlan tells of the day before it begins.
    """
    options = ClusterOptions(
        name=f"twin-{os.getpid()}", plain_nodes=6, pod_start_seconds=3.0, with_prometheus=True
    )
    with LocalCluster.start(options) as cluster:
        provider = {"prometheusURL": cluster.prometheus}
        installed = install_chart(
            cluster, cluster.folder / "operator", {"metricsProviders": {PROVIDER: provider}}
        )
        operator = OperatorProcess(
            installed.kubeconfig, installed.platform, installed.install_key,
            cluster.folder / "operator", lease_namespace=installed.namespace,
        )  # fmt: skip
        with operator:
            fleet = make_manifest()
            notes = _begin(cluster, fleet)
            surge = _announce(cluster) if is_announced else None
            cycles = _count_cycles(operator)
            began = notes.now
            _live_through(cluster, notes, seed=seed)
            seconds = (notes.now - began) / (_count_cycles(operator) - cycles)
            return _write_down(
                cluster, notes, operator, fleet=fleet, surge=surge, cycle_seconds=seconds
            )


def make_manifest() -> Manifest:
    """Return the demo's fleet with the operator's own pace of going down."""
    fleet = manifests.campus_fleet(yaml.safe_load(EXAMPLE.read_text()))
    del fleet["spec"]["scaling"]["scaleDown"]
    return fleet


def _begin(cluster: LocalCluster, fleet: Manifest) -> Notes:
    """Apply the fleet and wait until it is Ready."""

    def is_ready() -> bool:
        conditions = _read_fleet(cluster).get("status", {}).get("conditions", [])
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    cluster.kubectl("create", "namespace", OURS)
    notes = Notes(SystemClock().now(), time.monotonic())
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(fleet))
    _wait("is Ready", is_ready)
    return notes


def _announce(cluster: LocalCluster) -> Manifest:
    """Announce the day, and wait until the operator has read that."""

    def is_known() -> bool:
        return bool(_read_fleet(cluster)["status"].get("surge"))

    plan = manifests.campus_day(SystemClock().now() + ANNOUNCED_BEFORE)
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(plan))
    _wait("knows its SurgePlan", is_known)
    return plan


def _wait(what: str, is_so: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not is_so():
        if time.monotonic() - begun > READY_SECONDS:
            raise TimeoutError(f"not within {READY_SECONDS:.0f} s: {OURS}/{FLEET} {what}")
        time.sleep(LOOK_SECONDS)


def _live_through(cluster: LocalCluster, notes: Notes, *, seed: int) -> None:
    """Let the day pass, with one tick a second."""
    begun, away_since = notes.now, None
    for number in range(round(story.length_of(DAY) / TICK_SECONDS)):
        time.sleep(max(0.0, begun + number * TICK_SECONDS - notes.now))
        moment = story.moment_at(notes.now - begun, DAY)
        ring(cluster.world, OURS, moment.sessions, seed=seed)
        if moment.chapter.metrics_away and away_since is None:
            cluster.stop_process(PROMETHEUS)
            away_since = notes.now
        elif away_since is not None and not moment.chapter.metrics_away:
            cluster.start_process(PROMETHEUS)
            notes.outages.append((away_since, notes.now - away_since))
            away_since = None
        if number % STARTS_EACH_TICKS == 0:
            notes.starts |= _measure_starts(cluster)
        notes.ticks.append(_look(cluster, notes))


def _look(cluster: LocalCluster, notes: Notes) -> Tick:
    status = _read_fleet(cluster).get("status", {})
    serving = status["summary"]["agents"].split("/")[0]
    return Tick(
        at=notes.now,
        wanted=status["agents"]["desiredReplicas"],
        serving=int(serving),
        sessions=cluster.world.traffic(OURS)["running"],
    )


def _measure_starts(cluster: LocalCluster) -> dict[str, float]:
    """Return how long each worker took from its creation until it was Ready."""
    path = f"/api/v1/namespaces/{OURS}/pods?labelSelector={TIER}%3D{Tier.AGENTS}"
    found = {}
    for pod in cluster.api.call("GET", path)["items"]:
        for condition in pod.get("status", {}).get("conditions", []):
            if condition["type"] == "Ready" and condition["status"] == "True":
                ready = datetime.fromisoformat(condition["lastTransitionTime"])
                created = datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
                found[pod["metadata"]["uid"]] = (ready - created).total_seconds()
    return found


def _write_down(
    cluster: LocalCluster,
    notes: Notes,
    operator: OperatorProcess,
    *,
    fleet: Manifest,
    surge: Manifest | None,
    cycle_seconds: float,
) -> Recording:
    callers = [
        ((at - notes.starts_at).total_seconds(), seconds)
        for at, seconds in cluster.world.callers(OURS)
    ]
    return Recording(
        starts_at=notes.starts_at,
        fleet=fleet,
        surge=surge,
        platform=operator.platform.read_text(),
        callers=tuple(callers),
        ticks=tuple(notes.ticks),
        outages=tuple(notes.outages),
        patience_seconds=story.PATIENCE_SECONDS,
        pod_start_seconds=fmean(notes.starts.values()),
        cycle_seconds=cycle_seconds,
        metric_lag_seconds=(SCRAPE_SECONDS + ROUND_SECONDS) / 2,
        decisions=tuple(find_decisions(operator.log, notes.starts_at)),
    )


def _read_fleet(cluster: LocalCluster) -> Manifest:
    fleet: Manifest = cluster.api.call("GET", f"{FLEETS}/{FLEET}")
    return fleet


def find_decisions(log: str, starts_at: datetime) -> Iterator[tuple[float, str]]:
    """Yield what an operator's log says about the number of workers, and when.

    The log has the time of day in UTC; a day that passes midnight goes on.
    """
    for line in log.splitlines():
        if told := DECISION.match(line):
            hours, minutes, seconds, sentence = told.groups()
            clock = timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))
            begun = timedelta(hours=starts_at.hour, minutes=starts_at.minute)
            begun += timedelta(seconds=starts_at.second, microseconds=starts_at.microsecond)
            yield (clock - begun) % timedelta(days=1) / timedelta(seconds=1), sentence


def _count_cycles(operator: OperatorProcess) -> float:
    """Return how many cycles the operator has run, of whatever outcome."""
    return sum(
        float(line.split()[-1])
        for line in operator.metrics().splitlines()
        if line.startswith(f"{CYCLE_METRIC}_count")
    )
