"""Reads numbers out of what was remembered, which anybody may have edited.

A remembered value is one that we could have written, or it is nothing. Called by the parts of
`core` that remember.
"""

import math
from typing import Any


def keep_equal(before: Any, after: Any) -> Any:
    """Return what is to be remembered, with the old object for each part that is still equal.

    Reading is remembered by the address of what is read, so parts that stay are not read again.
    """
    if before == after:
        return before
    if isinstance(before, dict) and isinstance(after, dict):
        return {name: keep_equal(before.get(name), part) for name, part in after.items()}
    return after


def read_whole(stored: object) -> int | None:
    """Return a whole number that is not negative; None for everything else, true included."""
    if isinstance(stored, bool) or not isinstance(stored, int) or stored < 0:
        return None
    return stored


def read_number(stored: object) -> float | None:
    """Return a finite number that is not negative; None for everything else."""
    if isinstance(stored, bool) or not isinstance(stored, int | float):
        return None
    if isinstance(stored, float) and not math.isfinite(stored):
        return None
    return stored if stored >= 0 else None
