"""Whether the simulator tells the truth: a day on a local cluster beside the same day simulated.

`python -m voicefleet_workbench.twin [--unannounced] [--seed N] [--keep FILE]` records a day and
compares; `--again FILE` compares a day that was kept. Also a part of `make bench`.
"""

import argparse
import math
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from voicefleet.core.wording import count_of
from voicefleet_localcluster.layout import cache_folder
from voicefleet_localcluster.surge.calling import SEED
from voicefleet_workbench.figures import Figure, print_figures
from voicefleet_workbench.twin_live import record_day
from voicefleet_workbench.twin_recording import Recording, Tick
from voicefleet_workbench.twin_simulation import simulate_day

WITHIN: Final = 1
"""Workers by which a tick may differ."""

APART_PERCENT_MAX: Final = 5.0
"""Ticks that may differ by more, of all."""

QUANTILE_STEPS: Final = 20
"""The last of 20 parts begins at the P95."""

SHOWN_MAX: Final = 5
"""Stretches printed, the worst first."""

BEFORE_SECONDS: Final = 3.0
"""A difference begins with a decision that one side made a little earlier."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring ticks at which both days differ by more than is allowed."""

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
        """Say when, and by how much."""
        first, last = self.live[0], self.live[-1]
        ticks = count_of(len(self.live), "tick")
        return f"{first.at:.0f} to {last.at:.0f} s, {ticks}: by up to {self.worst:+d} workers"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same day live and simulated."""

    live: Recording
    simulated: Recording

    @property
    def apart_percent(self) -> float:
        """Ticks at which the wanted counts differ by more than is allowed."""
        return 100.0 * sum(_is_apart(*pair) for pair in self._pairs()) / len(self.live.ticks)

    @property
    def worst(self) -> int:
        """The largest difference of the wanted counts, in workers."""
        return max(abs(one.wanted - two.wanted) for one, two in self._pairs())

    def sessions_apart(self) -> list[int]:
        """Return by how many running sessions both days differ at each tick."""
        return [abs(one.sessions - two.sessions) for one, two in self._pairs()]

    def stretches(self) -> list[Stretch]:
        """Return where they differ, the worst first."""
        found = [
            list(pairs)
            for is_apart, pairs in groupby(self._pairs(), lambda pair: _is_apart(*pair))
            if is_apart
        ]
        stretches = [
            Stretch(tuple(one for one, _ in pairs), tuple(two for _, two in pairs))
            for pairs in found
        ]
        return sorted(stretches, key=lambda stretch: -abs(stretch.worst))

    def explain(self, stretch: Stretch) -> Iterator[str]:
        """Yield a stretch, and what either side decided last until its first tick was over."""
        yield str(stretch)
        until = stretch.live[0].at
        for name, day in (("live", self.live), ("simulated", self.simulated)):
            for at, told in day.decisions:
                if until - BEFORE_SECONDS <= at <= until:
                    yield f"    {at:7.2f} s  {name}: {told}"

    def _pairs(self) -> Iterator[tuple[Tick, Tick]]:
        return zip(self.live.ticks, self.simulated.ticks, strict=True)


def _is_apart(one: Tick, two: Tick) -> bool:
    return abs(one.wanted - two.wanted) > WITHIN


def compare(recording: Recording) -> Comparison:
    """Simulate a recorded day and put both beside each other."""
    return Comparison(recording, simulate_day(recording))


def measure_twin() -> Iterator[Figure]:
    """Record the demo's day, simulate it, and yield how far both are apart."""
    yield from _record(SEED, is_announced=True, keep=cache_folder() / "twin.json")


def _record(seed: int, *, is_announced: bool, keep: Path) -> Iterator[Figure]:
    recording = record_day(seed=seed, is_announced=is_announced)
    keep.parent.mkdir(parents=True, exist_ok=True)
    keep.write_text(recording.to_json())
    print(f"the recording is kept: {keep}")
    yield from _judge(recording)


def _judge(recording: Recording) -> Iterator[Figure]:
    comparison = compare(recording)
    for stretch in comparison.stretches()[:SHOWN_MAX]:
        print("\n".join(comparison.explain(stretch)))
    day = f"{len(recording.ticks)} ticks, {len(recording.callers)} callers, as it was live"
    yield Figure(
        f"ticks off by more than {count_of(WITHIN, 'worker')}",
        comparison.apart_percent, "%", APART_PERCENT_MAX, day,
    )  # fmt: skip
    yield Figure("worst tick", comparison.worst, "workers", math.inf, "")
    apart = statistics.quantiles(comparison.sessions_apart(), n=QUANTILE_STEPS)[-1]
    yield Figure("sessions apart, P95", apart, "", math.inf, "the same callers got through")


def main(arguments: Sequence[str]) -> int:
    """Record or read a day, and compare; return 1 when both are too far apart."""
    parser = argparse.ArgumentParser(prog="twin", description=__doc__)
    parser.add_argument("--unannounced", action="store_true", help="no SurgePlan tells of the day")
    parser.add_argument("--seed", type=int, default=SEED, help="of the callers")
    parser.add_argument(
        "--keep", type=Path, default=cache_folder() / "twin.json", help="file for the recording"
    )
    parser.add_argument("--again", type=Path, help="recording to compare, without a cluster")
    chosen = parser.parse_args(arguments)
    if chosen.again is not None:
        return print_figures(_judge(Recording.from_json(chosen.again.read_text())))
    return print_figures(
        _record(chosen.seed, is_announced=not chosen.unannounced, keep=chosen.keep)
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
