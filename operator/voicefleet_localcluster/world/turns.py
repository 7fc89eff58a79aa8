"""How long callers wait for an answer, as a worker's histogram shows it. Pure but for counting.

The curve of P95 over load is the simulator's, so that both tell of the same workers. Single turns
are log-normal around it, so that the histogram has a P95 and not one bar.
"""

import bisect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final

from voicefleet.api.metrics import LATENCY_BOUNDS_SECONDS
from voicefleet.sim.latency import ttfb_p95

BOUNDS: Final = LATENCY_BOUNDS_SECONDS
"""Upper bounds in seconds, those of the agent image's contract."""
SIGMA: Final = 0.4
"""Spread of single turns: the P95 of a log-normal is its median times e^(1.645 sigma)."""
Z_P95: Final = 1.645


@dataclass(slots=True)
class Turns:
    """The answered turns of one worker since it started."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total_seconds: float = 0.0

    def answer(self, load: float, random: Random, *, slow: float = 1.0) -> float:
        """Count one turn and return its seconds; `slow` stretches it as an outage would."""
        median = ttfb_p95(load) / 1000 / math.exp(Z_P95 * SIGMA)
        seconds = random.lognormvariate(math.log(median), SIGMA) * slow
        self.counts[bisect.bisect_left(BOUNDS, seconds)] += 1
        self.total_seconds += seconds
        return seconds

    def metrics(self, labels: Mapping[str, str]) -> str:
        """Return the Prometheus text of the histogram and of the turns' outcomes."""
        name = "voicefleet_turn_ttfb_seconds"
        own = "".join(f'{key}="{value}",' for key, value in labels.items())
        lines = [f"# TYPE {name} histogram"]
        running = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self.counts, strict=True):
            running += count
            lines.append(f'{name}_bucket{{{own}pipeline="cascade",le="{bound}"}} {running}')
        lines.append(f'{name}_sum{{{own}pipeline="cascade"}} {self.total_seconds}')
        lines.append(f'{name}_count{{{own}pipeline="cascade"}} {running}')
        lines.append("# TYPE voicefleet_turns_total counter")
        lines.append(f'voicefleet_turns_total{{{own}outcome="ok"}} {running}')
        return "\n".join(lines) + "\n"
