"""What is remembered keeps its old objects where nothing has changed."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from voicefleet.core.stored import keep_equal

JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=12,
)


def test_a_part_that_is_equal_stays_the_object_it_was():
    """Reading is recalled by the address of what is read; an equal copy would be read again."""
    before = {"starts": [["a", 1, 30]], "trace": {"targets": [[1, 2]], "counts": [[1, 2]]}}
    after = {"starts": [["a", 1, 30]], "trace": {"targets": [[1, 2], [9, 3]], "counts": [[1, 2]]}}

    kept = keep_equal(before, after)

    assert kept["starts"] is before["starts"]
    assert kept["trace"]["counts"] is before["trace"]["counts"]
    assert kept["trace"]["targets"] is after["trace"]["targets"]


def test_nothing_that_is_gone_comes_back():
    """A pool that was taken out of the fleet must not be remembered for ever."""
    kept = keep_equal({"tts": {"settled": [1, 2]}, "stt": {}}, {"stt": {}})

    assert kept == {"stt": {}}


@given(JSON, JSON)
def test_what_is_kept_is_what_the_plan_wants_remembered(before: Any, after: Any):
    """Sparing work must not change a word of the ConfigMap."""
    kept = keep_equal(before, after)

    assert json.dumps(kept, sort_keys=True) == json.dumps(after, sort_keys=True)
