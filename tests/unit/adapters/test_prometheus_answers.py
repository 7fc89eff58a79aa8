"""Whatever JSON a provider answers: a value that can be used, a fault, or nothing; no exception."""

import json
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from voicefleet.adapters.prometheus_answers import (
    VALUE_MAX,
    Fault,
    Point,
    read_groups,
    read_matrix,
    read_vector,
)

NAMES = ("namespace", "fleet")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["NaN", "+Inf", "-Inf", "1e308", "-1", "0", "1767605400"])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
PAIRS = st.lists(SCALARS | ANYTHING, max_size=3)
SERIES = st.fixed_dictionaries(
    {},
    optional={
        "metric": st.dictionaries(st.sampled_from([*NAMES, "job"]), SCALARS) | ANYTHING,
        "value": PAIRS | ANYTHING,
        "values": st.lists(PAIRS, max_size=3) | ANYTHING,
    },
)


@given(st.lists(SERIES | ANYTHING, max_size=4))
def test_no_answer_is_read_as_a_value_that_cannot_be(result: list[Any]):
    """A value from here decides about calls; an exception would end the round of every fleet."""
    vector = read_vector(result, NAMES)
    rows = read_matrix(result, NAMES)
    groups = read_groups(result, NAMES)

    found = [*vector.values(), *(value for group in groups.values() for _, value in group)]
    found += [one for row in rows.values() for one in (row if isinstance(row, tuple) else (row,))]
    assert all(isinstance(one, Fault) or is_sane(one) for one in found)


def is_sane(point: Point) -> bool:
    """Say whether a value is finite and within the bounds, and dated with its zone."""
    return math.isfinite(point.value) and 0 <= point.value <= VALUE_MAX and bool(point.at.tzinfo)


def test_one_bad_series_leaves_the_others():
    """All fleets are in one answer; one exporter's mistake is one fleet's."""
    text = """[
      {"metric": {"namespace": "a", "fleet": "x"}, "value": [1767605400, "0.4"]},
      {"metric": {"namespace": "a", "fleet": "y"}, "value": [1767605400, "NaN"]},
      {"metric": {"namespace": "a", "fleet": "z"}, "value": "broken"},
      {"metric": {"namespace": "a"}, "value": [1767605400, "9"]}
    ]"""

    found = read_vector(json.loads(text), NAMES)

    assert {key[1]: str(getattr(one, "cause", one)) for key, one in found.items()} == {
        "x": str(found["a", "x"]),
        "y": "empty",
        "z": "parse",
    }
    point = found["a", "x"]
    assert isinstance(point, Point)
    assert point.value == 0.4
