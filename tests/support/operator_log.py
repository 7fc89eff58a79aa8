"""What an operator that is killed again and again has said and done, over all its lives.

Its log is read once, piece by piece, and told apart by namespace; its count of cycles dies with
each process, so it is asked before every death. Used by `support.arena`.
"""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from support.oracles import faults_in_log
from voicefleet_localcluster.operator_process import OperatorProcess

ANSWER_SECONDS: Final = 2.0
"""How long a process may take to tell its figures before it is killed without them."""

RECORD: Final = re.compile(r"\d\d:\d\d:\d\d\.\d+ |\d{4}-\d\d-\d\dT|\{")
"""How a record begins; what begins otherwise goes on with the one before, as tracebacks do."""
NAMESPACE: Final = re.compile(r"\bfaults-\d+\b")
"""As `support.arena` names them."""
CYCLES: Final = re.compile(
    r'^voicefleet_operator_reconciliation_duration_seconds_count\{result="(\w+)"\} (\S+)',
    re.MULTILINE,
)
FULL: Final = ("quiet", "changed")
"""How a cycle ends that went all the way from observing to reporting."""
RECORD_LINES_MAX: Final = 40
"""Of one record that are kept: a traceback and what it is about."""


def tracebacks(log: str) -> list[str]:
    """Return each record with a traceback, whole, so that a failed test shows what it is about."""
    records: list[list[str]] = []
    for line in log.splitlines():
        if RECORD.match(line) or not records:
            records.append([])
        records[-1].append(line)
    return ["\n".join(record) for record in records if any("Traceback" in line for line in record)]


class LogReader:
    """Reads a log as it grows, and keeps what the operator blames itself for."""

    def __init__(self, file: Path) -> None:
        """Remember the file, which need not exist yet."""
        self._file = file
        self._position = 0
        self._rest = ""
        self._record: list[str] = []
        self._is_fault = False
        self._kept: defaultdict[str, list[str]] = defaultdict(list)

    def about(self, namespace: str) -> list[str]:
        """Return what has been said so far about one namespace."""
        self._read()
        return list(self._kept[namespace])

    def strays(self) -> list[str]:
        """Return what was said about no namespace at all since this was asked last."""
        self._read()
        return self._kept.pop("", [])

    def _read(self) -> None:
        if not self._file.exists():
            return
        with self._file.open(encoding="utf-8", errors="replace") as file:
            file.seek(self._position)
            text = self._rest + file.read()
            self._position = file.tell()
        *lines, self._rest = text.split("\n")
        for line in lines:
            if RECORD.match(line):
                self._record, self._is_fault = [], False
            self._record.append(line)
            self._keep(line)

    def _keep(self, line: str) -> None:
        """Keep a whole record that is a fault; its first line says whose it is."""
        found = NAMESPACE.search(self._record[0])
        kept = self._kept[found.group() if found else ""]
        if self._is_fault and len(self._record) <= RECORD_LINES_MAX:
            kept.append(line)
        elif not self._is_fault and faults_in_log([line]):
            self._is_fault = True
            kept += self._record


@dataclass(slots=True)
class CycleCount:
    """How many cycles all processes of an operator have run, at least."""

    by_result: Counter[str] = field(default_factory=Counter)

    def end(self, operator: OperatorProcess) -> None:
        """Add what a process has done that is about to end; one that is silent adds nothing."""
        try:
            text = operator.metrics(seconds=ANSWER_SECONDS)
        except httpx.HTTPError:
            return
        for result, count in CYCLES.findall(text):
            self.by_result[result] += int(float(count))

    @property
    def full(self) -> int:
        """Cycles that went all the way from observing to reporting."""
        return sum(self.by_result[result] for result in FULL)
