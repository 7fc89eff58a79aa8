"""A local cluster as tests, the demo and the command line hold it in their hands.

    with LocalCluster.start(ClusterOptions(name="drift")) as cluster:
        cluster.kubectl("apply", "-f", "fleet.yaml")

Everything about how it comes up is in `starting`; this is what one can do with it.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from voicefleet_localcluster import certificates, members, processes, starting
from voicefleet_localcluster.client import JsonClient
from voicefleet_localcluster.errors import LocalClusterError
from voicefleet_localcluster.kubeconfig import Login, render_token_login
from voicefleet_localcluster.layout import Layout, layout_of
from voicefleet_localcluster.locking import exclusive_lock
from voicefleet_localcluster.options import ClusterOptions
from voicefleet_localcluster.progress import Progress
from voicefleet_localcluster.world.client import WorldClient

KUBECTL_SECONDS = 120
DOWN_SECONDS = 1.0
"""Nothing is kept, so nothing has to be finished."""
TOKEN_SECONDS = 8 * 3600
"""Longer than any test run or working day with one cluster."""


@dataclass(frozen=True, slots=True)
class LocalCluster:
    """A cluster that is up; leaving the `with` block takes it down."""

    setup: starting.Setup

    @classmethod
    def start(
        cls,
        options: ClusterOptions | None = None,
        progress: Progress | None = None,
        *,
        keep_failed: bool = False,
    ) -> Self:
        """Make a cluster, or heal or replace the one of that name.

        Args:
            options: What it shall be like; the defaults are those of `up`.
            progress: Where its steps are shown; without it nowhere.
            keep_failed: Whether what came up before a failure stays for a second try.

        Raises:
            LocalClusterError: It did not come up; the error carries the evidence.
        """
        chosen = (options or ClusterOptions()).checked()
        reporter = progress or Progress()
        layout = layout_of(chosen.name)
        with _locked(layout, reporter):
            try:
                return cls(starting.bring_up(layout, chosen, reporter))
            except BaseException:
                if not keep_failed:
                    _remove(layout)
                raise

    @classmethod
    def find(cls, name: str = "default") -> Self:
        """Return a cluster that another process started.

        Raises:
            LocalClusterError: There is none of that name.
        """
        layout = layout_of(name)
        record = starting.existing_cluster(layout)
        progress = Progress()
        binaries = starting.ensure_members(record.options, progress)
        return cls(starting.Setup(layout, record, binaries, progress))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop every process and remove everything the cluster made."""
        take_down(self.name, self.setup.progress)

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.setup.record.options.name

    @property
    def folder(self) -> Path:
        """The cluster's folder; it goes with the cluster."""
        return self.setup.layout.root

    @property
    def kubectl_path(self) -> Path:
        """The kubectl of the same version as the cluster."""
        return self.setup.binaries["kubectl"]

    @property
    def server(self) -> str:
        """The API server's address."""
        return self.setup.record.server

    @property
    def prometheus(self) -> str:
        """The address of the cluster's Prometheus, if it was asked for."""
        return f"http://127.0.0.1:{self.setup.record.ports.prometheus}"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.setup.layout.kubeconfig

    @property
    def audit_log(self) -> Path:
        """One JSON line per request to the API server, complete when the request is answered."""
        return self.setup.layout.audit_log

    @property
    def api(self) -> JsonClient:
        """A small client of the API server that may do anything."""
        return self.setup.api

    @property
    def world(self) -> WorldClient:
        """Says what happens inside the pods.

        Raises:
            LocalClusterError: The cluster was started without a world.
        """
        record = self.setup.record
        if not record.options.with_world:
            raise LocalClusterError(
                f"cluster {self.name} has no world process",
                next_step="start it without --no-world",
            )
        return WorldClient(JsonClient(f"http://127.0.0.1:{record.ports.world}"))

    def audit_events(self, user: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield the requests so far, all of them or one user's, oldest first."""
        with self.audit_log.open() as lines:
            for line in lines:
                event: dict[str, Any] = json.loads(line)
                if user is None or event["user"]["username"] == user:
                    yield event

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run the real kubectl as administrator.

        Returns:
            What it printed.

        Raises:
            LocalClusterError: It ended with an error; its own words are the evidence.
        """
        command = [str(self.kubectl_path), f"--kubeconfig={self.kubeconfig}"]
        answer = subprocess.run(
            [*command, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=KUBECTL_SECONDS,
        )
        if answer.returncode:
            raise LocalClusterError(
                f"kubectl {' '.join(arguments)} ended with {answer.returncode}",
                evidence=answer.stderr.splitlines()[-8:],
                next_step=f"try it by hand with KUBECONFIG={self.kubeconfig}",
            )
        return answer.stdout

    def service_account_kubeconfig(self, namespace: str, name: str, *, to: Path) -> Path:
        """Write a kubeconfig that logs in as a ServiceAccount, by a token it was given.

        This is how the operator runs under exactly the rights that its chart grants.
        """
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": TOKEN_SECONDS},
        }
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        token = self.api.call("POST", path, body)["status"]["token"]
        authority = self.setup.layout.certificate(certificates.MAIN_AUTHORITY).read_bytes()
        login = Login(self.server, authority, f"{namespace}-{name}")
        to.touch(mode=0o600)
        to.write_text(render_token_login(login, token=token, namespace=namespace))
        return to

    def stop_process(self, name: str) -> None:
        """Stop one process and wait until it is gone; see `members.MEMBERS` for the names."""
        starting.stop_members(self.setup.layout, (name,))

    def start_process(self, name: str) -> None:
        """Start one process that was stopped, and wait until it serves."""
        starting.start_member(self.setup, name)

    def restart_process(self, name: str) -> None:
        """Stop and start one process."""
        self.stop_process(name)
        self.start_process(name)

    def running(self) -> dict[str, int | None]:
        """Return the process number of every member, or None where it does not run."""
        layout, record = self.setup.layout, self.setup.record
        found = {name: processes.find(layout.process(name)) for name in members.members_of(record)}
        return {name: identity.pid if identity else None for name, identity in found.items()}


def take_down(name: str, progress: Progress) -> None:
    """Stop every process of a cluster and remove its folder; no such cluster is fine."""
    layout = layout_of(name)
    with _locked(layout, progress), progress.step("take down", name) as step:
        existed = layout.root.exists()
        stopped = _remove(layout)
        step.detail = (
            f"{name}: {stopped} processes stopped" if existed else f"{name}: was not there"
        )


def _remove(layout: Layout) -> int:
    """Stop what runs and delete what lies there, the lock included, which the caller holds."""
    stopped = starting.stop_members(layout, seconds=DOWN_SECONDS)
    shutil.rmtree(layout.root, ignore_errors=True)
    layout.lock.unlink()
    return stopped


def _locked(layout: Layout, progress: Progress) -> AbstractContextManager[None]:
    waiting_for = f"another up or down of {layout.root.name}"
    return exclusive_lock(layout.lock, progress, waiting_for=waiting_for)
