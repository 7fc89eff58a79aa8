"""What is built, from which pinned sources."""

import dataclasses
import re
from pathlib import Path

import pytest

from voicefleet_localcluster import targets, versions
from voicefleet_localcluster.binaries import find_program, target_folder
from voicefleet_localcluster.toolchain import parse_go_version

MODULES = {
    "kubernetes": ("k8s.io/kubernetes", versions.KUBERNETES),
    "etcd": ("go.etcd.io/etcd/server/v3", versions.ETCD),
    "kwok": ("sigs.k8s.io/kwok", versions.KWOK),
    "livekit": ("github.com/livekit/livekit-server", versions.LIVEKIT_SERVER),
}


@pytest.mark.parametrize("name", MODULES)
def test_the_module_pins_the_version_that_the_versions_file_names(name: str):
    """There is one place to choose a version, and the build must not know another."""
    module, version = MODULES[name]
    folder = targets.SOURCES / name

    required = re.search(rf"\b{re.escape(module)} v(\S+)", (folder / "go.mod").read_text())

    assert required
    assert required[1] == version
    assert f"{module} v{version} h1:" in (folder / "go.sum").read_text()


def test_every_staging_module_of_kubernetes_is_the_same_release():
    """One that is left behind compiles, and behaves as another version."""
    replaced = re.findall(
        r"^\s*(?:replace )?(k8s\.io/\S+) => k8s\.io/\S+ v0\.(\S+)$",
        (targets.SOURCES / "kubernetes" / "go.mod").read_text(),
        re.MULTILINE,
    )

    assert len(replaced) > 25
    assert {f"1.{version}" for _, version in replaced} == {versions.KUBERNETES}


def test_kubernetes_is_told_its_version_in_both_places():
    """Otherwise it says v0.0.0-master, and every chart with a kubeVersion refuses it."""
    target = targets.target_of("kube-apiserver")

    told = [value for value in target.definitions if value.endswith(f"v{versions.KUBERNETES}")]

    assert [value.split("=")[0].split("/")[1] for value in told] == ["component-base", "client-go"]


def test_another_version_is_another_folder_in_the_cache():
    """An upgrade must never run the old programs because they were there."""
    target = targets.target_of("etcd")
    newer = dataclasses.replace(target, version="99.0.0")

    assert target_folder(target, Path("/c")) != target_folder(newer, Path("/c"))
    assert targets.fingerprint(target) != targets.fingerprint(newer)


def test_programs_in_the_chosen_folder_come_first(tmp_path: Path):
    """On a machine without a network somebody brings the programs along."""
    brought = tmp_path / "etcd"
    brought.touch(mode=0o755)

    environment = {"VOICEFLEET_BIN_DIR": str(tmp_path), "VOICEFLEET_CACHE_DIR": str(tmp_path)}

    assert find_program("etcd", environment) == brought
    assert find_program("kwok", environment) is None


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.27 darwin/arm64", (1, 27, 0)),
        ("go version devel go1.28-abcdef Mon", (1, 28, 0)),
        ("command not found", None),
    ],
)
def test_the_version_of_go_is_read_from_what_it_says(text: str, version):
    """A Go that is too old fails late and with words about something else."""
    assert parse_go_version(text) == version
