"""Drawn specs: a number that failed has to be the spec that failed."""

import pytest

from support.schema_cases import KINDS, CaseKind, case_of

SOME = range(200)


def test_a_number_is_one_spec():
    """A number that means something else the next time finds nothing again."""
    assert [case_of(number) for number in SOME] == [case_of(number) for number in SOME]


def test_every_way_to_draw_has_its_turn():
    """A piece of any size has to hold all of them."""
    drawn = {case_of(number)[0] for number in range(len(KINDS))}

    assert drawn == set(CaseKind)


@pytest.mark.parametrize("kind", CaseKind)
def test_specs_of_a_kind_differ(kind: CaseKind):
    """A hundred thousand times the same spec would be one case."""
    specs = [repr(spec) for drawn, spec in map(case_of, SOME) if drawn is kind]

    assert len(set(specs)) > 0.9 * len(specs)
