"""Whether the simulator tells the truth: a day on a local cluster beside the same day simulated.

`python -m voicefleet_workbench.twin [--announced] [--seed N] [--keep FILE]` records a day and
compares; `--again FILE` compares a day that was kept. Also a part of `make bench`.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from voicefleet_localcluster.surge.calling import SEED
from voicefleet_workbench.figures import Figure, print_figures
from voicefleet_workbench.twin_live import record_day
from voicefleet_workbench.twin_recording import Recording, Tick
from voicefleet_workbench.twin_simulation import simulate_day

WITHIN: Final = 1
"""Workers by which a tick may differ."""

APART_PERCENT_MAX: Final = 5.0
"""Ticks that may differ by more, of all."""

SHOWN_MAX: Final = 5
"""Stretches printed, the worst first."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring ticks at which both differ by more than is allowed."""

    live: tuple[Tick, ...]
    simulated: tuple[Tick, ...]

    @property
    def worst(self) -> int:
        """The largest difference, in workers; positive where the simulator wants more."""
        return max(
            (two.wanted - one.wanted for one, two in zip(self.live, self.simulated, strict=True)),
            key=abs,
        )

    def __str__(self) -> str:
        """Say when, by how much, and with how many sessions on either side."""
        first, last = self.live[0], self.live[-1]
        return (
            f"{first.at:.0f} to {last.at:.0f} s: by up to {self.worst:+d} workers "
            f"(live {first.wanted}→{last.wanted} at {first.sessions}→{last.sessions} sessions, "
            f"simulated {self.simulated[0].wanted}→{self.simulated[-1].wanted} at "
            f"{self.simulated[0].sessions}→{self.simulated[-1].sessions})"
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both days, tick by tick."""

    live: tuple[Tick, ...]
    simulated: tuple[Tick, ...]

    @property
    def apart_percent(self) -> float:
        """Ticks at which the wanted counts differ by more than is allowed."""
        return 100.0 * sum(map(_is_apart, self.live, self.simulated)) / len(self.live)

    @property
    def worst(self) -> int:
        """The largest difference of the wanted counts, in workers."""
        return max(
            abs(one.wanted - two.wanted) for one, two in zip(self.live, self.simulated, strict=True)
        )

    def stretches(self) -> list[Stretch]:
        """Return where they differ, the worst first."""
        found: list[list[tuple[Tick, Tick]]] = [[]]
        for one, two in zip(self.live, self.simulated, strict=True):
            if _is_apart(one, two):
                found[-1].append((one, two))
            elif found[-1]:
                found.append([])
        stretches = [
            Stretch(tuple(one for one, _ in pairs), tuple(two for _, two in pairs))
            for pairs in found
            if pairs
        ]
        return sorted(stretches, key=lambda stretch: -abs(stretch.worst))


def _is_apart(one: Tick, two: Tick) -> bool:
    return abs(one.wanted - two.wanted) > WITHIN


def compare(recording: Recording) -> Comparison:
    """Simulate a recorded day and put both beside each other."""
    return Comparison(recording.ticks, simulate_day(recording))


def measure_twin() -> Iterator[Figure]:
    """Record a day that nobody announced, simulate it, and yield how far both are apart."""
    yield from _judge(record_day())


def _judge(recording: Recording) -> Iterator[Figure]:
    comparison = compare(recording)
    for stretch in comparison.stretches()[:SHOWN_MAX]:
        print(stretch)
    ticks = f"{len(comparison.live)} ticks, {len(recording.callers)} callers"
    yield Figure(
        f"ticks off by more than {WITHIN} worker", comparison.apart_percent, "%",
        APART_PERCENT_MAX, f"simulated as it was live: {ticks}",
    )  # fmt: skip
    yield Figure("worst tick", comparison.worst, "workers", float("inf"), "")


def main(arguments: Sequence[str]) -> int:
    """Record or read a day, and compare; return 1 when both are too far apart."""
    parser = argparse.ArgumentParser(prog="twin", description=__doc__)
    parser.add_argument("--announced", action="store_true", help="a SurgePlan tells of the day")
    parser.add_argument("--seed", type=int, default=SEED, help="of the callers")
    parser.add_argument("--keep", type=Path, help="file to write the recording to")
    parser.add_argument("--again", type=Path, help="recording to compare, without a cluster")
    chosen = parser.parse_args(arguments)
    if chosen.again is not None:
        recording = Recording.from_json(chosen.again.read_text())
    else:
        recording = record_day(seed=chosen.seed, is_announced=chosen.announced)
    if chosen.keep is not None:
        chosen.keep.write_text(recording.to_json())
    return print_figures(_judge(recording))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
