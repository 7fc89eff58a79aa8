"""Formatter, linter, type checker and import contracts, as tests.

As tests they run beside the others, and one summary says whether everything is green.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from voicefleet_workbench.sources import ROOT

pytestmark = pytest.mark.toolchain


def complaints_of(name: str, *arguments: str) -> str:
    """Return what a tool of the virtual environment finds fault with, in its own words."""
    program = Path(sys.executable).with_name(name)
    answer = subprocess.run(
        [program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return answer.stdout + answer.stderr if answer.returncode else ""


def test_every_file_is_formatted():
    """A diff should show what was changed, never how somebody's editor breaks lines."""
    assert complaints_of("ruff", "format", "--check", "operator", "tests") == ""


def test_the_linter_is_silent():
    """Every rule that is switched off is switched off in pyproject.toml with its reason."""
    assert complaints_of("ruff", "check", "operator", "tests") == ""


def test_the_types_agree():
    """The types are the first reader who notices that a contract between layers moved."""
    assert complaints_of("mypy") == ""


def test_imports_only_go_down_the_layers():
    """Pure decisions stay pure only while nothing they import reaches the world."""
    assert complaints_of("lint-imports") == ""
