"""The locked versions: complete, hashed, and free of any address to fetch them from."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from voicefleet_workbench.sources import ROOT

PINNED = re.compile(r"^(?P<name>[a-zA-Z0-9._-]+)==(?P<version>\S+)", re.MULTILINE)


def locked(name: str) -> dict[str, str]:
    """Return version by package of one lock file."""
    text = (ROOT / "requirements" / name).read_text()
    return {canonicalize_name(hit["name"]): hit["version"] for hit in PINNED.finditer(text)}


def requirements_of(extra: str | None) -> list[Requirement]:
    """Return what pyproject.toml asks for, for the operator alone or for one extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return [Requirement(text) for text in wanted]


@pytest.mark.parametrize(
    ("lock", "extra"),
    [
        pytest.param("operator.lock", None, id="operator"),
        pytest.param("dev.lock", None, id="operator-in-dev"),
        pytest.param("dev.lock", "dev", id="dev"),
    ],
)
def test_every_requirement_is_locked_at_a_version_that_fits(lock: str, extra: str | None):
    """A requirement that is missing from the lock is one that only some machines have."""
    versions = locked(lock)
    unmet = [
        str(requirement)
        for requirement in requirements_of(extra)
        if not requirement.specifier.contains(
            versions.get(canonicalize_name(requirement.name), "0"), prereleases=True
        )
    ]

    assert unmet == [], "run `make lock`"


@pytest.mark.parametrize("lock", ["operator.lock", "dev.lock"])
def test_every_locked_version_has_its_hashes(lock: str):
    """A hash makes a replaced upload fail instead of run."""
    text = (ROOT / "requirements" / lock).read_text()
    entries = re.split(r"^(?=[a-zA-Z0-9])", text, flags=re.MULTILINE)[1:]

    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", ["operator.lock", "dev.lock"])
def test_no_lock_says_where_to_download(lock: str):
    """Whoever installs decides which index to trust; a lock only says what must arrive."""
    text = (ROOT / "requirements" / lock).read_text()

    assert (
        re.findall(r"^\s*(?:-|[^#\n]*://).*", re.sub(r"\s--hash=\S+", "", text), re.MULTILINE) == []
    )


def test_both_locks_agree():
    """Tests with another version than the one that ships prove little."""
    development = locked("dev.lock")
    apart = {
        name: (version, development.get(name))
        for name, version in locked("operator.lock").items()
        if development.get(name) != version
    }

    assert apart == {}
