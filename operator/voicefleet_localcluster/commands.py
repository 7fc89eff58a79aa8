"""The command line of each program, and the files it reads. Pure.

Everything listens on 127.0.0.1 only. What is unusual for a cluster has its reason beside it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from voicefleet_localcluster.addresses import pod_block
from voicefleet_localcluster.certificates import (
    FRONT_PROXY_AUTHORITY,
    MAIN_AUTHORITY,
    SERVICE_ACCOUNTS,
)
from voicefleet_localcluster.layout import Layout
from voicefleet_localcluster.options import ClusterRecord
from voicefleet_localcluster.stages import render_stages

LOOPBACK: Final = "127.0.0.1"
NODE_LEASE_SECONDS: Final = 40
"""The kubelet's own default; without a Lease the node controller calls a node dead."""
KWOK_PARALLELISM: Final = 16
"""Objects that kwok changes at the same time; its default of 4 makes a thousand slow."""
CONTROLLER_QPS: Final = "1000"
"""The controller manager's default of 20 pods a second would be what every test waits for."""
CROWD_CONTROLLERS: Final = (
    "--controllers=*,"
    + ",".join(
        f"-{name}-controller"
        for name in ("endpoints", "endpointslice", "endpointslice-mirroring", "garbage-collector")
    ),
    "--concurrent-replicaset-syncs=20",
)
"""Services in front of kwok's pods stay empty whatever is written, and nobody deletes fleets of
a crowd. One ReplicaSet's pods are made one after the other, so several at a time (default 5)."""
SCRAPE_SECONDS: Final = 2
"""Instead of 10 s or more: a day compressed into minutes needs a P95 of half a minute."""
HPA_SYNC_SECONDS: Final = 1.25
"""Instead of 15 s: an autoscaler beside us keeps up with the demo's clock, 12 times as fast."""

Command = tuple[str, ...]


