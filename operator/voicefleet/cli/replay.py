"""`voicefleet replay TAPE`: plan recorded cycles again and say where the plans differ.

The planner is pure, so on the version that recorded a tape nothing may differ. On another
version the differences are what an upgrade will change.
"""

from pathlib import Path

from voicefleet.adapters.tape import Take, read_tape
from voicefleet.planning import plan_fleet

DIFFERENT = 1
"""Exit code where at least one plan differs."""

SHOWN_MAX = 20
"""Differences printed; the count at the end is of all."""


def replay_tape(path: Path) -> int:
    """Print how many cycles were planned the same again, and the first that were not."""
    cycles = differences = 0
    for number, take in enumerate(read_tape(path), start=1):
        cycles += 1
        difference = find_difference(take)
        if difference:
            differences += 1
            if differences <= SHOWN_MAX:
                print(f"cycle {number}, {take.fleet} at {take.now:%H:%M:%S}: {difference}")
    print(f"{cycles - differences} of {cycles} cycles are planned the same again")
    return DIFFERENT if differences else 0


def find_difference(take: Take) -> str:
    """Return the first thing that is planned otherwise now; empty where nothing is."""
    again = plan_fleet(take.fleet, take.observed, take.now)
    if again == take.plan:
        return ""
    then = [step.because for step in take.plan.steps]
    now = [step.because for step in again.steps]
    for before, after in zip(then, now, strict=False):
        if before != after:
            return f"was: {before}; is: {after}"
    if len(then) != len(now):
        return f"{len(then)} steps then, {len(now)} now"
    return "the same steps, with other decisions or another memory"
