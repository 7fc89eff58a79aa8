"""Breaks the operator on purpose, in a dozen ways, and asks whether the histories notice.

    make mutants                                   all of them
    .venv/bin/python tests/faults/mutants.py NAME  one of them

A harness that lets a broken operator pass proves nothing about the sound one. Each mutant is a
copy of `operator/voicefleet` with a few lines exchanged. First it lives the histories in memory;
where those cannot see it, because the broken part is what speaks HTTP, it lives some on a real
API server. What the sound operator comes to there is learnt before.

Three are no match for a history: what they break is mended by the next news (a ReplicaSet's
controller tells of every leaver, and wakes the fleet as a second look would), or comes only if
two tasks of kopf change places. A unit test puts the news in that order.
"""

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from support.arena import Arena  # noqa: E402 - a script finds `support` beside its own folder
from support.chart import install_chart  # noqa: E402
from support.histories import (  # noqa: E402
    COMBINATIONS,
    History,
    Scenario,
    crash_histories,
    history_of,
)
from support.lives_in_memory import judge, written_after_lease_loss  # noqa: E402
from voicefleet_localcluster.cluster import LocalCluster  # noqa: E402
from voicefleet_localcluster.options import ClusterOptions  # noqa: E402

SOURCE = TESTS.parent / "operator" / "voicefleet"

