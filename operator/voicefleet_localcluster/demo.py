"""`make demo`: the first ten minutes with VoiceFleet in one, on a real control plane.

A local cluster, the operator under the chart's rights, one fleet from apply to Ready, a
raised floor, a new image while a call is running, and a deletion that waits for that call.
It ends with a verdict and how long each step took; the exit code is the verdict's.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from voicefleet.manifests import Manifest
from voicefleet_localcluster.cluster import LocalCluster
from voicefleet_localcluster.errors import LocalClusterError
from voicefleet_localcluster.installation import install_chart
from voicefleet_localcluster.operator_process import OperatorProcess
from voicefleet_localcluster.options import ClusterOptions
from voicefleet_localcluster.progress import Progress, on_terminal

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "interviews.yaml"
CLUSTER = "demo"
NAMESPACE = "hiring"
FLEET = "interviews"
NEXT_IMAGE = "ghcr.io/example/interview-agent:1.5.0"
CALLS = 3
"""Calls on one worker while everything around it changes."""
FLOOR = 6
"""Workers asked for by hand; the example starts with two."""
PATIENCE_SECONDS = 90
"""Longest wait for one step; the slowest takes about twenty."""
LOOK_SECONDS = 0.1


@dataclass(slots=True)
class Demo:
    """One run: where it happens, and what it has found out so far."""

    cluster: LocalCluster
    operator: OperatorProcess
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    findings: dict[str, bool] = field(default_factory=dict)
    calls_alive: int = 0
    """Calls that were still running when the last caller hung up of their own accord."""
    _read: int = 0

    @contextmanager
    def chapter(self, title: str) -> Iterator[None]:
        """Announce a step, time it, and print what the operator said during it."""
        self.progress.say(f"\n── {title}")
        begun = time.monotonic()
        yield
        self.seconds[title] = time.monotonic() - begun
        self.tell()

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in the demo's namespace."""
        return self.cluster.kubectl("--namespace", NAMESPACE, *arguments)

    def show(self, *arguments: str) -> None:
        """Run kubectl and print both the command and its answer."""
        self.progress.say(f"$ kubectl {' '.join(arguments)}")
        self.progress.say(self.kubectl(*arguments).rstrip())

    def tell(self) -> None:
        """Print the sentences that the operator has logged since the last time."""
        log = self.operator.log
        for line in log[self._read :].splitlines():
            self.progress.say(f"  operator │ {line}")
        self._read = len(log)

    def fleet(self) -> Manifest | None:
        """Return the fleet as the API server has it, or None once it is gone."""
        shown = self.kubectl("get", "vf", FLEET, "--ignore-not-found", "-o", "json")
        return dict(json.loads(shown)) if shown.strip() else None

    def workers(self) -> dict[str, str]:
        """Return the image of every agents pod that nobody has deleted, by name."""
        selector = f"voicefleet.dev/fleet={FLEET},voicefleet.dev/tier=agents"
        pods = json.loads(self.kubectl("get", "pods", "-l", selector, "-o", "json"))["items"]
        return {
            pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"]
            for pod in pods
            if "deletionTimestamp" not in pod["metadata"]
        }

    def wait(self, what: str, is_so: Callable[[], bool]) -> None:
        """Look until something is so, printing what the operator says meanwhile.

        Raises:
            LocalClusterError: It is not so after the longest wait.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            self.tell()
            if time.monotonic() > deadline:
                raise LocalClusterError(
                    f"{NAMESPACE}/{FLEET}: not within {PATIENCE_SECONDS} s: {what}",
                    evidence=self.operator.log.splitlines()[-10:],
                    next_step=f"read {self.operator.log_file}",
                )
            time.sleep(LOOK_SECONDS)


def is_ready(fleet: Manifest | None, *, workers: int) -> bool:
    """Say whether a fleet is Ready, for its newest generation, with this many workers."""
    status = (fleet or {}).get("status", {})
    if fleet is None or status.get("observedGeneration") != fleet["metadata"]["generation"]:
        return False
    shown = {item["type"]: item["status"] for item in status.get("conditions", [])}
    wanted = status.get("summary", {}).get("agents") == f"{workers}/{workers}"
    return wanted and shown.get("Ready") == "True" and "Reconciling" not in shown


def condition_lines(fleet: Manifest | None) -> list[str]:
    """Return one line for each condition of a fleet, in columns."""
    conditions = (fleet or {}).get("status", {}).get("conditions", [])
    return [
        f"  {item['type']:<18} {item['status']:<6} {item['reason']:<24} {item['message']}"
        for item in conditions
    ]


def apply_fleet(demo: Demo) -> None:
    """Apply the example and show what an SRE would look at first."""
    with demo.chapter(f"apply docs/examples/{EXAMPLE.name}"):
        demo.kubectl("apply", "-f", str(EXAMPLE))
        demo.wait("the fleet is Ready", lambda: is_ready(demo.fleet(), workers=2))
    demo.show("get", "vf")
    demo.show("get", "rs,deploy,svc,pods", "-l", f"voicefleet.dev/fleet={FLEET}")
    demo.progress.say("conditions:")
    for line in condition_lines(demo.fleet()):
        demo.progress.say(line)


def raise_floor(demo: Demo) -> None:
    """Do what a tired SRE does at night: ask for more workers by hand."""
    with demo.chapter(f"kubectl scale vf/interviews --replicas={FLOOR} (the floor, 2 → {FLOOR})"):
        demo.kubectl("scale", f"vf/{FLEET}", f"--replicas={FLOOR}")
        demo.wait(f"{FLOOR} workers are Ready", lambda: is_ready(demo.fleet(), workers=FLOOR))
    demo.show("get", "vf")


def change_image(demo: Demo) -> str:
    """Roll a new image out around a worker that holds calls; return that worker's name."""
    busy = min(demo.workers())
    demo.cluster.world.set_sessions(NAMESPACE, busy, CALLS)
    change = json.dumps({"spec": {"agents": {"image": NEXT_IMAGE}}})
    with demo.chapter(f"a new image while {busy} holds {CALLS} calls"):
        demo.kubectl("patch", "vf", FLEET, "--type=merge", "-p", change)
        demo.wait(
            "every other worker runs the new image",
            lambda: (
                sorted(demo.workers().values()).count(NEXT_IMAGE) == FLOOR
                and len(demo.workers()) == FLOOR + 1
            ),
        )
    demo.findings["the busy worker outlived the rollout"] = busy in demo.workers()
    demo.show("get", "vf")
    demo.show("get", "pods", "-l", "voicefleet.dev/tier=agents", "-L", "voicefleet.dev/busy")
    return busy


