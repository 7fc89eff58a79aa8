"""Bringing a cluster up: make it, heal it, or replace it, one printed step after the other.

Each step may be repeated: what runs is left alone, what is missing is made. So a second `up`
after any failure continues where the first one ended.
"""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from voicefleet_localcluster import (
    addresses,
    certificates,
    commands,
    members,
    processes,
    readiness,
)
from voicefleet_localcluster.binaries import ensure_programs
from voicefleet_localcluster.client import JsonClient, client_with_certificate
from voicefleet_localcluster.debian import ensure_debian_program
from voicefleet_localcluster.errors import LocalClusterError
from voicefleet_localcluster.kubeconfig import Login, render_certificate_login
from voicefleet_localcluster.layout import Layout, state_folder
from voicefleet_localcluster.nodes import render_nodes
from voicefleet_localcluster.options import SOFTWARE, ClusterOptions, ClusterRecord
from voicefleet_localcluster.progress import Progress
from voicefleet_localcluster.targets import CLUSTER_PROGRAMS

READY_SECONDS = 60.0
"""Twenty times what each step takes on two idle cores; a busy CI machine needs some of it."""
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Setup:
    """What every step of bringing a cluster up works with."""

    layout: Layout
    record: ClusterRecord
    binaries: Mapping[str, Path]
    progress: Progress

    @property
    def api(self) -> JsonClient:
        """Return the administrator's client."""
        return administrator(self.layout, self.record)


def administrator(layout: Layout, record: ClusterRecord) -> JsonClient:
    """Return a client of the API server that may do anything."""
    return client_with_certificate(
        record.server,
        authority=layout.certificate(certificates.MAIN_AUTHORITY),
        certificate=layout.certificate("admin"),
        key=layout.key("admin"),
    )


def load_record(layout: Layout) -> ClusterRecord | None:
    """Return the record of a cluster, or None where there is none that can be read."""
    try:
        return ClusterRecord.from_json(layout.record.read_text())
    except OSError:
        return None


def bring_up(layout: Layout, options: ClusterOptions, progress: Progress) -> Setup:
    """Make the cluster run, whatever state it is in; the caller holds its lock.

    Raises:
        LocalClusterError: A step failed; what came up so far keeps running.
    """
    binaries = ensure_members(options, progress)
    setup = Setup(layout, _prepare(layout, options, progress), binaries, progress)
    _write_files(setup)
    for name in members.members_of(setup.record):
        start_member(setup, name)
    _ensure_nodes(setup)
    return setup


def ensure_members(options: ClusterOptions, progress: Progress) -> Mapping[str, Path]:
    """Return where every program of such a cluster is; build or install what is missing."""
    built = ensure_programs(CLUSTER_PROGRAMS, progress)
    if not options.with_prometheus:
        return built
    found = ensure_debian_program(members.PROMETHEUS, members.PROMETHEUS, progress)
    return {**built, members.PROMETHEUS: found}


def stop_members(
    layout: Layout,
    names: tuple[str, ...] = members.MEMBERS,
    *,
    seconds: float = processes.STOP_SECONDS,
) -> int:
    """Stop processes of a cluster, the last started first; return how many ran."""
    files = [layout.process(name) for name in reversed(names)]
    return processes.stop(files, seconds=seconds)


def _prepare(layout: Layout, options: ClusterOptions, progress: Progress) -> ClusterRecord:
    """Decide between healing and replacing, and return the record to continue with."""
    old = load_record(layout)
    if old is not None and _why_replace(layout, old) is None:
        record = old.with_options(options)
    else:
        if layout.root.exists():
            _remove_old(layout, old, progress)
        record = ClusterRecord(
            options=options,
            ports=addresses.choose_ports(),
            network=addresses.choose_network(_networks_taken()),
        )
    for folder in layout.folders():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    layout.record.write_text(record.to_json())
    return record


def _why_replace(layout: Layout, old: ClusterRecord) -> str | None:
    """Say why a cluster cannot be healed; None means that it can."""
    if old.software != SOFTWARE:
        return f"it was made by {old.software}"
    if not any(processes.find(layout.process(name)) for name in members.MEMBERS):
        return "none of its processes runs any more"
    return None


def _remove_old(layout: Layout, old: ClusterRecord | None, progress: Progress) -> None:
    reason = (old and _why_replace(layout, old)) or "its record cannot be read"
    with progress.step("replace the old cluster", reason):
        stop_members(layout)
        shutil.rmtree(layout.root)


