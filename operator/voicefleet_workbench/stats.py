"""`make stats`: the style table, measured on this tree beside the best code bases we know.

Each row prints the anchor, our figure and the bar; a missed bar names the worst place and
makes the command fail. The anchors were measured once, in the same way.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import grimp
from rich.console import Console
from rich.table import Table

from voicefleet_workbench.sources import (
    PRODUCT,
    ROOT,
    Function,
    Source,
    collected_tests,
    percentile,
    read_sources,
)

MOCKS = re.compile(
    r"\b(?:mock|mocker)\.patch|@patch\b|with patch\(|\b(?:Magic|Async)Mock\(|monkeypatch\.setattr"
)
"""What counts as a mock; a client's own `.patch()` does not. A count of text ranks code bases,
it proves nothing."""


@dataclass(frozen=True, slots=True)
class Tree:
    """Everything that is measured, read once."""

    product: Sequence[Source]
    operator: Sequence[Source]
    """The product and the development packages beside it."""
    tests: Sequence[Source]
    functions: Sequence[Function]


@dataclass(frozen=True, slots=True)
class Row:
    """One measured fact beside its bar."""

    measured: str
    anchor: str
    ours: str
    bar: str
    is_met: bool
    worst: str = ""


def read_tree() -> Tree:
    """Read the repository's Python files."""
    operator = read_sources(ROOT / "operator")
    return Tree(
        product=[source for source in operator if source.path.is_relative_to(PRODUCT)],
        operator=operator,
        tests=read_sources(ROOT / "tests"),
        functions=[function for source in operator for function in source.functions()],
    )


def measure(tree: Tree) -> Sequence[Row]:
    """Return the table's rows in its own order."""
    return [row(tree) for row in ROWS]


def measure_pure_share(tree: Tree) -> Row:
    """Share of the product's lines in modules that do no input or output."""
    lines = sum(source.length for source in tree.product)
    pure = sum(source.length for source in tree.product if not source.does_io())
    percent = 100 * pure // lines
    return Row("lines in modules without I/O", "67-100 %", f"{percent} %", "≥ 55 %", percent >= 55)


def measure_mocks(tree: Tree) -> Row:
    """Mocks per test function."""
    tests = sum(len(list(collected_tests(source))) for source in tree.tests)
    mocks = sum(len(MOCKS.findall(source.text)) for source in tree.tests)
    share = mocks / max(tests, 1)
    return Row("mocks per test", "0.00-0.01", f"{share:.2f}", "≤ 0.05", share <= 0.05)


def measure_function_lines(tree: Tree) -> Row:
    """Length of functions."""
    longest = max(tree.functions, key=lambda function: function.length)
    lengths = [function.length for function in tree.functions]
    return _lengths(
        "function lines P50 / P90 / max", "9/29/138", (10, 35, 60), lengths, worst=longest
    )


def measure_file_lines(tree: Tree) -> Row:
    """Length of files."""
    longest = max(tree.operator, key=lambda source: source.length)
    lengths = [source.length for source in tree.operator]
    return _lengths(
        "file lines P50 / P90 / max", "156/514/968", (150, 350, 500), lengths, worst=longest.name
    )


def measure_complexity(tree: Tree) -> Row:
    """Cyclomatic complexity of the most complex function, as radon counts it."""
    worst = max(tree.functions, key=lambda function: function.complexity)
    return Row(
        "cyclomatic complexity, max", "9", str(worst.complexity), "≤ 10",
        worst.complexity <= 10, str(worst),
    )  # fmt: skip


def measure_cycles(_tree: Tree) -> Row:
    """Modules that import each other in a circle."""
    packages = [folder.parent.name for folder in (ROOT / "operator").glob("*/__init__.py")]
    graph = grimp.build_graph(*packages, exclude_type_checking_imports=True, cache_dir=None)
    knotted = find_import_cycles(graph)
    return Row(
        "modules in import cycles", "0", str(len(knotted)), "0", not knotted,
        ", ".join(sorted(knotted)[:3]),
    )  # fmt: skip


def measure_contracts(_tree: Tree) -> Row:
    """Contracts about who may import whom that do not hold."""
    linter = Path(sys.executable).with_name("lint-imports")
    answer = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    found = re.search(r"Contracts: (\d+) kept, (\d+) broken", answer.stdout)
    if not found:
        return Row("broken import contracts", "0", "unknown", "0", False, answer.stdout[-300:])
    return Row("broken import contracts", "0", found[2], "0", found[2] == "0", f"{found[1]} kept")


def measure_docstrings(tree: Tree) -> Row:
    """Share of tests whose docstring says why they matter."""
    tests = [(source, node) for source in tree.tests for node in collected_tests(source)]
    bare = [f"{source.name}:{node.lineno}" for source, node in tests if not ast.get_docstring(node)]
    percent = 100 * (len(tests) - len(bare)) // max(len(tests), 1)
    return Row(
        "tests with a sentence as docstring", "100 %", f"{percent} %", "100 %", not bare,
        ", ".join(bare[:3]),
    )  # fmt: skip


ROWS: Sequence[Callable[[Tree], Row]] = (
    measure_pure_share,
    measure_mocks,
    measure_function_lines,
    measure_file_lines,
    measure_complexity,
    measure_cycles,
    measure_contracts,
    measure_docstrings,
)
"""One function per row, in the order of the style page."""


def find_import_cycles(graph: grimp.ImportGraph) -> frozenset[str]:
    """Return the modules that stand in an import cycle or between two of them.

    Modules that import nothing any more, and modules that nothing imports any more, are
    taken away until none is left or the rest is knotted.
    """
    left = set(graph.modules)
    while True:
        ends = {
            module
            for module in left
            if not graph.find_modules_directly_imported_by(module) & left
            or not graph.find_modules_that_directly_import(module) & left
        }
        if not ends:
            return frozenset(left)
        left -= ends


def _lengths(
    measured: str, anchor: str, bars: tuple[int, int, int], lengths: Sequence[int], *, worst: object
) -> Row:
    ours = (percentile(lengths, 50), percentile(lengths, 90), max(lengths))
    return Row(
        measured=measured,
        anchor=anchor,
        ours="/".join(map(str, ours)),
        bar="/".join(map(str, bars)),
        is_met=all(figure <= bar for figure, bar in zip(ours, bars, strict=True)),
        worst=str(worst),
    )


def main() -> int:
    """Print the table; return 1 when a bar is missed."""
    tree = read_tree()
    rows = measure(tree)
    table = Table("measured", "best anchor", "ours", "bar", "", "worst place, or note")
    for row in rows:
        table.add_row(
            row.measured, row.anchor, row.ours, row.bar, "✓" if row.is_met else "✗", row.worst
        )
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table)
    console.print(
        f"{len(tree.product)} modules and {sum(source.length for source in tree.product)} lines "
        f"in operator/voicefleet, {len(tree.functions)} functions in operator/, "
        f"{sum(len(list(collected_tests(source))) for source in tree.tests)} tests"
    )
    missed = [row.measured for row in rows if not row.is_met]
    if missed:
        console.print(f"missed: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
