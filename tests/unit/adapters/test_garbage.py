"""The garbage collector, in a process of its own: its settings belong to the whole process."""

import subprocess
import sys

SCRIPT = """
import gc, weakref
from voicefleet.adapters.garbage import GENERATIONS, relax_garbage_collector

class Loop:
    def __init__(self):
        self.me = self

relax_garbage_collector()
forgotten = [weakref.ref(Loop()) for _ in range(3 * GENERATIONS[0])]
freed = sum(one() is None for one in forgotten)
print(gc.get_threshold() == GENERATIONS, gc.get_freeze_count() > 1000, freed >= GENERATIONS[0])
"""


def test_garbage_is_still_found_but_not_looked_for_all_the_time():
    """A collector that is switched off would let memory grow for ever; ours walks seldom."""
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False
    )

    assert ran.stdout.split() == ["True", "True", "True"], ran.stderr