def _networks_taken() -> set[int]:
    """Return the loopback networks of the other clusters of this person."""
    folders = state_folder().glob("*/")
    records = (load_record(Layout(folder)) for folder in folders)
    return {record.network for record in records if record is not None}


def _write_files(setup: Setup) -> None:
    """Write certificates, kubeconfigs and configuration; restart kwok if its file changed."""
    layout, record = setup.layout, setup.record
    with setup.progress.step("certificates") as step:
        step.detail = f"{certificates.issue_all(layout)} by the cluster's own authorities"
    authority = layout.certificate(certificates.MAIN_AUTHORITY).read_bytes()
    for name in ("admin", *members.LOGINS.values()):
        text = render_certificate_login(
            Login(record.server, authority, f"voicefleet-{record.options.name}-{name}"),
            certificate=layout.certificate(name).read_bytes(),
            key=layout.key(name).read_bytes(),
        )
        path = layout.kubeconfig if name == "admin" else layout.client_kubeconfig(name)
        _write_if_changed(path, text)
    for name, text in commands.render_configuration(layout, record).items():
        if _write_if_changed(layout.configuration / name, text) and name == "kwok.yaml":
            stop_members(layout, (members.KWOK,))


def _write_if_changed(path: Path, text: str) -> bool:
    if path.exists() and path.read_text() == text:
        return False
    path.touch(mode=0o600)
    path.write_text(text)
    return True


def start_member(setup: Setup, name: str) -> None:
    """Start one process and wait until it serves; a running one is left alone."""
    program = members.program_of(name, setup.layout, setup.record, setup.binaries)
    with setup.progress.step(name) as step:
        running = processes.find(program.identity_file)
        if running is None and name == members.KWOK:
            _prepare_kwok(setup)
        identity = running or processes.start(program)
        _wait(lambda: readiness.is_ready(name, setup.api, setup.record), identity, program)
        verb = "already running" if running else "started"
        step.detail = f"{verb}, process {identity.pid}"


def _prepare_kwok(setup: Setup) -> None:
    """Give a new kwok addresses of its own, and take the Leases of the old one away.

    With them it would do nothing for 40 s, until they expire.
    """
    layout = setup.layout
    run = int(layout.kwok_runs.read_text()) + 1 if layout.kwok_runs.exists() else 1
    layout.kwok_runs.write_text(str(run))
    layout.kwok_options.write_text(commands.render_kwok_options(setup.record, run))
    setup.api.call("DELETE", readiness.LEASES)


def _wait(
    is_done: Callable[[], bool], identity: processes.Identity, program: processes.Program
) -> None:
    """Wait until something is done, the process ends, or patience does."""
    deadline = time.monotonic() + READY_SECONDS
    while not is_done():
        if not processes.is_running(identity):
            raise processes.failure(program, f"(process {identity.pid}) ended while starting")
        if time.monotonic() > deadline:
            raise processes.failure(
                program, f"(process {identity.pid}) was not ready within {READY_SECONDS:.0f} s"
            )
        time.sleep(POLL_SECONDS)


def _ensure_nodes(setup: Setup) -> None:
    """Make the nodes exactly those that were asked for, and wait until pods fit on them."""
    api = setup.api
    wanted = {node["metadata"]["name"]: node for node in render_nodes(setup.record)}
    options = setup.record.options
    detail = f"{options.plain_nodes} plain, {options.gpu_nodes} GPU, {options.spot_nodes} spot"
    with setup.progress.step("nodes", detail):
        there = readiness.node_names(api)
        for name in sorted(there - set(wanted)):
            api.call("DELETE", f"{readiness.NODES}/{name}")
        for name in sorted(set(wanted) - there):
            api.call("POST", readiness.NODES, wanted[name])
        program = members.program_of(members.KWOK, setup.layout, setup.record, setup.binaries)
        kwok = processes.find(program.identity_file)
        if kwok is None:
            raise processes.failure(program, "ended before the nodes were Ready")
        _wait(lambda: readiness.succeeds(lambda: readiness.are_nodes_ready(api)), kwok, program)


def existing_cluster(layout: Layout) -> ClusterRecord:
    """Return the record of a cluster that must exist.

    Raises:
        LocalClusterError: There is none.
    """
    record = load_record(layout)
    if record is None:
        raise LocalClusterError(
            f"there is no cluster {layout.root.name} in {layout.root.parent}",
            next_step=f"python -m voicefleet_localcluster up --name {layout.root.name}",
        )
    return record
