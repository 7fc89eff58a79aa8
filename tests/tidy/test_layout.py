"""Where things may stand, and how large they may grow: rules that no linter has."""

import os
import subprocess
import sys

import pytest

from voicefleet_workbench.sources import PRODUCT, ROOT, Source, read_sources, repository_files

PURE = ("core", "render", "planning.py", "model")
FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 500
VAGUE_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "misc", "manager"})


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    """Every Python file of ours."""
    return list(read_sources(ROOT / "operator", ROOT / "tests"))


def test_the_source_root_is_no_package():
    """With operator/__init__.py, `import collections` dies when Python starts in this folder."""
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_the_standard_library_keeps_its_operator():
    """A checkout on the path must never replace a module that half the library imports."""
    answer = subprocess.run(
        [sys.executable, "-c", "import operator; print(operator.add(2, 3))"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (answer.stdout.strip(), answer.stderr) == ("5", "")


def test_every_module_says_what_it_is_for(sources: list[Source]):
    """The first lines of a file decide whether a newcomer reads on in the right place."""
    silent = [source.name for source in sources if not source.docstring]

    assert silent == []


def test_pure_packages_touch_neither_world_nor_clock():
    """The planner is worth testing because the same input gives the same plan."""
    places = [PRODUCT / name for name in PURE]
    impure = [
        source.name
        for source in read_sources(PRODUCT)
        if any(source.path.is_relative_to(place) for place in places) and source.does_io()
    ]

    assert impure == []


def test_no_function_outgrows_a_screen(sources: list[Source]):
    """A function past sixty lines holds an `if` that belongs to its caller."""
    long = [
        f"{function}: {function.length} lines"
        for source in sources
        for function in source.functions()
        if function.length > FUNCTION_LINES_MAX
    ]

    assert long == []


def test_no_file_holds_two_subjects(sources: list[Source]):
    """Five hundred lines are more than anybody holds in mind; split at the second reason."""
    long = [f"{source.name}: {source.length} lines" for source in sources
            if source.length > FILE_LINES_MAX]  # fmt: skip

    assert long == []


def test_every_name_says_what_is_inside():
    """A folder called like a drawer fills up like one."""
    vague = [
        path.relative_to(ROOT).as_posix()
        for path in repository_files()
        if VAGUE_NAMES & {*path.relative_to(ROOT).parent.parts, path.stem}
    ]

    assert vague == []


def test_continuous_integration_can_start():
    """A script without its executable bit fails only on somebody else's machine."""
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
