"""Rules about tests: each says why it matters, can fail, and replaces nothing under test."""

import ast
from collections.abc import Iterator

import pytest

from voicefleet_workbench.sources import ROOT, FunctionNode, Source, collected_tests, read_sources
from voicefleet_workbench.stats import MOCKS

TABLE_ROWS_MAX = 12


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    """Every file below tests/."""
    return list(read_sources(ROOT / "tests"))


def called_names(node: ast.AST) -> frozenset[str]:
    """Return the last word of every function that is called, in it or in what it defines."""
    functions = (call.func for call in ast.walk(node) if isinstance(call, ast.Call))
    return frozenset(
        function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)
        for function in functions
    )


def can_fail_by_itself(node: ast.AST) -> bool:
    """Whether it asserts, raises, or expects an error."""
    return any(isinstance(inner, ast.Assert | ast.Raise) for inner in ast.walk(node)) or bool(
        called_names(node) & {"fail", "raises", "warns"}
    )


def checking_functions(sources: list[Source]) -> frozenset[str]:
    """Return the names of functions in tests/ that fail for their caller."""
    return frozenset(
        node.name
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, FunctionNode)
        and not node.name.startswith("test_")
        and can_fail_by_itself(node)
    )


def every_test(sources: list[Source]) -> Iterator[tuple[str, FunctionNode]]:
    """Yield each test with the place where it stands."""
    for source in sources:
        for node in collected_tests(source):
            yield f"{source.name}:{node.lineno} {node.name}", node


def test_every_test_says_why_it_matters(sources: list[Source]):
    """Whoever breaks a test at night learns from its sentence what was at stake."""
    bare = [place for place, node in every_test(sources) if not ast.get_docstring(node)]

    assert bare == []


def test_every_test_can_fail(sources: list[Source]):
    """A test without an assertion is green for every bug."""
    checking = checking_functions(sources)
    harmless = [
        place
        for place, node in every_test(sources)
        if not can_fail_by_itself(node) and not called_names(node) & checking
    ]

    assert harmless == []


def test_no_test_replaces_what_it_tests(sources: list[Source]):
    """Fakes pass the same contract as the real thing; a patched function promises nothing."""
    mocked = [source.name for source in sources if MOCKS.search(source.text)]

    assert mocked == []


def test_tables_of_cases_stay_readable(sources: list[Source]):
    """Past a dozen rows a table is a law, and a law is tested as a property."""
    long = [
        f"{source.name}:{call.lineno}: {len(call.args[1].elts)} rows"
        for source in sources
        for call in ast.walk(source.tree)
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) == "pytest.mark.parametrize"
        and isinstance(call.args[1], ast.List | ast.Tuple)
        and len(call.args[1].elts) > TABLE_ROWS_MAX
    ]

    assert long == []
