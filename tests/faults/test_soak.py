"""As many histories as one has time for, on a real API server, in pieces of any size.

    make soak-histories FIRST=1000 SEEDS=250      these seeds
    make soak-crashes FIRST=0 SEEDS=140           half of the lives with a crash after each write
    make soak-histories SECONDS_MAX=600           as many as begin in ten minutes

Each piece ends with one line: what was lived, what struck, how many cycles, and where the next
piece begins. Failures do not stop it; each is told at once with the command that repeats it.
"""

import asyncio
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from support.arena import Arena
from support.faults import Fault, FaultKind
from support.histories import (
    COMBINATIONS,
    History,
    Scenario,
    Verdict,
    crash_histories,
    history_of,
)
from support.references import References

PARTS = os.environ.get("VOICEFLEET_SOAK", "").split()
FIRST = int(os.environ.get("VOICEFLEET_SOAK_FIRST") or "-1")
COUNT = int(os.environ.get("VOICEFLEET_SOAK_COUNT") or "1000")
SECONDS = float(os.environ.get("VOICEFLEET_SOAK_SECONDS") or "inf")
BEGUN = time.monotonic()
"""The seconds are counted from here for all parts together."""

KEPT = Path(__file__).parents[2] / "build" / "soak"
"""Where what undisturbed lives end with is kept from piece to piece."""

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(4 * 3600),
    pytest.mark.skipif(not PARTS, reason="minutes, not seconds: run `make soak`"),
]

FIRST_SEED = 1000
"""Seeds below are those that every run of `make faults` repeats."""
AT_ONCE = 40
"""Lives under way. With more of them the API server, not the operator, is what is tested."""
CRASHING_AT_ONCE = CRASH_EVERY = 5
"""Lives under way that end the operator again and again, and writes between two crashes of one.
Five neighbours are one life, each with its crashes one write later, and most of their ends are
the same. A dozen lives ended the operator every three seconds for longer than a stage may take,
and a drain wants ten seconds of one operator's life."""
LONG_QUIET_EVERY = 20
"""Histories of which one is watched for a longer time."""
CALM_SHARE = 0.8
"""Of the time for histories that leave the operator alive: nine of ten."""
TOLD_EVERY = 20
"""Verdicts after which a line tells how far it is."""
STRUCK_MIN = 0.9
"""Share of the crashes ordered that must have struck. A process that begins anew may have less
to write than one that goes on, so a life may end before its last one."""


@pytest.mark.skipif("crashes" not in PARTS, reason="another part of `make soak`")
async def test_a_crash_after_every_single_write_converges(arena: Arena):
    """Every write of every scenario, for every combination of tiers, is the last one once."""
    arena.references = References(KEPT)
    lives = [History(scenario, tiers) for scenario in Scenario for tiers in COMBINATIONS]
    await arena.learn(lives, at_once=AT_ONCE)
    lengths = {life: arena.references.writes(life) for life in lives}
    every = [
        history
        for life, writes in lengths.items()
        for history in crash_histories(life.scenario, life.tiers, writes=writes, every=CRASH_EVERY)
    ]
    first = max(FIRST, 0)

    verdicts = await _live(arena, every[first : first + COUNT])

    _tell_sum(f"lives {first} to {first + len(verdicts)} of {len(every)}", arena, verdicts)
    ordered = sum(len(verdict.history.faults) for verdict in verdicts)
    struck = sum(len(verdict.fired) for verdict in verdicts)
    _tell(f"crashes: {struck} of {ordered} ordered; next: FIRST={first + len(verdicts)}")
    assert verdicts
    assert _failed(verdicts) == []
    assert struck >= STRUCK_MIN * ordered


@pytest.mark.skipif("histories" not in PARTS, reason="another part of `make soak`")
async def test_every_seed_converges(arena: Arena):
    """The bar is a thousand, and all of them."""
    first = FIRST if FIRST >= 0 else FIRST_SEED
    histories = [history_of(seed) for seed in range(first, first + COUNT)]

    verdicts = await _live(arena, histories)

    _tell_sum(f"seeds from {first}", arena, verdicts)
    _tell(f"next: FIRST={first + len(verdicts)}")
    assert verdicts
    assert _failed(verdicts) == []


async def _live(arena: Arena, histories: Sequence[History]) -> list[Verdict]:
    """Judge histories in their order until there is no time left; tell how far it is.

    Those that end the operator come after the others, up to where the others came.
    """
    arena.references = References(KEPT)
    await arena.learn(histories, at_once=AT_ONCE)
    begun, rest = asyncio.get_running_loop().time(), SECONDS - (time.monotonic() - BEGUN)
    tell = _Teller(arena)

    async def live(some: Sequence[History], seconds: float, *, at_once: int) -> list[Verdict]:
        until = begun + seconds
        return await arena.judge(
            some, at_once=at_once, long_quiet_every=LONG_QUIET_EVERY, until=until, tell=tell
        )

    calm = [history for history in histories if not history.strikes_all]
    if not calm:
        return await live(histories, rest, at_once=CRASHING_AT_ONCE)
    lived = await live(calm, rest * CALM_SHARE, at_once=AT_ONCE)
    reached = len(histories) if len(lived) == len(calm) else histories.index(calm[len(lived)])
    fatal = [history for history in histories[:reached] if history.strikes_all]
    return [*lived, *(await live(fatal, math.inf, at_once=AT_ONCE) if fatal else [])]


class _Teller:
    """Tells of each failure at once, and now and then how far it is."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._began = time.monotonic()
        self._lived = self._good = 0

    def __call__(self, verdict: Verdict) -> None:
        self._lived += 1
        self._good += not verdict.failures
        if verdict.failures:
            _tell(str(verdict))
        if self._lived % TOLD_EVERY == 0:
            seconds = time.monotonic() - self._began
            _tell(
                f"{self._lived} lived, {self._good} as they should; {self._arena.starts} "
                f"restarts, {seconds:.0f} s, {seconds / self._lived:.2f} s each"
            )


def _tell_sum(what: str, arena: Arena, verdicts: Sequence[Verdict]) -> None:
    arena.cycles.end(arena.operator)
    failed = sum(bool(verdict.failures) for verdict in verdicts)
    own = _count(fault for verdict in verdicts for fault in verdict.fired)
    shared = _count(fault for verdict in verdicts for fault in verdict.suffered)
    _tell(
        f"{what}: {len(verdicts)} histories, {failed} failed; struck: {own}; by others: {shared}; "
        f"{sum(verdict.writes for verdict in verdicts)} writes, {arena.cycles.full} full "
        f"reconciles, {arena.starts} restarts"
    )


def _count(faults: Iterable[Fault]) -> str:
    """Return how often each kind struck; a row of answers counts each of them."""
    struck = Counter(fault.kind for fault in faults)
    return ", ".join(f"{kind} {struck[kind]}" for kind in FaultKind if struck[kind]) or "nothing"


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _failed(verdicts: Iterable[Verdict]) -> list[str]:
    """Return what is wrong with the histories that did not end as they should."""
    return [str(verdict) for verdict in verdicts if verdict.failures]
