"""What a plan wants remembered: handed to the next one, and kept for the next process."""

import json
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from support.cycles import NAMESPACE, Shell, a_fleet_body, fleet_key_of
from voicefleet.errors import RefusedError, UnavailableError
from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Observed
from voicefleet.model.plan import Plan
from voicefleet.planning import plan_fleet
from voicefleet.shell.reconcile import Planner
from voicefleet.shell.remembering import CALM_SECONDS, TEXT_MAX, WRITE_INTERVAL_SECONDS

MEMORY = ObjectKey("ConfigMap", NAMESPACE, "interviews-memory")
STRIDE = 2.0
"""Seconds between two looks of a test whose time is minutes."""
MINUTE = timedelta(seconds=WRITE_INTERVAL_SECONDS + 1)


class Diarist:
    """Plans as the operator does, and wants remembered what a test says."""

    def __init__(self, **parts: Any) -> None:
        self.parts = parts
        self.recalled: list[Any] = []

    def plan(self, fleet: Fleet, observed: Observed, now: datetime) -> Plan:
        """Return the operator's own plan with these parts as its memory."""
        self.recalled.append(observed.memory)
        return replace(plan_fleet(fleet, observed, now), memory=self.parts or None)


async def a_shell(diarist: Diarist, stored: object = None) -> Shell:
    """Return an operator whose fleet stands, perhaps with a memory from before."""
    shell = Shell(Planner(plan=diarist.plan))
    await shell.apply(a_fleet_body())
    if stored is not None:
        await shell.settle(WRITE_INTERVAL_SECONDS + 5, step=STRIDE)
        text = stored if isinstance(stored, str) else json.dumps(stored)
        shell.cluster.edit(MEMORY, {"data": {"memory.json": text}})
        shell.start()
        diarist.recalled.clear()
    return shell


def kept(shell: Shell) -> Manifest:
    """Return what the ConfigMap holds."""
    return json.loads(shell.cluster.get(MEMORY)["data"]["memory.json"])


def writes_of_memory(shell: Shell) -> list[Any]:
    """Return the writes that went to the ConfigMap."""
    return [write for write in shell.cluster.writes if "memory" in str(write)]


async def test_the_next_plan_gets_what_the_last_one_wanted_remembered():
    """Forecasts and dead bands look back; the cycle itself has no yesterday."""
    diarist = Diarist(agents={"peak": 7})
    shell = await a_shell(diarist)

    await shell.cycle(fleet_key_of())

    assert diarist.recalled[0] == {}
    assert diarist.recalled[-1] == {"agents": {"peak": 7}}


async def test_a_part_replaces_its_own_and_leaves_the_others():
    """Each tier decides by itself, and not all of them in every cycle."""
    diarist = Diarist(agents={"peak": 7}, media={"spare": 1})
    shell = await a_shell(diarist)
    diarist.parts = {"agents": {"trough": 2}}

    await shell.cycle(fleet_key_of())
    await shell.cycle(fleet_key_of())

    assert diarist.recalled[-1] == {"agents": {"trough": 2}, "media": {"spare": 1}}


async def test_it_is_kept_in_a_child_of_the_fleet():
    """The garbage collector takes it with the fleet, and people find it by its labels."""
    shell = await a_shell(Diarist(agents={"peak": 7}))

    metadata = shell.cluster.get(MEMORY)["metadata"]

    assert kept(shell) == {"agents": {"peak": 7}}
    assert metadata["labels"]["voicefleet.dev/fleet"] == "interviews"
    assert metadata["ownerReferences"][0]["kind"] == "VoiceFleet"


async def test_the_same_again_is_not_written():
    """A fleet at rest costs no write, however long it rests."""
    shell = await a_shell(Diarist(agents={"peak": 7}))
    await shell.settle(5)
    shell.cluster.writes.clear()

    await shell.settle(3 * WRITE_INTERVAL_SECONDS, step=STRIDE)

    assert writes_of_memory(shell) == []


async def test_running_sums_wait_for_what_lasts():
    """A fleet whose calls neither grow nor fall rests for a quarter of an hour at a time."""
    diarist = Diarist(agents={"season": {"area": 1.0, "weeks": {"1": [4]}}})
    shell = await a_shell(diarist)
    shell.cluster.writes.clear()
    for area in range(2, 90):
        diarist.parts = {"agents": {"season": {"area": float(area), "weeks": {"1": [4]}}}}
        await shell.settle(STRIDE, step=STRIDE)
        await shell.cycle(fleet_key_of())
    during = writes_of_memory(shell)
    diarist.parts = {"agents": {"season": {"area": 90.0, "weeks": {"1": [4, 5]}}}}

    await shell.cycle(fleet_key_of())
    await shell.settle(WRITE_INTERVAL_SECONDS + 5, step=STRIDE)

    assert during == []
    assert kept(shell)["agents"]["season"] == {"area": 90.0, "weeks": {"1": [4, 5]}}


async def test_it_is_written_at_most_once_a_minute():
    """A busy fleet changes it in every cycle, and each write wakes every watcher."""
    diarist = Diarist(agents={"peak": 7})
    shell = await a_shell(diarist)
    shell.cluster.writes.clear()

    for peak in range(8, 40):
        diarist.parts = {"agents": {"peak": peak}}
        await shell.cycle(fleet_key_of())
        await shell.settle(4, step=STRIDE)

    assert len(writes_of_memory(shell)) == 2


