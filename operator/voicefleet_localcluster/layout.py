"""Where everything of a cluster lies: the single place that joins paths.

`VOICEFLEET_CACHE_DIR` holds what can be built again, `VOICEFLEET_STATE_DIR` one folder per
cluster. Both have the usual defaults below the home directory.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of built programs."""
    if chosen := environment.get("VOICEFLEET_CACHE_DIR"):
        return Path(chosen).expanduser()
    base = environment.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "voicefleet"


def state_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that holds the clusters' folders."""
    if chosen := environment.get("VOICEFLEET_STATE_DIR"):
        return Path(chosen).expanduser()
    base = environment.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "voicefleet" / "clusters"


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one cluster."""

    root: Path

    @property
    def lock(self) -> Path:
        """Held while the cluster is brought up or taken down; beside its folder, not in it."""
        return self.root.parent / f".{self.root.name}.lock"

    @property
    def record(self) -> Path:
        """Options, ports and network, written once at creation."""
        return self.root / "cluster.json"

    @property
    def etcd_data(self) -> Path:
        """What the cluster knows; gone with the folder."""
        return self.root / "etcd"

    @property
    def certificates(self) -> Path:
        """The cluster's own authorities, certificates and keys."""
        return self.root / "pki"

    @property
    def configuration(self) -> Path:
        """The files that programs are started with."""
        return self.root / "config"

    @property
    def kwok_options(self) -> Path:
        """What kwok was told for its present run."""
        return self.configuration / "kwok-options.yaml"

    @property
    def kwok_runs(self) -> Path:
        """How often kwok was started."""
        return self.root / "kwok-runs"

    @property
    def audit_log(self) -> Path:
        """One JSON line for each request to the API server."""
        return self.root / "audit.log"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig; nobody's current context is ever touched."""
        return self.root / "kubeconfig"

    def certificate(self, name: str) -> Path:
        """Return the path of a certificate."""
        return self.certificates / f"{name}.crt"

    def key(self, name: str) -> Path:
        """Return the path of a private key."""
        return self.certificates / f"{name}.key"

    def client_kubeconfig(self, name: str) -> Path:
        """Return the kubeconfig by which one of the cluster's own programs logs in."""
        return self.configuration / f"{name}.kubeconfig"

    def log(self, process: str) -> Path:
        """Return the log file of a process."""
        return self.root / "logs" / f"{process}.log"

    def process(self, process: str) -> Path:
        """Return the file that says which process is running."""
        return self.root / "processes" / f"{process}.json"

    def folders(self) -> tuple[Path, ...]:
        """Return every folder that must exist before anything starts."""
        return (
            self.root,
            self.certificates,
            self.configuration,
            self.root / "logs",
            self.root / "processes",
        )


def layout_of(name: str) -> Layout:
    """Return the paths of the cluster with this name."""
    return Layout(state_folder() / name)


def cluster_names() -> list[str]:
    """Return the names of all clusters of this person, running or not."""
    return sorted(folder.name for folder in state_folder().glob("*/"))
