"""A real control plane from nothing to nothing: what everything else is tested on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from voicefleet_localcluster import ClusterOptions, LocalCluster, LocalClusterError, members
from voicefleet_localcluster import processes as real_processes
from voicefleet_localcluster.stages import STOP_ANNOTATION

pytestmark = pytest.mark.cluster

OPTIONS = ClusterOptions(
    name=f"self-{os.getpid()}",
    plain_nodes=2,
    gpu_nodes=1,
    spot_nodes=1,
    pod_start_seconds=0.3,
    pod_stop_seconds=0.3,
)

WORKERS = """
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: workers, namespace: default}
spec:
  replicas: 3
  selector: {matchLabels: {app: workers}}
  template:
    metadata: {labels: {app: workers}}
    spec:
      terminationGracePeriodSeconds: 5760
      containers:
      - name: main
        image: example/agent:1
        ports: [{containerPort: 8081}]
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Return a cluster with three workers on it."""
    with LocalCluster.start(OPTIONS) as started:
        started.kubectl("apply", "-f", "-", stdin=WORKERS)
        assert eventually(lambda: len(ready_pods(started)) == 3)
        yield started


def eventually(is_so: Callable[[], bool], seconds: float = 30) -> bool:
    """Return whether something becomes so in time."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def ready_pods(cluster: LocalCluster) -> list[str]:
    """Return the names of the workers that are Ready and not being deleted."""
    answer = cluster.api.call("GET", "/api/v1/namespaces/default/pods?labelSelector=app=workers")
    return [
        pod["metadata"]["name"]
        for pod in answer["items"]
        if "deletionTimestamp" not in pod["metadata"] and condition(pod, "Ready") == "True"
    ]


def condition(pod: dict[str, Any], kind: str, field: str = "status") -> str:
    """Return one field of a pod's condition, or nothing where it does not have it yet."""
    conditions = pod["status"].get("conditions", [])
    return next((str(one.get(field)) for one in conditions if one["type"] == kind), "")


def test_the_versions_are_the_ones_we_chose(cluster: LocalCluster):
    """A server that calls itself v0.0.0 is refused by every chart with a kubeVersion."""
    assert cluster.api.call("GET", "/version")["gitVersion"] == "v1.36.3"


def test_a_pod_goes_long_before_its_grace_period_ends(cluster: LocalCluster):
    """Grace is the longest call, and no test can wait for 96 minutes."""
    victim = ready_pods(cluster)[0]

    cluster.kubectl("delete", "pod", victim, "--wait=true", "--timeout=20s")

    assert eventually(lambda: len(ready_pods(cluster)) == 3)
    assert victim not in ready_pods(cluster)


def test_a_pod_may_take_its_own_time_to_stop_within_its_grace(cluster: LocalCluster):
    """A worker that is still saying goodbye is what a drain has to wait for."""
    slow = f"--annotations={STOP_ANNOTATION}=2.5"
    cluster.kubectl("run", "slow", "--image=a/b:1", slow)
    cluster.kubectl("run", "cut", "--image=a/b:1", f"--annotations={STOP_ANNOTATION}=3000")
    assert eventually(lambda: cluster.kubectl("get", "pods", "slow", "cut").count("Running") == 2)
    begun = time.monotonic()

    cluster.kubectl("delete", "pod", "cut", "--grace-period=1", "--wait=false")
    cluster.kubectl("delete", "pod", "slow", "--wait=true", "--timeout=20s")

    assert time.monotonic() - begun > 2.4
    assert cluster.kubectl("get", "pods", "cut", "--ignore-not-found") == ""


def test_a_broken_image_never_becomes_ready(cluster: LocalCluster):
    """The commonest mistake of a rollout has to be seen by somebody."""
    cluster.kubectl("run", "broken", "--image=example/no-such-image:1")

    def reason() -> str:
        pod = cluster.api.call("GET", "/api/v1/namespaces/default/pods/broken")
        statuses = pod["status"].get("containerStatuses", [{}])
        return str(statuses[0].get("state", {}).get("waiting", {}).get("reason"))

    assert eventually(lambda: reason() == "ImagePullBackOff")


def test_only_who_tolerates_spot_runs_on_spot(cluster: LocalCluster):
    """Live calls must not land on nodes that a cloud may take back."""
    selector = '{"spec": {"nodeSelector": {"voicefleet.dev/spot": "true"}}}'
    cluster.kubectl("run", "intolerant", "--image=a/b:1", f"--overrides={selector}")

    def why_not() -> str:
        pod = cluster.api.call("GET", "/api/v1/namespaces/default/pods/intolerant")
        return condition(pod, "PodScheduled", "reason")

    assert eventually(lambda: why_not() == "Unschedulable")


def test_pod_security_refuses_at_admission(cluster: LocalCluster):
    """A fleet that works here must work where a platform team enforces it."""
    cluster.kubectl("create", "namespace", "strict")
    cluster.kubectl("label", "namespace", "strict", "pod-security.kubernetes.io/enforce=restricted")

    with pytest.raises(LocalClusterError, match="violates PodSecurity"):
        cluster.kubectl("run", "loose", "--image=a/b:1", "--namespace=strict")


