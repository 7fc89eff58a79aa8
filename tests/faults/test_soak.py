"""As many histories as one has time for: `make soak`, or `make soak SEEDS=200`.

One line per batch tells how far it is. Failures do not stop it; they are told at the end,
each with the command that repeats it, and the first ones cut down to what they need.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from support.arena import Arena
from support.faults import FaultKind
from support.histories import (
    COMBINATIONS,
    History,
    Scenario,
    Verdict,
    crash_histories,
    history_of,
    undisturbed,
)

SEEDS = int(os.environ.get("VOICEFLEET_SOAK_SEEDS", "0"))
FIRST_SEED = int(os.environ.get("VOICEFLEET_SOAK_FIRST_SEED", "1000"))

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(4 * 3600),
    pytest.mark.skipif(SEEDS == 0, reason="hours, not seconds: run `make soak`"),
]

AT_ONCE = 40
"""More than this and the API server, not the operator, is what is tested."""
LONG_QUIET_SECONDS = 20.0
"""A write that comes back later than the few seconds that other batches are watched."""
LONG_QUIET_EVERY = 10
"""Batches of which one is watched for that long."""
CUT_DOWN_MAX = 4
"""Failures that are cut down to their shortest; the rest mostly have the same cause."""
CRASH_EVERY = 5
"""Writes between two crashes of one life."""


async def test_soak_has_seeds():
    """`make soak SEEDS=0` would be green without having done anything."""
    assert SEEDS > 0


async def test_every_seed_converges(arena: Arena):
    """The bar is a thousand, and all of them."""
    histories = [history_of(seed) for seed in range(FIRST_SEED, FIRST_SEED + SEEDS)]

    verdicts = await _live_all(arena, histories)

    struck = Counter(fault.kind for verdict in verdicts for fault in verdict.fired)
    _tell("struck: " + ", ".join(f"{kind} {struck[kind]}" for kind in FaultKind))
    assert all(struck[kind] for kind in FaultKind)


async def test_a_crash_after_every_single_write_converges(arena: Arena):
    """Every write of every scenario, for every combination of tiers, is the last one once."""
    lives = [History(scenario, tiers) for scenario in Scenario for tiers in COMBINATIONS]
    lengths = {one.history: one.writes for one in await _live_all(arena, lives)}
    histories = [
        history
        for life in undisturbed(lives)
        for history in crash_histories(
            life.scenario, life.tiers, writes=lengths[life], every=CRASH_EVERY
        )
    ]

    verdicts = await _live_all(arena, histories)

    crashes = sum(len(verdict.fired) for verdict in verdicts)
    _tell(f"crashes: {crashes}, of {sum(lengths.values())} writes in {len(lengths)} lives")
    assert crashes >= sum(lengths.values()) * 0.9


async def _live_all(arena: Arena, histories: Sequence[History]) -> list[Verdict]:
    """Judge every history and tell how far it is; fail at the end with all that failed."""
    began, starts = time.monotonic(), arena.starts
    verdicts: list[Verdict] = []
    for number, batch in enumerate(_batches(histories)):
        is_long = number % LONG_QUIET_EVERY == LONG_QUIET_EVERY - 1
        quiet = LONG_QUIET_SECONDS if is_long else 3.0
        verdicts += await arena.judge(batch, quiet_seconds=quiet, at_once=AT_ONCE)
        good = sum(not verdict.failures for verdict in verdicts)
        faults = sum(len(verdict.fired) for verdict in verdicts)
        _tell(
            f"{len(verdicts)} of {len(histories)} lived, {good} as they should; {faults} faults "
            f"struck, {arena.starts - starts} restarts, {time.monotonic() - began:.0f} s"
        )
        for verdict in verdicts[-len(batch) :]:
            if verdict.failures:
                _tell(str(verdict))
    await _fail_with(arena, [verdict for verdict in verdicts if verdict.failures])
    return verdicts


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _fail_with(arena: Arena, failed: Sequence[Verdict]) -> None:
    if failed:
        shortest = [str(await arena.shrink(verdict)) for verdict in failed[:CUT_DOWN_MAX]]
        told = "\n".join(map(str, failed))
        pytest.fail(f"{told}\n\ncut down:\n" + "\n".join(shortest), pytrace=False)


def _batches(histories: Sequence[History]) -> Iterator[Sequence[History]]:
    for start in range(0, len(histories), AT_ONCE):
        yield histories[start : start + AT_ONCE]
