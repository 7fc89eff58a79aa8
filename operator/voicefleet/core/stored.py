"""Reads numbers out of what was remembered, which anybody may have edited.

A remembered value is one that we could have written, or it is nothing. Called by the parts of
`core` that remember.
"""

import math


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
