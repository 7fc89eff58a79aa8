"""Which programs there are, and how each is built from its pinned Go module. Pure.

Each project has a `go.mod` and `go.sum` of its own below `go/`: in one module, minimal version
selection would drag one project's dependencies into another. The four Kubernetes programs are
one multi-call binary, which links once instead of four times.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from voicefleet_localcluster import versions

SOURCES: Final = Path(__file__).parent / "go"


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that `go build` makes."""

    name: str
    """Folder below `go/`, and name of what is built."""
    version: str
    package: str
    programs: tuple[str, ...]
    """Names under which the result is called; several for a multi-call binary."""
    cold_seconds: int
    """What a build took on two cores with empty caches; shown while one waits."""
    definitions: tuple[str, ...] = ()
    """Values that the linker writes into string variables, as `path.name=value`."""


def _kubernetes_definitions(version: str) -> tuple[str, ...]:
    """Say the version in both packages that hold it.

    Without them the API server calls itself v0.0.0-master+$Format, which `kubectl version`
    cannot parse and which every chart's `kubeVersion` refuses.
    """
    major, minor, _ = version.split(".")
    values = {
        "gitVersion": f"v{version}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitCommit": versions.KUBERNETES_COMMIT,
        "gitTreeState": "clean",
        "buildDate": versions.KUBERNETES_BUILD_DATE,
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return tuple(
        f"{package}.{name}={value}" for package in packages for name, value in values.items()
    )


TARGETS: Final = (
    Target(
        name="kubernetes",
        version=versions.KUBERNETES,
        package=".",
        programs=("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"),
        cold_seconds=250,
        definitions=_kubernetes_definitions(versions.KUBERNETES),
    ),
    Target(
        name="etcd",
        version=versions.ETCD,
        package="go.etcd.io/etcd/server/v3",
        programs=("etcd",),
        cold_seconds=25,
    ),
    Target(
        name="kwok",
        version=versions.KWOK,
        package="sigs.k8s.io/kwok/cmd/kwok",
        programs=("kwok",),
        cold_seconds=60,
    ),
    Target(
        name="livekit",
        version=versions.LIVEKIT_SERVER,
        package="github.com/livekit/livekit-server/cmd/server",
        programs=("livekit-server",),
        cold_seconds=90,
    ),
)

CLUSTER_PROGRAMS: Final = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
    "kwok",
)
"""What `up` needs; livekit-server is built when somebody asks for it."""

ALL_PROGRAMS: Final = tuple(program for target in TARGETS for program in target.programs)


def target_of(program: str) -> Target:
    """Return the target that makes a program."""
    return next(target for target in TARGETS if program in target.programs)


def fingerprint(target: Target, sources: Path = SOURCES) -> str:
    """Return eight hex digits that change with everything a build depends on."""
    digest = hashlib.sha256()
    for path in sorted((sources / target.name).iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update("\n".join((target.version, target.package, *target.definitions)).encode())
    return digest.hexdigest()[:8]


def build_command(target: Target, go: Path, output: Path) -> tuple[str, ...]:
    """Return the command that builds a target; run it in its source folder."""
    linker = " ".join(("-s", "-w", *(f"-X {value}" for value in target.definitions)))
    return (
        *(str(go), "build", "-mod=readonly", "-trimpath", "-buildvcs=false"),
        *("-ldflags", linker, "-o", str(output), target.package),
    )


def build_environment(inherited: dict[str, str]) -> dict[str, str]:
    """Return the environment of a build: nothing of the machine's may change the result.

    GOTOOLCHAIN=local keeps Go from fetching another Go behind our back, and a GOROOT of the
    machine would lend its standard library to our compiler.
    """
    ours = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GOTOOLCHAIN": "local"}
    kept = {name: value for name, value in inherited.items() if name != "GOROOT"}
    return {**kept, **ours}
