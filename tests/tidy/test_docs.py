"""Documents agree with the code, and with each other."""

import re
from pathlib import Path

import pytest
import yaml

from voicefleet.api.reasons import Place, Reason
from voicefleet_workbench.generate import generated_files
from voicefleet_workbench.sources import ROOT, repository_files

RUNBOOKS = ROOT / "docs" / "runbooks"
GENERATED = generated_files()
PLACES_OF_WARNINGS = {
    Place.READY,
    Place.STALLED,
    Place.CAPACITY_AVAILABLE,
    Place.GRACE_SUFFICIENT,
    Place.EVALUATION_KEEPING_UP,
    Place.SIGNALS_FRESH,
    Place.LATENCY_WITHIN_TARGET,
}
LINK = re.compile(r"\[[^\]\n]*\]\((?!https?:|mailto:)(?P<target>[^)#\s]+)(?:#[^)]*)?\)")
MAKE_TARGET = re.compile(r"(?:`|^)make (?P<target>[a-z]+)\b", re.MULTILINE)
FENCED_YAML = re.compile(r"^```yaml\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """Return every Markdown file of the repository."""
    return [path for path in repository_files() if path.suffix == ".md"]


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_file_is_what_the_generator_writes(name: str):
    """A reference that lags behind the code is worse than none: people believe it."""
    assert (ROOT / name).read_text() == GENERATED[name], "run `make generate`"


def test_every_link_leads_somewhere():
    """Whoever follows a link at night must not find that the file was renamed."""
    broken = [
        f"{page.relative_to(ROOT)}: {hit['target']}"
        for page in pages()
        for hit in LINK.finditer(page.read_text())
        if not (page.parent / hit["target"]).exists()
    ]

    assert broken == []


def test_every_reason_that_needs_somebody_has_a_page():
    """A warning without a next step leaves the reader alone with it."""
    wanted = {
        str(reason)
        for reason in Reason
        if reason.place in PLACES_OF_WARNINGS and reason.next_step != "Nothing."
    }

    assert wanted - {page.stem for page in RUNBOOKS.glob("*.md")} == set()


def test_every_page_is_about_a_reason_that_exists_and_is_listed():
    """A page for a reason that was renamed is never found again."""
    found = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}
    index = (RUNBOOKS / "README.md").read_text()

    assert found - {str(reason) for reason in Reason} == set()
    assert {name for name in found if f"[{name}]({name}.md)" not in index} == set()


def test_every_command_that_a_page_names_exists():
    """The first command a newcomer types must work."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {hit["target"] for page in pages() for hit in MAKE_TARGET.finditer(page.read_text())}

    assert named - targets == set()


def test_the_first_page_names_the_two_commands():
    """Two commands are what a visitor gives a project before leaving."""
    readme = (ROOT / "README.md").read_text()

    assert "\nmake demo" in readme
    assert "\nmake test" in readme


def test_the_manifest_on_the_first_page_is_the_example():
    """The example is tried on a real API server by other tests; so this one is tried too."""
    shown = [yaml.safe_load(hit["text"]) for hit in FENCED_YAML.finditer(
        (ROOT / "README.md").read_text()
    )]  # fmt: skip

    assert shown == [yaml.safe_load((ROOT / "docs" / "examples" / "minimal.yaml").read_text())]


def test_every_decision_is_in_the_list_of_decisions():
    """A record that nobody finds is argued about once more."""
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()

    assert [page.name for page in folder.glob("0*.md") if f"({page.name})" not in index] == []


def test_the_changelog_has_a_place_for_the_next_change():
    """What is not written down with the change is forgotten by the release."""
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text()


def test_every_level_of_tests_is_explained():
    """Whoever adds a test must know from one table where it belongs."""
    levels = {path.parent.name for path in ROOT.glob("tests/*/test_*.py")}
    contributing = (ROOT / "CONTRIBUTING.md").read_text()

    assert {level for level in levels if f"| `{level}` |" not in contributing} == set()


def test_every_variable_that_a_worker_gets_is_explained():
    """Whoever builds an agent image has this page and nothing else to go by."""
    manifest = yaml.safe_load((ROOT / "tests/golden/minimal/agents.replicaset.yaml").read_text())
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    page = (ROOT / "docs" / "worker-endpoint.md").read_text()

    assert [each["name"] for each in container["env"] if f"`{each['name']}`" not in page] == []
