"""Fault histories on fakes, in virtual time: what `make faults` lives, in a few seconds.

The fakes stand in for the API server in what the contract suites hold them to; lists, watches
and HTTP are not theirs, and are tried by `make faults` alone. VOICEFLEET_MEMORY_SEEDS says how
many seeds are lived, for `make soak`.
"""

import os
import sys
from collections.abc import Sequence

import pytest

from support.faults import WRITE, Fault, FaultKind
from support.histories import (
    COMBINATIONS,
    History,
    Scenario,
    Verdict,
    crash_histories,
    history_of,
)
from support.lives_in_memory import judge, written_after_lease_loss

SEEDS = int(os.environ.get("VOICEFLEET_MEMORY_SEEDS", "6"))
IS_SOAK = SEEDS > 100
QUICK_EVERY = 2
"""Writes between two crashes of one life; in a soak each life has one crash only."""
PLAIN, EVERYTHING = COMBINATIONS[0], COMBINATIONS[-1]

pytestmark = [pytest.mark.timeout(7200), pytest.mark.slow]


async def _judge(histories: Sequence[History]) -> list[Verdict]:
    verdicts = [await judge(history) for history in histories]
    failed = [str(verdict) for verdict in verdicts if verdict.failures]
    if IS_SOAK:
        cycles, faults = (
            sum(one.cycles for one in verdicts),
            sum(len(one.fired) for one in verdicts),
        )
        sys.stdout.write(
            f"{len(verdicts)} histories in memory, {len(verdicts) - len(failed)} as they should; "
            f"{faults} faults struck in {cycles} full reconciles\n"
        )
    if failed:
        pytest.fail("\n".join(failed), pytrace=False)
    return verdicts


async def test_histories_of_seeds_converge():
    """Most forgotten follow-ups show here already, a hundred times faster than on a server."""
    verdicts = await _judge([history_of(seed) for seed in range(SEEDS)])

    assert sum(len(verdict.fired) for verdict in verdicts) >= SEEDS


@pytest.mark.parametrize("scenario", Scenario)
async def test_a_crash_after_each_write_of_a_life_converges(scenario: Scenario):
    """Every write is the last one in one of these lives."""
    tiers = COMBINATIONS if IS_SOAK else (EVERYTHING,)
    lives = await _judge([History(scenario, chosen) for chosen in tiers])
    histories = [
        history
        for life in lives
        for history in crash_histories(
            scenario,
            life.history.tiers,
            writes=life.writes,
            every=life.writes if IS_SOAK else QUICK_EVERY,
        )
    ]

    verdicts = await _judge(histories)

    # A process that begins anew has less to write than one that goes on.
    crashes = sum(len(one.fired) for one in verdicts)
    assert crashes >= 0.9 * sum(life.writes for life in lives)


async def test_a_crash_is_the_end_of_the_operator_and_not_of_the_fleet():
    """A kill that does not kill would let every crash point pass."""
    killed = History(Scenario.CREATE, PLAIN, (Fault(FaultKind.KILL, WRITE, at=5),))

    verdict = await judge(killed)

    assert [fault.kind for fault in verdict.fired] == [FaultKind.KILL]
    assert verdict.writes > 5


@pytest.mark.parametrize("write", [2, 7, 12, 17])
async def test_no_child_is_written_once_the_lease_is_lost(write: int):
    """Somebody else may lead by then; a plan in the middle of its steps has to stop."""
    late = await written_after_lease_loss(History(Scenario.CREATE, PLAIN), at=write)

    assert late == []