def test_a_service_account_may_do_only_what_was_granted(cluster: LocalCluster, tmp_path: Path):
    """The operator runs under its chart's rights; the audit log says which it used."""
    cluster.kubectl("create", "serviceaccount", "reader", "--namespace=default")
    file = cluster.service_account_kubeconfig("default", "reader", to=tmp_path / "reader")
    command = [cluster.kubectl_path, "--kubeconfig", file, "get", "pods"]

    answer = subprocess.run(command, capture_output=True, text=True, check=False)

    user = "system:serviceaccount:default:reader"
    assert f'User "{user}" cannot list resource "pods"' in answer.stderr
    asked = [event for event in cluster.audit_events(user) if "objectRef" in event]
    assert {(event["verb"], event["objectRef"]["resource"]) for event in asked} == {
        ("list", "pods")
    }


def test_the_world_answers_at_a_pods_own_address(cluster: LocalCluster):
    """The operator needs no test hook: it goes where it would go on a real cluster."""
    name = ready_pods(cluster)[0]

    cluster.world.set_sessions("default", name, 2)

    address = cluster.world.worker("default", name)["address"]
    pod = cluster.api.call("GET", f"/api/v1/namespaces/default/pods/{name}")
    assert pod["status"]["podIP"] == address
    assert cluster.world.worker("default", name)["active"] == 2


@pytest.mark.parametrize("name", [members.SCHEDULER, members.KWOK, members.WORLD])
def test_a_second_up_heals_what_died(cluster: LocalCluster, name: str):
    """What a person tries first has to work, and must not cost them their objects."""
    pid = cluster.running()[name]
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: cluster.running()[name] is None)
    before = set(ready_pods(cluster))

    healed = LocalCluster.start(OPTIONS)

    assert all(healed.running().values())
    assert set(ready_pods(healed)) == before
    healed.kubectl("scale", "rs/workers", "--replicas=5")
    assert eventually(lambda: len(ready_pods(healed)) == 5)
    addresses = [worker["address"] for worker in healed.world.workers("default")]
    assert len(set(addresses)) == len(addresses) >= 5
    healed.kubectl("scale", "rs/workers", "--replicas=3")
    assert eventually(lambda: len(ready_pods(healed)) == 3)


def test_the_command_line_tells_where_the_cluster_is(cluster: LocalCluster):
    """What a person sees has to agree with what tests use."""
    command = [sys.executable, "-m", "voicefleet_localcluster"]

    shown = subprocess.run(
        [*command, "status", "--name", cluster.name], capture_output=True, text=True, check=False
    )

    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count("✓") == len(cluster.running())
    assert cluster.server in shown.stdout


def test_two_clusters_live_side_by_side_and_down_leaves_nothing(cluster: LocalCluster):
    """A test run must not disturb the cluster that somebody works with, and cleans up."""
    options = ClusterOptions(name=f"other-{os.getpid()}", plain_nodes=1, gpu_nodes=0, spot_nodes=0)
    with LocalCluster.start(options) as other:
        folder, pids = other.folder, [pid for pid in other.running().values() if pid]
        identities = [real_processes._identify(pid) for pid in pids]
        assert all(identities)
        assert len(ready_pods(cluster)) == 3
        assert ready_pods(other) == []

    assert not folder.exists()
    assert [real_processes._identify(pid) in identities for pid in pids].count(True) == 0
    assert all(cluster.running().values())


def test_a_cluster_of_which_nothing_runs_is_replaced():
    """After a reboot the folder is there and nothing else; `up` must just work."""
    options = ClusterOptions(name=f"dead-{os.getpid()}", plain_nodes=1, gpu_nodes=0, spot_nodes=0)
    with LocalCluster.start(options) as old:
        for pid in old.running().values():
            os.kill(pid or 0, signal.SIGKILL)
        assert eventually(lambda: not any(old.running().values()))

        with LocalCluster.start(options) as new:
            assert all(new.running().values())
            assert new.server != old.server


def test_a_start_that_fails_in_a_test_leaves_nothing_behind(tmp_path: Path):
    """Nobody comes back to look at it; its processes would run until the next reboot."""
    broken = tmp_path / "kube-apiserver"
    broken.write_text("#!/bin/sh\necho disk full; exit 1\n")
    broken.chmod(0o755)
    environment = {
        **os.environ,
        "VOICEFLEET_BIN_DIR": str(tmp_path),
        "VOICEFLEET_STATE_DIR": str(tmp_path / "state"),
    }
    script = "from voicefleet_localcluster import LocalCluster; LocalCluster.start()"

    answer = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )

    assert "kube-apiserver" in answer.stderr
    assert "| disk full" in answer.stderr
    assert list((tmp_path / "state").iterdir()) == []