def delete_fleet(demo: Demo, busy: str) -> None:
    """Delete the fleet during the calls, end them, and see that nothing is left."""
    with demo.chapter(f"delete the fleet; {busy} still holds {CALLS} calls"):
        demo.kubectl("delete", "vf", FLEET, "--wait=false")
        demo.wait("only the busy worker is left", lambda: set(demo.workers()) == {busy})
        demo.findings["deletion waited for the calls"] = demo.fleet() is not None
        demo.calls_alive = calls_alive(demo, busy)
        demo.progress.say(f"  … the last caller hangs up on {busy}")
        demo.cluster.world.set_sessions(NAMESPACE, busy, 0)
        demo.wait("the fleet is gone", lambda: demo.fleet() is None)
    with demo.chapter("garbage collection"):
        demo.wait("nothing is left", lambda: not leftovers(demo))
    demo.findings["nothing is left of the fleet"] = not leftovers(demo)


def calls_alive(demo: Demo, worker: str) -> int:
    """Return the calls that a worker still holds: none where its pod is gone or going."""
    if worker not in demo.workers():
        return 0
    return int(demo.cluster.world.worker(NAMESPACE, worker)["active"])


def leftovers(demo: Demo) -> str:
    """Return the names of everything that still carries the fleet's label."""
    kinds = "rs,deploy,svc,cm,sa,secret,pdb,netpol,pods"
    return demo.kubectl("get", kinds, "-l", f"voicefleet.dev/fleet={FLEET}", "-o", "name").strip()


def verdict(demo: Demo) -> bool:
    """Print what was proved and how long each step took."""
    log = demo.operator.log
    cut = CALLS - demo.calls_alive
    demo.findings[f"{cut} of {CALLS} calls cut"] = cut == 0
    demo.findings["no traceback in the operator's log"] = "Traceback" not in log
    demo.progress.say("\n── verdict")
    for finding, holds in demo.findings.items():
        demo.progress.say(f"  {'✓' if holds else '✗'} {finding}")
    for title, seconds in demo.seconds.items():
        demo.progress.say(f"  {seconds:6.1f} s  {title}")
    demo.progress.say(f"  {demo.progress.elapsed():6.1f} s  altogether")
    return all(demo.findings.values())


def play(progress: Progress) -> bool:
    """Run the whole demo on a cluster of its own, and remove the cluster again."""
    with LocalCluster.start(ClusterOptions(name=CLUSTER), progress=progress) as cluster:
        with progress.step("chart", "CRDs, rights, admission policy"):
            installed = install_chart(cluster, cluster.folder / "operator")
            cluster.kubectl("create", "namespace", NAMESPACE)
        operator = OperatorProcess(
            installed.kubeconfig,
            installed.platform,
            installed.install_key,
            cluster.folder / "operator",
            lease_namespace=installed.namespace,
        )
        with progress.step("operator", f"as {installed.user}"):
            operator.start()
        demo = Demo(cluster, operator, progress)
        try:
            apply_fleet(demo)
            raise_floor(demo)
            delete_fleet(demo, change_image(demo))
            return verdict(demo)
        finally:
            operator.stop()


def main() -> int:
    """Play the demo for the person at the keyboard."""
    progress = on_terminal()
    try:
        return 0 if play(progress) else 1
    except LocalClusterError as error:
        progress.say(f"\n✗ {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
