"""`make bench`: what must be fast, measured, each figure beside its bar.

Without an argument everything runs; `planner` or `cluster` runs one part. It fails when a
bar is missed.
"""

import sys
from collections.abc import Callable, Iterator, Mapping

from rich.console import Console
from rich.table import Table

from voicefleet_workbench.bench_cluster import measure_cluster
from voicefleet_workbench.bench_planner import measure_planner
from voicefleet_workbench.figures import Figure

PARTS: Mapping[str, Callable[[], Iterator[Figure]]] = {
    "planner": measure_planner,
    "cluster": measure_cluster,
}
"""Every part by the word that chooses it. A new figure needs a bar and where it comes from."""


def main(chosen: list[str]) -> int:
    """Run the chosen parts and print their figures; return 1 when a bar is missed."""
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        print(f"bench: there is no part {unknown[0]!r}; choose from {', '.join(PARTS)}")
        return 2
    table = Table("measured", "ours", "bar", "", "the bar's reason")
    missed = []
    for name in chosen or PARTS:
        for figure in PARTS[name]():
            table.add_row(
                figure.name,
                f"{figure.value:.2f} {figure.unit}",
                f"{figure.bar:g} {figure.unit}",
                "✓" if figure.is_met else "✗",
                figure.because,
            )
            if not figure.is_met:
                missed.append(figure.name)
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    if missed:
        console.print(f"missed: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