PLAIN = COMBINATIONS[0]
IN_MEMORY = (
    *(History(scenario, PLAIN) for scenario in Scenario),
    History.parse("create plain: 409@write#5 503@write#9"),
    # Six conflicts in a row in the middle of a drain: what follows is nobody's event.
    History.parse("rollout plain: 409@write#38x6"),
    *crash_histories(Scenario.CREATE, PLAIN, writes=20, every=2),
    *(history_of(seed, tiers=(PLAIN,)) for seed in range(2)),
)
LEASE_LOST_AT = (2, 7, 12)
"""Writes after which the Lease is gone."""
ON_SERVER = (
    "create plain:",
    # The third event of a Service is the end of the one that somebody deletes.
    "drift plain: gone@services#3",
    "delete plain: kill@write#12",
    "rollout plain: lost@write#2",
    "again plain: late@voicefleets#9",
    "scale plain: stale@pods#9 stale@replicasets#9",
)
STAGE_SECONDS = 60.0
CONVERGE_SECONDS = 30.0
"""Half of what the tests allow: a mutant that is stuck stays so."""
RESYNC_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Edit:
    """One place of the source and what stands there instead."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """One way to be broken."""

    name: str
    edits: tuple[Edit, ...]
    is_in_memory: bool = True
    """Whether the broken part runs in the histories in memory."""
    unit_test: str = ""
    """The test that sees it where no history does, as pytest calls it, beside this folder."""

    def make(self, folder: Path) -> Path:
        """Copy the operator into a folder and break it there; returns what to import from."""
        root = folder / self.name
        shutil.copytree(SOURCE, root / "voicefleet", ignore=shutil.ignore_patterns("__pycache__"))
        for edit in self.edits:
            file = root / "voicefleet" / edit.path
            text = file.read_text()
            if text.count(edit.before) != 1:
                raise SystemExit(f"mutant {self.name}: {edit.path} has changed; adapt its lines")
            file.write_text(text.replace(edit.before, edit.after))
        return root


UNCHECKED = Edit(
    "core/safety.py",
    "    for step in plan.steps:\n        match step:\n            case ScaleChild():\n",
    "    for step in ():\n        match step:\n            case ScaleChild():\n",
)
"""The last look at a plan would catch some of them before a call is cut."""

MUTANTS = (
    Mutant(
        "finalizer_removed_early",
        (UNCHECKED, Edit("core/deletion.py", "    if not holders:\n", "    if True:\n")),
    ),
    Mutant(
        "no_settle_after_cordon",
        (
            UNCHECKED,
            Edit("core/removal.py", "SETTLE = timedelta(seconds=5)", "SETTLE = timedelta(0)"),
        ),
    ),
    Mutant(
        "blind_replicas",
        (
            UNCHECKED,
            Edit(
                "core/agents.py",
                "for worker in find_priced(workers.workers) if worker not in recall",
                "for worker in workers.workers if worker.is_cordoned and worker not in recall",
            ),
            Edit("core/agents.py", "    if hold:\n", "    if False:\n"),
        ),
    ),
    Mutant(
        "unknown_worker_counts_as_idle",
        (
            UNCHECKED,
            Edit(
                "core/workers.py",
                "is_fresh(now):\n        return Worker(pod, report, None)",
                "is_fresh(now):\n        return Worker(pod, report, 0)",
            ),
        ),
    ),
    Mutant(
        "status_before_children",
        (
            Edit(
                "shell/reconcile.py",
                "        remembered = {} if memory.is_resync_due else memory.refusals\n",
                "        early = self._planner.report(fleet, observed, Outcome(), cycle.now)\n"
                "        await self._around.reporter.report(cycle.body, early, memory,"
                " key=cycle.key)\n"
                "        remembered = {} if memory.is_resync_due else memory.refusals\n",
            ),
        ),
    ),
    Mutant(
        "no_retry_after_conflict",
        (
            Edit(
                "shell/reconcile.py",
                "        is_first = queue.failures(key) == 0\n",
                "        if isinstance(error, ConflictError):\n"
                "            return Ended.CONFLICT\n"
                "        is_first = queue.failures(key) == 0\n",
            ),
        ),
    ),
    Mutant(
        "no_retry_without_an_answer",
        (
            Edit(
                "shell/reconcile.py",
                "        is_first = queue.failures(key) == 0\n        pause = queue.retry(key)\n",
                "        is_first = queue.failures(key) == 0\n        pause = 0.0\n",
            ),
        ),
    ),
    Mutant(
        "lost_lease_ignored",
        (
            Edit(
                "shell/apply.py",
                "        if not self._may_write():\n            raise",
                "        if False:\n            raise",
            ),
        ),
    ),
    Mutant(
        "no_second_look_after_a_write",
        (Edit("shell/reconcile.py", "        if carried.done:\n", "        if False:\n"),),
        unit_test="unit/shell/test_reconcile.py",
    ),
    Mutant(
        "cache_trusted_after_410",
        (
            Edit(
                "adapters/kubernetes/informer.py",
                "        self._sink.retain(keys, version_of(page), self._namespace)\n",
                "",
            ),
        ),
        is_in_memory=False,
    ),
    Mutant(
        "late_news_accepted",
        (
            Edit(
                "adapters/kubernetes/cache.py",
                "    return known is not None and version <= known.version\n",
                "    return False\n",
            ),
        ),
        unit_test="unit/adapters/test_cache.py",
    ),
    Mutant(
        "successor_forgotten",
        (
            Edit(
                "adapters/kubernetes/cache.py",
                "        if self.uid_of(key) == uid:\n",
                "        if True:\n",
            ),
        ),
        unit_test="unit/handlers/test_fleets.py",
    ),
    Mutant(
        "retry_without_reading_again",
        (
            Edit(
                "adapters/kubernetes/cluster.py",
                "            cache.remember(manifest, fleet)\n",
                "            pass\n",
            ),
        ),
        is_in_memory=False,
    ),
    Mutant(
        "deletion_without_precondition",
        (
            Edit(
                "adapters/kubernetes/cluster.py",
                '{"preconditions": {"uid": uid}, "propagationPolicy"',
                '{"propagationPolicy"',
            ),
        ),
        is_in_memory=False,
    ),
)


def main() -> int:
    """Try the mutants that are named, or all; returns 1 where one was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="mutants; all where none is named")
    parser.add_argument("--live", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.live:
        return asyncio.run(live_in_memory())
    chosen = [one for one in MUTANTS if not options.names or one.name in options.names]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        caught = try_on_unit_tests([one for one in chosen if one.unit_test], Path(folder))
        others = [one for one in chosen if not one.unit_test]
        in_memory = [one for one in others if one.is_in_memory]
        if in_memory:
            caught += try_in_memory(in_memory, Path(folder))
        on_server = [one for one in others if not one.is_in_memory]
        if on_server:
            caught += asyncio.run(try_on_server(on_server, Path(folder)))
    say(f"{caught} of {len(chosen)} mutants caught")
    return 0 if caught == len(chosen) else 1


def try_on_unit_tests(mutants: Iterable[Mutant], folder: Path) -> int:
    """Run each mutant's own test, without and with it; returns how many were noticed."""
    return sum(tell(mutant, told_by_unit_test(mutant, folder)) for mutant in mutants)


def told_by_unit_test(mutant: Mutant, folder: Path) -> str:
    """Return the first test that fails with a mutant, or nothing."""
    if failed := first_failure(mutant.unit_test, SOURCE.parent):
        raise SystemExit(f"the sound operator fails: {failed}")
    return first_failure(mutant.unit_test, mutant.make(folder))


def first_failure(test: str, root: Path) -> str:
    """Return the first of these tests that fails with an operator from this folder."""
    imported_from = f"pythonpath={root} {TESTS}"
    command = [sys.executable, "-m", "pytest", "-qx", "--tb=no", "-rf", "-o", imported_from, test]
    ended = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, check=False)
    failed = (line for line in ended.stdout.splitlines() if line.startswith("FAILED"))
    return next(failed, "" if ended.returncode == 0 else ended.stderr or ended.stdout)


