"""What can be read of a running operator from outside: processor time, memory, cycles, requests.

The same for ours and for the baseline: /proc, the histogram on /metrics, the audit log.
"""

import json
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from voicefleet_workbench.figures import CYCLE_METRIC

TICKS = os.sysconf("SC_CLK_TCK")
BUCKET = re.compile(rf"^{CYCLE_METRIC}_bucket{{(.*?)}} (\S+)$", re.MULTILINE)
EDGE = re.compile(r'le="([^"]+)"')

UNCOUNTED = frozenset({"", "leases"})
"""Discovery, and the Lease that only ours has: one request in 2 s, whatever the load."""

FIRST_ERROR = 400

WRITES = frozenset({"create", "update", "patch", "delete"})


def read_cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def read_megabytes(pid: int, *, peak: bool = False) -> float:
    """Return the resident memory of a process, now or at its highest."""
    name = "VmHWM:" if peak else "VmRSS:"
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def read_cycles(metrics: str) -> Counter[float]:
    """Return how many cycles took no longer than each edge (seconds), over all results."""
    cycles: Counter[float] = Counter()
    for names, value in BUCKET.findall(metrics):
        edge = EDGE.search(names)
        if edge is not None:
            cycles[float(edge[1])] += int(float(value))
    return cycles


def find_quantile(cycles: Counter[float], share: float) -> float:
    """Return the time that this share of cycles kept to, straight between two edges."""
    edges = sorted(cycles)
    total = cycles[edges[-1]] if edges else 0
    if not total:
        return 0.0
    wanted, below, lower = total * share, 0, 0.0
    for edge in edges:
        if cycles[edge] >= wanted:
            if edge == float("inf"):
                return lower
            return lower + (edge - lower) * (wanted - below) / max(1, cycles[edge] - below)
        below, lower = cycles[edge], edge
    return lower


@dataclass(frozen=True, slots=True, order=True)
class Request:
    """What a request was about, as the audit log has it."""

    verb: str
    resource: str
    code: int

    @property
    def is_write(self) -> bool:
        """Whether it may have changed something; a create of what exists has not."""
        return self.verb in WRITES and self.code < FIRST_ERROR

    def __str__(self) -> str:
        return f"{self.verb} {self.resource} {self.code}"


@dataclass(slots=True)
class Requests:
    """Counts a user's requests in the audit log, from one reading to the next."""

    log: Path
    user: str
    _offset: int = field(default=0, init=False)

    def read(self) -> Counter[Request]:
        """Return the requests since the last reading; watches and Leases left out."""
        found: Counter[Request] = Counter()
        mark = f'"{self.user}"'.encode()
        with self.log.open("rb") as lines:
            lines.seek(self._offset)
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                request = parse_request(line, self.user) if mark in line else None
                if request is not None:
                    found[request] += 1
        return found


def parse_request(line: bytes, user: str) -> Request | None:
    """Return one request of a user, or None where it does not count."""
    event = json.loads(line)
    about = event.get("objectRef", {})
    resource = "/".join(filter(None, (about.get("resource"), about.get("subresource"))))
    if event["user"]["username"] != user or event["verb"] == "watch" or resource in UNCOUNTED:
        return None
    return Request(event["verb"], resource, event.get("responseStatus", {}).get("code", 0))


def count_writes(requests: Counter[Request]) -> int:
    """Return how many requests may have changed something."""
    return sum(count for request, count in requests.items() if request.is_write)


def explain_requests(requests: Counter[Request]) -> str:
    """Return the requests by kind, most first."""
    return ", ".join(f"{count} {request}" for request, count in requests.most_common(12))
