"""The style table is only worth reading if it measures what it says."""

from pathlib import Path

import grimp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicefleet_workbench.sources import ROOT, Source, percentile, read_source
from voicefleet_workbench.stats import MOCKS, find_import_cycles

SOURCE = '''"""Says what it is for."""
import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import asyncio


def outer(first, /, second, *, third):
    """Hold another function."""
    def inner():
        return [item for item in first if item]
    if second and third:
        return inner
    return None


class Thing:
    """Has a method."""

    async def method(self, only):
        """Do nothing much."""
        return only
'''


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A file with what is easy to count wrongly."""
    path = tmp_path / "example.py"
    path.write_text(SOURCE)
    parsed = read_source(path)
    return Source(ROOT / "example.py", parsed.text, parsed.tree)


def test_a_function_inside_another_counts_as_part_of_it(source: Source):
    """Cutting a long function into nested ones must not make the figures look better."""
    functions = {function.name: function.length for function in source.functions()}

    assert functions == {"outer": 7, "method": 3}


def test_only_positional_parameters_count_and_self_does_not(source: Source):
    """Keyword-only parameters are what the rule asks for instead."""
    counts = {function.name: function.positional_parameters for function in source.functions()}

    assert counts == {"outer": 2, "method": 1}


def test_an_import_for_type_checking_is_no_input_or_output(source: Source):
    """It never runs; and taking an address apart is no network either."""
    assert not source.does_io()


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("import asyncio", id="whole-module"),
        pytest.param("from urllib.request import urlopen", id="part-of-a-package"),
        pytest.param("from http import client", id="module-from-a-package"),
        pytest.param("def later():\n    import socket", id="inside-a-function"),
    ],
)
def test_an_import_that_reaches_the_world_is_found(tmp_path: Path, line: str):
    """A module counts as pure only if no line in it can do input or output."""
    path = tmp_path / "example.py"
    path.write_text(line + "\n")

    assert read_source(path).does_io()


@given(st.lists(st.integers(0, 1000), min_size=1), st.integers(1, 100))
def test_at_least_so_many_percent_do_not_exceed_a_percentile(values: list[int], percent: int):
    """The bar is read as "ninety of a hundred functions are no longer than this"."""
    bound = percentile(values, percent)

    assert bound in values
    assert sum(value <= bound for value in values) * 100 >= percent * len(values)


def test_a_client_method_called_patch_is_no_mock():
    """PATCH is a verb of HTTP, and our tests speak it."""
    real = 'api.patch("VoiceFleet", namespace, name, change)'
    mock = "with " + 'patch("voicefleet.clock"):'  # fmt: skip

    assert (bool(MOCKS.search(real)), bool(MOCKS.search(mock))) == (False, True)


def test_two_modules_that_import_each_other_are_a_cycle():
    """A cycle is where layers begin to dissolve; the table must see the smallest one."""
    graph = grimp.ImportGraph()
    graph.add_import(importer="one", imported="two")
    graph.add_import(importer="two", imported="one")
    graph.add_import(importer="free", imported="one")
    graph.add_import(importer="two", imported="leaf")

    assert find_import_cycles(graph) == {"one", "two"}
