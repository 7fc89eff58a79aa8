"""The processes of a cluster: their names, their order, and how each is started. Pure."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from voicefleet_localcluster import commands
from voicefleet_localcluster.layout import Layout
from voicefleet_localcluster.options import ClusterRecord
from voicefleet_localcluster.processes import Program

ETCD: Final = "etcd"
API_SERVER: Final = "kube-apiserver"
CONTROLLERS: Final = "kube-controller-manager"
SCHEDULER: Final = "kube-scheduler"
KWOK: Final = "kwok"
WORLD: Final = "world"
PROMETHEUS: Final = "prometheus"

MEMBERS: Final = (ETCD, API_SERVER, CONTROLLERS, SCHEDULER, KWOK, WORLD, PROMETHEUS)
"""In starting order. The controller manager ends at once where the API server is not ready:
its roles are not there yet."""

LOGINS: Final = {CONTROLLERS: "controllers", SCHEDULER: "scheduler", KWOK: "kwok"}
"""Which certificate each program proves itself with."""

PACKAGE_ROOT: Final = Path(__file__).parent.parent


def members_of(record: ClusterRecord) -> tuple[str, ...]:
    """Return the processes that this cluster consists of."""
    chosen = {WORLD: record.options.with_world, PROMETHEUS: record.options.with_prometheus}
    return tuple(name for name in MEMBERS if chosen.get(name, True))


def program_of(
    name: str, layout: Layout, record: ClusterRecord, binaries: Mapping[str, Path]
) -> Program:
    """Return how a process of a cluster is started."""
    environment = dict(os.environ)
    match name:
        case "etcd":
            command = commands.etcd_command(binaries[name], layout, record)
        case "kube-apiserver":
            command = commands.api_server_command(binaries[name], layout, record)
        case "kube-controller-manager":
            command = commands.controllers_command(binaries[name], layout, record)
        case "kube-scheduler":
            command = commands.scheduler_command(binaries[name], layout, record)
        case "kwok":
            command = commands.kwok_command(binaries[name], layout)
        case "prometheus":
            command = commands.prometheus_command(binaries[name], layout, record)
        case _:
            command = commands.world_command(sys.executable, layout)
            environment["PYTHONPATH"] = str(PACKAGE_ROOT)
    return Program(
        name=name,
        command=command,
        log=layout.log(name),
        identity_file=layout.process(name),
        environment=environment,
        cluster=record.options.name,
    )