async def test_what_waits_is_written_when_its_minute_is_over():
    """The last change before a quiet night must not be lost for want of another cycle."""
    diarist = Diarist(agents={"peak": 7})
    shell = await a_shell(diarist)
    diarist.parts = {"agents": {"peak": 8}}
    await shell.cycle(fleet_key_of())

    await shell.settle(WRITE_INTERVAL_SECONDS + 5, step=STRIDE)

    assert kept(shell) == {"agents": {"peak": 8}}


async def test_a_new_process_begins_with_what_was_kept():
    """A rolled operator must know last week's Monday."""
    diarist = Diarist(agents={"peak": 7})
    shell = await a_shell(diarist, stored={"agents": {"peak": 9}})

    await shell.cycle(fleet_key_of())

    assert diarist.recalled[0] == {"agents": {"peak": 9}}


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param("", id="nothing"),
        pytest.param("{", id="no JSON"),
        pytest.param("[]", id="no object"),
        pytest.param('{"agents": 7}', id="no parts"),
        pytest.param('{"agents": {"peak": NaN}}', id="not a number"),
        pytest.param('{"agents": {"peak": ' + "[" * 100_000, id="too deep"),
        pytest.param('{"agents": {"peak": "' + "x" * TEXT_MAX + '"}}', id="too long"),
    ],
)
async def test_a_broken_memory_is_lost_and_said(stored: str, caplog: pytest.LogCaptureFixture):
    """Somebody's edit must not stop a fleet; without memory it decides more carefully."""
    diarist = Diarist(agents={"peak": 7})
    shell = await a_shell(diarist, stored=stored)
    caplog.set_level(logging.INFO)

    ended = await shell.cycle(fleet_key_of())

    assert (ended, diarist.recalled[0]) == ("quiet", {})
    assert "ConfigMap/interviews-memory" in caplog.text
    assert "begun anew" in caplog.text


async def test_somebody_elses_change_is_not_repaired():
    """It is no child that anything depends on; the next change of ours writes it anyway."""
    shell = await a_shell(Diarist(agents={"peak": 7}))
    shell.cluster.edit(MEMORY, {"data": {"memory.json": "{}"}})

    await shell.settle(3 * WRITE_INTERVAL_SECONDS, step=STRIDE)

    assert kept(shell) == {}


async def test_an_orphan_gets_its_owner_back():
    """Without one it would outlive its fleet for ever."""
    shell = await a_shell(Diarist(agents={"peak": 7}))
    shell.cluster.edit(MEMORY, {"metadata": {"ownerReferences": None}})

    await shell.settle(2 * WRITE_INTERVAL_SECONDS, step=STRIDE)

    assert shell.cluster.get(MEMORY)["metadata"]["ownerReferences"][0]["name"] == "interviews"


async def test_it_is_no_leftover():
    """No tier renders it, and what no tier renders is otherwise deleted."""
    shell = await a_shell(Diarist(agents={"peak": 7}))

    await shell.settle(30, step=STRIDE)

    assert shell.cluster.get(MEMORY)


async def test_a_deleted_one_comes_back():
    """What the process knows is still true."""
    shell = await a_shell(Diarist(agents={"peak": 7}))
    shell.cluster.remove(MEMORY)

    await shell.settle(2 * WRITE_INTERVAL_SECONDS, step=STRIDE)

    assert kept(shell) == {"agents": {"peak": 7}}


async def test_too_much_is_not_written(caplog: pytest.LogCaptureFixture):
    """The API server would refuse it, and every watcher would carry it."""
    shell = await a_shell(Diarist(agents={"row": "x" * TEXT_MAX}))

    await shell.settle(30, step=STRIDE)

    assert MEMORY not in shell.cluster.children(fleet_key_of())
    assert f"{TEXT_MAX} kept" in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(RefusedError("no", status=403, reason="Forbidden"), id="refused"),
        pytest.param(UnavailableError("no answer"), id="no answer"),
    ],
)
async def test_a_write_that_fails_fails_nothing_else(error: Exception):
    """It makes decisions better, and calls do not depend on it."""
    diarist = Diarist(agents={"peak": 7})
    shell = await a_shell(diarist)
    diarist.parts = {"agents": {"peak": 8}}
    await shell.cycle(fleet_key_of())
    shell.cluster.fail_next("apply", error)
    shell.clock.advance(MINUTE)

    ended = await shell.cycle(fleet_key_of())

    assert ended == "quiet"
    assert kept(shell) == {"agents": {"peak": 7}}


async def test_a_new_fleets_memory_is_written_once_it_is_calm():
    """What is learnt while it comes about would be two writes, one of them when it is at rest."""
    diarist = Diarist(agents={"peak": 0})
    shell = Shell(Planner(plan=diarist.plan))
    shell.cluster.create(a_fleet_body())
    for peak in range(5):
        diarist.parts = {"agents": {"peak": peak}}
        await shell.settle(2)
    early = shell.cluster.exists(MEMORY)

    await shell.settle(CALM_SECONDS + 6, step=STRIDE)

    assert early is False
    assert kept(shell) == {"agents": {"peak": 4}}


async def test_a_paused_fleet_gets_no_write():
    """Paused means that no child is written at all."""
    diarist = Diarist(agents={"peak": 7})
    shell = await a_shell(diarist)
    shell.cluster.edit(fleet_key_of(), {"spec": {"paused": True}})
    await shell.settle(5)
    diarist.parts = {"agents": {"peak": 8}}
    shell.cluster.writes.clear()

    await shell.settle(2 * WRITE_INTERVAL_SECONDS, step=STRIDE)

    assert writes_of_memory(shell) == []
