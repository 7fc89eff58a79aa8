"""How the operator does with many fleets, beside a plain kopf operator under the same load.

    python -m voicefleet_workbench.scale --fleets 200 --pods 50      10,000 pods, most of an hour
    python -m voicefleet_workbench.scale --fleets 1000 --pods 2      memory and start

`make bench` runs it small. Each operator builds all fleets from nothing, rests, takes some
decisions one after the other, is restarted with nothing to do, and is started once more with
a change waiting in every fleet. Everything is measured from outside (see `scale_probe`).
"""

import argparse
import math
import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from voicefleet_workbench.figures import Figure, print_figures
from voicefleet_workbench.scale_bed import Bed, open_bed, say
from voicefleet_workbench.scale_load import ScaleSize, count_children
from voicefleet_workbench.scale_probe import (
    count_writes,
    explain_requests,
    find_quantile,
    read_cpu_seconds,
    read_cycles,
    read_megabytes,
)

QUIET_SAMPLE_SECONDS = 5.0
"""How long is looked at what an operator does anyway."""

SETTLE_SECONDS = 5.0
"""Until the last new pod is ready, marked, and shown in its fleet's status."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: how it is called, what is good, and why."""

    key: str
    name: str
    unit: str
    bar: float
    because: str


ROWS = (
    Row(
        "build",
        "children of {fleets} fleets with {pods} pods each",
        "s",
        math.inf,
        "the API server's limit",
    ),
    Row("build cpu", "processor time for it", "s", math.inf, ""),
    Row("build requests", "API requests per child built", "", 3, "look, apply, scale"),
    Row("memory", "resident memory at rest", "MB", 300, "at 1,000 fleets"),
    Row("memory peak", "resident memory, highest", "MB", math.inf, ""),
    Row("idle cpu", "processor share at rest", "cores", 0.3, "at 200 fleets of 50 pods"),
    Row("idle writes", "writes per minute at rest", "", 0, "a write is a change"),
    Row("idle reads", "other requests per minute", "", math.inf, ""),
    Row("decision p50", "decision carried out, P50", "ms", math.inf, ""),
    Row("decision p95", "decision carried out, P95", "ms", 500, "a cycle"),
    Row(
        "decision requests",
        "API requests per decision",
        "",
        5,
        "until its pod is ready and told of",
    ),
    Row("cycle p50", "cycle under decisions, P50", "ms", 500, "a fleet waits for others"),
    Row("cycle p99", "cycle under decisions, P99", "ms", 500, "a fleet waits for others"),
    Row("restart writes", "writes of an idle restart", "", 0, "caches come first"),
    Row("restart calm", "start, nothing changed, each looked at", "s", 60, "at 1,000 fleets"),
    Row("restart", "start, all fleets changed", "s", 60, "at 1,000 fleets"),
    Row("restart memory", "memory after that, highest", "MB", math.inf, ""),
    Row("ended", "times it ended by itself", "", 0, "a lost Lease is a restart"),
)
"""Every figure; the bars are those of the sizes named beside them."""


def measure_scale() -> Iterator[Figure]:
    """Yield the figures at the small size that `make bench` runs."""
    yield from compare(ScaleSize(), with_baseline=True)


def measure_crowd() -> Iterator[Figure]:
    """Yield the figures of one fleet that is as large as 50 others."""
    yield from compare(ScaleSize(fleets=1, pods=1000), with_baseline=False)


def compare(size: ScaleSize, *, with_baseline: bool) -> Iterator[Figure]:
    """Yield ours beside the baseline's."""
    ours = measure(size, is_baseline=False)
    theirs = measure(size, is_baseline=True) if with_baseline else {}
    for row in ROWS:
        name = row.name.format(fleets=size.fleets, pods=size.pods)
        yield Figure(
            name, ours[row.key], row.unit, row.bar, row.because, baseline=theirs.get(row.key)
        )


def measure(size: ScaleSize, *, is_baseline: bool) -> dict[str, float]:
    """Return the figures of one operator, by the key of their row."""
    who = "baseline" if is_baseline else "ours"
    with open_bed(size, is_baseline=is_baseline) as bed:
        found: dict[str, float] = {}
        for part in (measure_build, measure_rest, measure_decisions, measure_restart):
            say(f"{who}: {part.__name__}")
            found |= part(bed)
            say(f"{who}: {', '.join(f'{name} {value:.2f}' for name, value in found.items())}")
        return found | {"ended": bed.restarts}


