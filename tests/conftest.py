"""What every test level shares: which levels there are, their order, and Hypothesis' profile."""

import os
from pathlib import Path

import hypothesis
import pytest

LEVELS = ("tidy", "unit", "sim", "contract", "chart", "localcluster", "cluster", "faults")
"""The folders that hold tests, quickest first: a broken rule shows before a cluster starts."""

LAST = ("test_replay", "test_rights")
"""They read the tape and the audit log of all that the tests before made the operator do."""

pytest_plugins = ["support.cluster_fixtures", "support.tenants"]

hypothesis.settings.register_profile("local", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")
# No deadline: on a busy machine it finds slowness of the machine. In CI the examples are the
# same in every run, so a red run is about the change; people's own runs look for new ones.


def level_of(path: Path) -> str:
    """Return the level that a test file belongs to: its folder directly below `tests/`."""
    return path.relative_to(Path(__file__).parent).parts[0]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test outside the known levels, and run the levels in order.

    Within a level the shuffled order stays: no test may lean on another, `LAST` excepted.
    """
    for item in items:
        if level_of(item.path) not in LEVELS:
            raise pytest.UsageError(
                f"{item.path} belongs to no level; put it below tests/ in one of {LEVELS}, "
                "or add its level to tests/conftest.py and to CONTRIBUTING.md"
            )
    items.sort(key=lambda item: (LEVELS.index(level_of(item.path)), item.path.stem in LAST))
