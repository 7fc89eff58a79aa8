"""How often Python looks for objects that only refer to each other. Called once, at the start.

Almost everything here is freed at once, because its last reference goes. The collector finds
the rest by walking over every live object, and caches of 1,000 fleets and polls of thousands
of workers are a million of them. As Python is set up, that took half of the processor time of
an operator at rest (0.74 of a core with 8,000 workers, 0.34 like this), and each walk held up
every cycle for as long as it lasted.
"""

import gc

GENERATIONS = (10_000, 5, 1_000)
"""Surviving objects before the youngest ones are looked at (Python's own number is 700), and how
many such looks make one at the older ones (Python: 10 and 10). Memory at rest is the same.

The middle number says how long one look holds up every cycle: 50,000 objects are some 20 ms.
With 50 instead of 5 it was 0.9 s on a busy machine while 10,000 pods came. The last one keeps
looks at everything as seldom as they were."""


def relax_garbage_collector() -> None:
    """Leave what has been imported alone for ever, and look for garbage more seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GENERATIONS)