def etcd_command(program: Path, layout: Layout, record: ClusterRecord) -> Command:
    """Return etcd's command line.

    No fsync: losing a development cluster to a power cut is cheaper than every write waiting
    for the disk.
    """
    client = f"http://{LOOPBACK}:{record.ports.etcd}"
    peer = f"http://{LOOPBACK}:{record.ports.etcd_peer}"
    return (
        str(program),
        "--name=local",
        f"--data-dir={layout.etcd_data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=local={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    )


def api_server_command(program: Path, layout: Layout, record: ClusterRecord) -> Command:
    """Return the API server's command line.

    The default admission plug-ins are on, PodSecurity and ValidatingAdmissionPolicy among
    them. No endpoint reconciler: Endpoints refuse loopback addresses.
    """
    return (
        str(program),
        f"--etcd-servers=http://{LOOPBACK}:{record.ports.etcd}",
        f"--bind-address={LOOPBACK}",
        f"--advertise-address={LOOPBACK}",
        f"--secure-port={record.ports.api}",
        "--endpoint-reconciler-type=none",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        *_serving(layout),
        f"--client-ca-file={layout.certificate(MAIN_AUTHORITY)}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={layout.certificates / 'service-accounts.pub'}",
        f"--service-account-signing-key-file={layout.key(SERVICE_ACCOUNTS)}",
        f"--requestheader-client-ca-file={layout.certificate(FRONT_PROXY_AUTHORITY)}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={layout.certificate('front-proxy')}",
        f"--proxy-client-key-file={layout.key('front-proxy')}",
        f"--audit-policy-file={layout.configuration / 'audit-policy.json'}",
        f"--audit-log-path={layout.audit_log}",
        # Written at once: a test reads the log right after the request.
        "--audit-log-mode=blocking",
        # Never rotated: a test compares all of a run with what the roles grant.
        "--audit-log-maxsize=4096",
        "--profiling=false",
    )


def controllers_command(program: Path, layout: Layout, record: ClusterRecord) -> Command:
    """Return the controller manager's command line; each controller has its own identity."""
    kubeconfig = layout.client_kubeconfig("controllers")
    return (
        str(program),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={record.ports.controllers}",
        *_serving(layout),
        "--leader-elect=false",
        f"--controllers={record.options.controllers}",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={layout.key(SERVICE_ACCOUNTS)}",
        f"--root-ca-file={layout.certificate(MAIN_AUTHORITY)}",
        f"--kube-api-qps={CONTROLLER_QPS}",
        f"--kube-api-burst={CONTROLLER_QPS}",
        f"--horizontal-pod-autoscaler-sync-period={HPA_SYNC_SECONDS}s",
        "--profiling=false",
        *(CROWD_CONTROLLERS if record.options.for_crowds else ()),
    )


def scheduler_command(program: Path, layout: Layout, record: ClusterRecord) -> Command:
    """Return the scheduler's command line; its limits are in its configuration file."""
    kubeconfig = layout.client_kubeconfig("scheduler")
    return (
        str(program),
        f"--config={layout.configuration / 'scheduler.json'}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={record.ports.scheduler}",
        *_serving(layout),
    )


def kwok_command(program: Path, layout: Layout) -> Command:
    """Return kwok's command line; everything else is in its two files."""
    return (
        str(program),
        f"--config={layout.configuration / 'kwok.yaml'}",
        f"--config={layout.kwok_options}",
        f"--kubeconfig={layout.client_kubeconfig('kwok')}",
    )


def world_command(python: str, layout: Layout) -> Command:
    """Return the command line of the world process; the rest it reads from the record."""
    return (python, "-m", "voicefleet_localcluster.world", str(layout.root))


def prometheus_command(program: Path, layout: Layout, record: ClusterRecord) -> Command:
    """Return Prometheus' command line; its memory goes with the cluster."""
    return (
        str(program),
        f"--config.file={layout.configuration / 'prometheus.json'}",
        f"--storage.tsdb.path={layout.root / 'prometheus'}",
        f"--web.listen-address={LOOPBACK}:{record.ports.prometheus}",
        "--log.level=warn",
    )


def render_configuration(layout: Layout, record: ClusterRecord) -> Mapping[str, str]:
    """Return the configuration files by name, for the folder that the commands point to."""
    return {
        "audit-policy.json": _json(_audit_policy(record)),
        "scheduler.json": _json(_scheduler_configuration(layout)),
        "kwok.yaml": _kwok_configuration(record),
        "prometheus.json": _json(_prometheus_configuration(record)),
    }


def render_kwok_options(record: ClusterRecord, run: int) -> str:
    """Return kwok's options for its run of this number.

    What an options file does not mention is zero, not kwok's default, so it says everything.
    """
    return _json(
        {
            "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
            "kind": "KwokConfiguration",
            "options": {
                "cidr": pod_block(record.network, run),
                "nodeIP": LOOPBACK,
                "manageAllNodes": True,
                "nodeLeaseDurationSeconds": NODE_LEASE_SECONDS,
                "serverAddress": f"{LOOPBACK}:{record.ports.kwok}",
                "podPlayStageParallelism": KWOK_PARALLELISM,
                "nodePlayStageParallelism": KWOK_PARALLELISM,
                "nodeLeaseParallelism": KWOK_PARALLELISM,
                "podsOnNodeSyncParallelism": KWOK_PARALLELISM,
            },
        }
    )


def _audit_policy(record: ClusterRecord) -> dict[str, Any]:
    """Return the policy: who did what to which object, once per request, without contents.

    In a cluster for crowds only accounts outside Kubernetes' own namespace are written down.
    """
    all_requests = {"level": "Metadata"}
    own = {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]}
    accounts = {**all_requests, "userGroups": ["system:serviceaccounts"]}
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived", "ResponseStarted"],
        "rules": [own, accounts, {"level": "None"}]
        if record.options.for_crowds
        else [all_requests],
    }


def _scheduler_configuration(layout: Layout) -> dict[str, Any]:
    return {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "leaderElection": {"leaderElect": False},
        "clientConnection": {
            "kubeconfig": str(layout.client_kubeconfig("scheduler")),
            "qps": int(CONTROLLER_QPS),
            "burst": int(CONTROLLER_QPS),
        },
    }


def _prometheus_configuration(record: ClusterRecord) -> dict[str, Any]:
    """Return Prometheus' configuration; JSON is YAML. The world tells it which pods there are."""
    discovery = {
        "url": f"http://{LOOPBACK}:{record.ports.world}/discovery",
        "refresh_interval": f"{SCRAPE_SECONDS}s",
    }
    return {
        "global": {
            "scrape_interval": f"{SCRAPE_SECONDS}s",
            "scrape_timeout": f"{SCRAPE_SECONDS}s",
        },
        "scrape_configs": [{"job_name": "pods", "http_sd_configs": [discovery]}],
    }


def _kwok_configuration(record: ClusterRecord) -> str:
    """Return the Stages as YAML documents; JSON is YAML."""
    stages = render_stages(
        pod_start_seconds=record.options.pod_start_seconds,
        pod_stop_seconds=record.options.pod_stop_seconds,
    )
    return "---\n".join(_json(stage) for stage in stages)


def _serving(layout: Layout) -> Command:
    """Return the flags by which all three programs prove that they are 127.0.0.1."""
    return (
        f"--tls-cert-file={layout.certificate('server')}",
        f"--tls-private-key-file={layout.key('server')}",
    )


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2) + "\n"