def measure_build(bed: Bed) -> dict[str, float]:
    """Build every fleet from nothing."""
    bed.operator.start()
    began, cpu = time.monotonic(), read_cpu_seconds(bed.operator.pid)
    bed.create_fleets()
    bed.await_children()
    seconds = time.monotonic() - began
    used = read_cpu_seconds(bed.operator.pid) - cpu
    requests = bed.requests.read().total()
    say(f"children in {seconds:.0f} s, {used:.1f} s of processor time")
    bed.await_pods()
    say(f"pods after {time.monotonic() - began:.0f} s")
    bed.await_quiet()
    return {
        "build": seconds,
        "build cpu": used,
        "build requests": requests / count_children(bed.size).total(),
    }


def measure_rest(bed: Bed) -> dict[str, float]:
    """Let nothing happen."""
    pid = bed.operator.pid
    bed.requests.read()
    began, cpu = time.monotonic(), read_cpu_seconds(pid)
    time.sleep(bed.size.idle_seconds)
    seconds = time.monotonic() - began
    requests = bed.requests.read()
    writes = count_writes(requests)
    say(f"at rest: {explain_requests(requests)}")
    return {
        "memory": read_megabytes(pid),
        "memory peak": read_megabytes(pid, peak=True),
        "idle cpu": (read_cpu_seconds(pid) - cpu) / seconds,
        "idle writes": writes * 60 / seconds,
        "idle reads": (requests.total() - writes) * 60 / seconds,
    }


def measure_decisions(bed: Bed) -> dict[str, float]:
    """Change one fleet after the other; what the operator does anyway is not counted."""
    size = bed.size
    bed.requests.read()
    time.sleep(QUIET_SAMPLE_SECONDS)
    background = bed.requests.read().total() / QUIET_SAMPLE_SECONDS
    before = read_cycles(bed.operator.metrics())
    began, took = time.monotonic(), []
    for number in range(size.decisions):
        asked = time.monotonic()
        bed.grow_fleet(number % size.fleets)
        bed.await_growth(number % size.fleets)
        took.append((time.monotonic() - asked) * 1000)
    time.sleep(SETTLE_SECONDS)
    seen = bed.requests.read()
    say(f"decisions: {explain_requests(seen)}")
    requests = seen.total() - background * (time.monotonic() - began)
    cycles = read_cycles(bed.operator.metrics())
    cycles.subtract(before)
    cut = quantiles(took, n=20) if len(took) > 1 else took * 20
    return {
        "decision p50": cut[9],
        "decision p95": cut[18],
        "decision requests": requests / len(took),
        "cycle p50": find_quantile(cycles, 0.5) * 1000,
        "cycle p99": find_quantile(cycles, 0.99) * 1000,
    }


def measure_restart(bed: Bed) -> dict[str, float]:
    """Restart it with nothing to do, then with a change in every fleet."""
    bed.operator.stop()
    bed.requests.read()
    began = time.monotonic()
    bed.operator.start()
    bed.await_cycles()
    calm = time.monotonic() - began
    time.sleep(bed.size.idle_seconds)
    seen = bed.requests.read()
    say(f"restart: {explain_requests(seen)}")
    bed.operator.stop()
    for number in range(bed.size.fleets):
        bed.grow_fleet(number)
    began = time.monotonic()
    bed.operator.start()
    bed.await_all_growth()
    seconds = time.monotonic() - began
    peak = read_megabytes(bed.operator.pid, peak=True)
    return {
        "restart writes": count_writes(seen),
        "restart calm": calm,
        "restart": seconds,
        "restart memory": peak,
    }


def describe_machine() -> str:
    """Return what the figures were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "?")
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores of {model}, {pages:.0f} GiB, Python {platform.python_version()}, "
        f"load average {load:.1f} at the end; cluster and operator share the machine"
    )


def main(arguments: list[str]) -> int:
    """Measure at the size asked for; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    default = ScaleSize()
    parser.add_argument("--fleets", type=int, default=default.fleets)
    parser.add_argument("--pods", type=int, default=default.pods, help="pods of each fleet")
    parser.add_argument("--decisions", type=int, default=default.decisions)
    parser.add_argument("--idle-seconds", type=float, default=default.idle_seconds)
    parser.add_argument("--without-baseline", action="store_true")
    options = parser.parse_args(arguments)
    size = ScaleSize(options.fleets, options.pods, options.decisions, options.idle_seconds)
    code = print_figures(compare(size, with_baseline=not options.without_baseline))
    print(describe_machine())
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
