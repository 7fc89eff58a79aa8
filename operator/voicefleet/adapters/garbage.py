"""How often Python looks for objects that only refer to each other. Called once, at the start.

Almost everything here is freed at once, because its last reference goes. The collector finds
the rest by walking over every live object, and caches of 1,000 fleets and polls of thousands
of workers are a million of them. As Python is set up, that took half of the processor time of
an operator at rest (0.74 of a core with 8,000 workers, 0.34 like this), and each walk held up
every cycle for as long as it lasted.
"""

import gc

GENERATIONS = (10_000, 50, 100)
"""Surviving objects before the youngest ones are looked at (Python's own number is 700), and how
many such looks make one at the older ones (Python: 10 and 10). Memory at rest is the same."""


def relax_garbage_collector() -> None:
    """Leave what has been imported alone for ever, and look for garbage more seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GENERATIONS)
