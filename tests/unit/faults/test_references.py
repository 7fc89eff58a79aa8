"""What undisturbed lives end with: kept from run to run, but never for another operator."""

from pathlib import Path

import pytest

from support.histories import History
from support.references import References

LIFE = History.parse("create plain:")
SHAPE = {"Service/interviews-media": {"spec": {"ports": [7880]}}}


def test_a_life_is_remembered_by_the_next_run(tmp_path: Path):
    """Fifty-six lives are a minute of every piece of a soak."""
    References(tmp_path).keep(LIFE, SHAPE, writes=31)

    again = References(tmp_path)

    assert (again.shape(LIFE), again.writes(LIFE)) == (SHAPE, 31)


def test_another_operator_begins_without_memories(tmp_path: Path):
    """A change of the operator may change what lives end with."""
    References(tmp_path, made_from=("operator/voicefleet/core",)).keep(LIFE, SHAPE, writes=31)

    changed = References(tmp_path, made_from=("operator/voicefleet/shell",))

    assert changed.find(LIFE) is None


def test_a_life_that_was_not_lived_is_no_measure():
    """Compared with nothing, everything would be right."""
    with pytest.raises(LookupError, match="create plain: was not lived undisturbed"):
        References().shape(LIFE)
