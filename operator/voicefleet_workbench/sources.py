"""Python files as data: what the style table and the tidy tests are measured on.

Everything is read with `ast`, nothing is imported, so a broken module can still be
measured. Callers: `stats` and `tests/tidy`.
"""

import ast
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from radon.complexity import cc_visit_ast

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""

PRODUCT = ROOT / "operator" / "voicefleet"
"""What ships; the two packages beside it are for development."""

IO_MODULES = frozenset(
    {
        "aiohttp", "asyncio", "concurrent", "helm_sdk", "http.client", "http.server", "httpx",
        "kopf", "kubernetes", "multiprocessing", "prometheus_api_client", "prometheus_client",
        "random", "requests", "select", "signal", "socket", "ssl", "subprocess", "threading",
        "time", "urllib.request",
    }
)  # fmt: skip
"""A module that imports one of these does input or output, or depends on time or chance."""

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Function:
    """One function or method; those nested in another count as part of it."""

    file: str
    name: str
    line: int
    length: int
    positional_parameters: int
    complexity: int

    def __str__(self) -> str:
        """Read as `file:line name`, which editors can open."""
        return f"{self.file}:{self.line} {self.name}"


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file with its syntax tree."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """The path inside the repository."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def length(self) -> int:
        """Lines, blank ones included."""
        return len(self.text.splitlines())

    @property
    def docstring(self) -> str:
        """The module's own docstring, empty where there is none."""
        return ast.get_docstring(self.tree) or ""

    def imported_modules(self) -> frozenset[str]:
        """Return the modules it imports when it runs, those for type checking excepted."""
        return frozenset(_imports(self.tree))

    def does_io(self) -> bool:
        """Whether it can touch the outside world, the clock or chance by itself."""
        return any(
            name == module or name.startswith(f"{module}.")
            for name in self.imported_modules()
            for module in IO_MODULES
        )

    def functions(self) -> Iterator[Function]:
        """Yield outermost functions and methods."""
        blocks = cc_visit_ast(self.tree)
        complexities = {block.lineno: block.complexity for block in blocks if block.letter in "FM"}
        for node in outermost_functions(self.tree):
            assert node.end_lineno is not None, "ast fills it in for parsed source"
            yield Function(
                file=self.name,
                name=node.name,
                line=node.lineno,
                length=node.end_lineno - node.lineno + 1,
                positional_parameters=_positional_parameters(node.args),
                complexity=complexities.get(node.lineno, 1),
            )


def read_source(path: Path) -> Source:
    """Parse one file."""
    text = path.read_text()
    return Source(path, text, ast.parse(text))


def read_sources(*folders: Path) -> Sequence[Source]:
    """Parse every Python file below the folders, in a stable order."""
    return [read_source(path) for folder in folders for path in sorted(folder.rglob("*.py"))]


def outermost_functions(tree: ast.AST) -> Iterator[FunctionNode]:
    """Yield functions and methods, but none that stand inside another function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, FunctionNode):
            yield node
        else:
            yield from outermost_functions(node)


def collected_tests(source: Source) -> Iterator[FunctionNode]:
    """Yield the functions that pytest collects from a test file."""
    return (node for node in outermost_functions(source.tree) if node.name.startswith("test_"))


def percentile(values: Sequence[int], percent: int) -> int:
    """Return the smallest value that at least so many percent do not exceed.

    Five functions of 1, 2, 3, 4 and 50 lines: P50 is 3, P90 is 50.
    """
    if not values:
        return 0
    rank = -(-len(values) * percent // 100)
    return sorted(values)[max(rank, 1) - 1]


def _positional_parameters(arguments: ast.arguments) -> int:
    named = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    return len(named) - (named[:1] in (["self"], ["cls"]))


def _imports(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.If(test=test) if "TYPE_CHECKING" in ast.unparse(test):
                continue
            case _:
                yield from _imports(child)


def repository_files() -> Sequence[Path]:
    """Return every text file that is tracked or about to be, in a stable order."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    paths = (ROOT / name for name in sorted(set(listed.stdout.split("\0"))) if name)
    return [path for path in paths if path.is_file() and not path.is_symlink()]
