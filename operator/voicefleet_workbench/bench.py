"""`make bench`: what must be fast, measured, each figure beside its bar.

Without an argument everything runs; `planner`, `decide`, `cluster`, `live`, `twin`, `scale` or
`crowd` runs one part. It fails when a bar is missed. `scale` is small here, beside the baseline;
`crowd` is one fleet of 1,000 pods. `python -m voicefleet_workbench.scale` takes sizes.
"""

import sys
from collections.abc import Callable, Iterator, Mapping

from voicefleet_workbench.bench_cluster import measure_cluster
from voicefleet_workbench.bench_decide import measure_decision
from voicefleet_workbench.bench_live import measure_live
from voicefleet_workbench.bench_planner import measure_planner
from voicefleet_workbench.figures import Figure, print_figures
from voicefleet_workbench.scale import measure_crowd, measure_scale
from voicefleet_workbench.twin import measure_twin

PARTS: Mapping[str, Callable[[], Iterator[Figure]]] = {
    "planner": measure_planner,
    "decide": measure_decision,
    "cluster": measure_cluster,
    "live": measure_live,
    "twin": measure_twin,
    "scale": measure_scale,
    "crowd": measure_crowd,
}
"""Every part by the word that chooses it. A new figure needs a bar and where it comes from."""


def main(chosen: list[str]) -> int:
    """Run the chosen parts and print their figures; return 1 when a bar is missed."""
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        print(f"bench: there is no part {unknown[0]!r}; choose from {', '.join(PARTS)}")
        return 2
    return print_figures(figure for name in chosen or PARTS for figure in PARTS[name]())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
