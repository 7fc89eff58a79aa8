"""The style page's figures hold for what is committed, not for the day somebody looked."""

import pytest

from voicefleet_workbench import stats


@pytest.fixture(scope="module")
def tree() -> stats.Tree:
    """Read the repository once."""
    return stats.read_tree()


@pytest.mark.parametrize(
    "measure",
    [
        stats.measure_pure_share,
        stats.measure_mocks,
        stats.measure_function_lines,
        stats.measure_file_lines,
        stats.measure_complexity,
        stats.measure_cycles,
        stats.measure_docstrings,
    ],
    ids=lambda measure: measure.__name__.removeprefix("measure_"),
)
def test_the_bar_of_the_style_table_is_met(tree: stats.Tree, measure):
    """Twenty functions once grew past a bar that only a command showed; contracts have a test."""
    row = measure(tree)

    assert row.is_met, f"{row.measured}: {row.ours}, bar {row.bar}; {row.worst}"
