"""Mutants that can still be planted: one whose lines have changed proves nothing any more."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = Path(__file__).parents[2] / "faults" / "mutants.py"


@pytest.fixture(scope="module")
def mutants() -> ModuleType:
    """Return the program that plants them, without running it."""
    spec = importlib.util.spec_from_file_location("mutants", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_mutant_finds_the_lines_that_it_breaks(mutants: ModuleType):
    """It is seen here in a millisecond, and by `make mutants` after minutes."""
    lost = [
        f"{mutant.name}: {edit.path}"
        for mutant in mutants.MUTANTS
        for edit in mutant.edits
        if (mutants.SOURCE / edit.path).read_text().count(edit.before) != 1
    ]

    assert lost == [], "adapt these lines in tests/faults/mutants.py"


def test_mutants_are_as_many_as_the_bar_asks_for(mutants: ModuleType):
    """Ten are the least; those that only a real server shows are among them."""
    names = {mutant.name for mutant in mutants.MUTANTS}

    assert len(names) == len(mutants.MUTANTS) >= 10
    assert sum(not mutant.is_in_memory for mutant in mutants.MUTANTS) >= 3