def try_in_memory(mutants: Iterable[Mutant], folder: Path) -> int:
    """Live the histories in memory with each mutant; returns how many failed, as they should.

    The sound operator goes first: where it fails, the others' failures say nothing.
    """
    told = told_by_life(SOURCE.parent)
    if told:
        raise SystemExit(f"the sound operator fails: {told}")
    caught = 0
    for mutant in mutants:
        told = told_by_life(mutant.make(folder))
        caught += tell(mutant, told)
    return caught


def told_by_life(root: Path) -> str:
    """Return the first failing history with an operator from this folder, or nothing."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, __file__, "--live"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode == 0:
        return ""
    return ended.stdout.strip() or ended.stderr.strip().splitlines()[-1]


async def live_in_memory() -> int:
    """Live the fixed histories with whatever operator is imported; tell of the first failure."""
    for history in IN_MEMORY:
        verdict = await judge(history)
        if verdict.failures:
            say(f"{verdict.history} | {verdict.failures[0]}")
            return 1
    for write in LEASE_LOST_AT:
        late = await written_after_lease_loss(History(Scenario.CREATE, PLAIN), at=write)
        if late:
            say(f"create plain, Lease lost after write {write} | {late[0]}")
            return 1
    return 0


async def try_on_server(mutants: Iterable[Mutant], folder: Path) -> int:
    """Live some histories on a real API server with each mutant as the operator."""
    histories = [History.parse(line) for line in ON_SERVER]
    options = ClusterOptions(
        name=f"mutants-{os.getpid()}", plain_nodes=4, pod_start_seconds=0.3, pod_stop_seconds=0.2
    )
    caught = 0
    with LocalCluster.start(options) as cluster:
        values = {"resyncSeconds": RESYNC_SECONDS}
        installed = install_chart(cluster, folder / "operator", values)
        async with Arena.open(cluster, installed, folder) as arena:
            # The sound operator has no more time than the others: where it is late, so are they.
            arena.stage_seconds, arena.converge_seconds = STAGE_SECONDS, CONVERGE_SECONDS
            if sound := await arena.find_failure(histories):
                raise SystemExit(f"the sound operator fails: {sound}")
            for mutant in mutants:
                os.environ["PYTHONPATH"] = str(mutant.make(folder))
                arena.kill_operator()
                first = await arena.find_failure(histories)
                reason = " ".join(first.failures[1:3]) if first else ""
                caught += tell(mutant, f"{first.history} | {reason}" if first else "")
    return caught


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def tell(mutant: Mutant, told: str) -> bool:
    """Print what became of a mutant; say whether it was caught."""
    line = f"caught by {told}" if told else "MISSED"
    say(f"{mutant.name:32} {line[:400]}")
    return bool(told)


if __name__ == "__main__":
    sys.exit(main())
