"""Plays the surge: python -m voicefleet_localcluster.surge. The exit code is the verdict's."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from rich.console import Console
from rich.table import Table

from voicefleet.adapters.clock import SystemClock
from voicefleet_localcluster.cluster import LocalCluster
from voicefleet_localcluster.errors import LocalClusterError
from voicefleet_localcluster.installation import Installation, install_chart
from voicefleet_localcluster.members import PROMETHEUS
from voicefleet_localcluster.operator_process import OperatorProcess
from voicefleet_localcluster.options import ClusterOptions
from voicefleet_localcluster.progress import Progress, on_terminal
from voicefleet_localcluster.surge import manifests, story
from voicefleet_localcluster.surge.calling import ring
from voicefleet_localcluster.surge.manifests import OURS, THEIRS
from voicefleet_localcluster.surge.screen import Screen
from voicefleet_localcluster.surge.watching import Look, look

EXAMPLE: Final = Path(__file__).parents[3] / "docs" / "examples" / "interviews.yaml"
OPTIONS: Final = ClusterOptions(
    name="demo", plain_nodes=6, pod_start_seconds=3.0, with_prometheus=True
)
"""Pods are Ready 36 seconds of the story after they were placed."""
LOOK_SECONDS: Final = 1.0
READY_SECONDS: Final = 60


@dataclass(slots=True)
class Findings:
    """What the verdict rests on."""

    looks: list[Look] = field(default_factory=list)
    wanted_when_away: list[int] = field(default_factory=list)
    """Workers that the fleet wanted while the metrics provider was away."""

    @property
    def last(self) -> Look:
        """How the day ended."""
        return self.looks[-1]

    @property
    def peak_sessions(self) -> int:
        """Most sessions at once on our side."""
        return max(seen.ours.sessions for seen in self.looks)

    def judge(self, log: str) -> dict[str, bool]:
        """Return what the demo claims, and whether it came true."""
        ours, theirs = self.last.ours, self.last.theirs
        return {
            f"{ours.cut} calls cut by VoiceFleet": ours.cut == 0,
            f"{ours.turned_away} of {ours.offered} callers turned away, "
            f"{theirs.turned_away} beside the HPA": ours.turned_away <= theirs.turned_away,
            "no worker was taken away while the metrics were away": (
                bool(self.wanted_when_away)
                and min(self.wanted_when_away) >= self.wanted_when_away[0]
            ),
            f"{self.peak_sessions} sessions at once at the height": self.peak_sessions >= 400,  # noqa: PLR2004 - of 500
            "no traceback in the operator's log": "Traceback" not in log,
        }


def play(progress: Progress, console: Console) -> bool:
    """Live through the day on a cluster of its own, and remove the cluster again."""
    with LocalCluster.start(OPTIONS, progress=progress) as cluster:
        provider = {"prometheusURL": cluster.prometheus}
        values = {"metricsProviders": {manifests.PROVIDER: provider}}
        with progress.step("chart", "CRDs, rights, admission policy"):
            installed = install_chart(cluster, cluster.folder / "operator", values)
        operator = _operator(cluster, installed)
        with progress.step("operator", f"as {installed.user}"):
            operator.start()
        try:
            with progress.step("fleet and peer", f"namespaces {OURS} and {THEIRS}"):
                _apply(cluster)
                _wait("the fleet is Ready", lambda: _is_ready(cluster))
            findings = _live_through(cluster, console)
            return _verdict(console, findings, operator.log)
        finally:
            operator.stop()


def _operator(cluster: LocalCluster, installed: Installation) -> OperatorProcess:
    return OperatorProcess(
        installed.kubeconfig,
        installed.platform,
        installed.install_key,
        cluster.folder / "operator",
        lease_namespace=installed.namespace,
    )


def _apply(cluster: LocalCluster) -> None:
    """Create both sides, and what the day's organiser announced."""
    for namespace in (OURS, THEIRS):
        cluster.kubectl("create", "namespace", namespace)
    fleet = manifests.campus_fleet(yaml.safe_load(EXAMPLE.read_text()))
    sides = [fleet, *manifests.peer(cluster.setup.record.ports.metrics_api)]
    for manifest in sides:
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))


def _live_through(cluster: LocalCluster, console: Console) -> Findings:
    """Let the callers of the day ring, and watch."""
    findings, is_away = Findings(), False
    plan = manifests.campus_day(SystemClock().now())
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(plan))
    begun = time.monotonic()
    with Screen(console) as screen:
        while (seconds := time.monotonic() - begun) < story.LENGTH_SECONDS:
            moment = story.moment_at(seconds)
            _ring(cluster, moment.sessions)
            if moment.chapter.metrics_away != is_away:
                is_away = moment.chapter.metrics_away
                (cluster.stop_process if is_away else cluster.start_process)(PROMETHEUS)
            seen = look(cluster)
            findings.looks.append(seen)
            if is_away:
                findings.wanted_when_away.append(seen.ours.wanted)
            screen.show(seconds, moment, seen)
            time.sleep(LOOK_SECONDS)
    return findings


def _ring(cluster: LocalCluster, sessions: float) -> None:
    """Let the same callers ring on both sides."""
    for namespace in (OURS, THEIRS):
        ring(cluster.world, namespace, sessions)


def _is_ready(cluster: LocalCluster) -> bool:
    seen = look(cluster)
    ready = seen.conditions.get("Ready", {}).get("status") == "True"
    return ready and seen.theirs.ready == seen.theirs.wanted


def _wait(what: str, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise LocalClusterError(
                f"not within {READY_SECONDS} s: {what}", next_step="read the operator's log"
            )
        time.sleep(LOOK_SECONDS / 4)


def _verdict(console: Console, findings: Findings, log: str) -> bool:
    """Print both sides beside each other, and what came true."""
    table = Table(title="the same callers", title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for name in ("VoiceFleet", "HPA at 70 %"):
        table.add_column(name, justify="right")
    ours, theirs = findings.last.ours, findings.last.theirs
    rows: list[tuple[str, Any, Any]] = [
        ("callers", ours.offered, theirs.offered),
        ("turned away", ours.turned_away, theirs.turned_away),
        ("calls cut by scaling", ours.cut, theirs.cut),
        (
            "answers slower than 400 ms",
            f"{ours.slow_percent:.1f} %",
            f"{theirs.slow_percent:.1f} %",
        ),
        ("worker-hours", f"{ours.worker_hours:.2f}", f"{theirs.worker_hours:.2f}"),
    ]
    for name, mine, other in rows:
        table.add_row(name, str(mine), str(other))
    console.print()
    console.print(table)
    claims = findings.judge(log)
    for claim, holds in claims.items():
        console.print(f"  {'✓' if holds else '✗'} {claim}", highlight=False)
    return all(claims.values())


def main() -> int:
    """Play for the person at the keyboard."""
    progress, console = on_terminal(), Console()
    try:
        passed = play(progress, console)
    except LocalClusterError as error:
        progress.say(f"\n✗ {error}")
        return 1
    progress.say(f"{'✓' if passed else '✗'} after {progress.elapsed():.0f} s altogether")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
