"""Starting and stopping programs, and never somebody else's."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import pytest

from voicefleet_localcluster import processes
from voicefleet_localcluster.processes import Program


def a_program(folder: Path, *command: str) -> Program:
    """Return a program that is not running yet."""
    return Program(
        name=command[0],
        command=(str(shutil.which(command[0])), *command[1:]),
        log=folder / "logs" / "program.log",
        identity_file=folder / "program.json",
        environment=dict(os.environ),
        cluster="drift",
    )


@pytest.fixture
def sleeper(tmp_path: Path):
    """Return a program that sleeps, stopped after the test whatever happens."""
    program = a_program(tmp_path, "sleep", "60")
    yield program
    processes.stop([program.identity_file])


def test_a_started_program_is_found_until_it_is_stopped(sleeper: Program):
    """A second `up` finds what the first one started, in another process."""
    identity = processes.start(sleeper)

    assert processes.find(sleeper.identity_file) == identity
    assert processes.stop([sleeper.identity_file]) == 1
    assert processes.find(sleeper.identity_file) is None
    assert not Path(f"/proc/{identity.pid}").exists()


def test_a_process_with_the_number_of_ours_is_left_alone(sleeper: Program, tmp_path: Path):
    """After a reboot the number belongs to somebody else, who must not be killed."""
    identity = processes.start(sleeper)
    stranger = tmp_path / "stranger.json"
    written = json.loads(sleeper.identity_file.read_text())
    stranger.write_text(json.dumps({**written, "started": identity.started - 1}))

    assert processes.stop([stranger]) == 0
    assert processes.is_running(identity)


def test_a_program_that_does_not_listen_is_killed(tmp_path: Path):
    """The API server waits for its watches for as long as a minute."""
    deaf = a_program(tmp_path, "sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.05; done")
    identity = processes.start(deaf)
    while "deaf" not in processes.last_lines(deaf.log):
        assert processes.is_running(identity)

    processes.stop([deaf.identity_file], seconds=0.2)

    assert not processes.is_running(identity)


def test_a_program_that_ended_is_not_running_although_nobody_waited_for_it(tmp_path: Path):
    """It stays as a zombie until its parent asks; a heal must see that it is dead."""
    brief = a_program(tmp_path, "sh", "-c", "sleep 0.3; exit 3")

    identity = processes.start(brief)

    processes._wait_until_gone([identity], 5)
    assert processes.find(brief.identity_file) is None


def test_the_last_words_of_a_program_are_the_evidence(tmp_path: Path):
    """A step that failed shows why without anybody opening a log."""
    log = tmp_path / "a.log"
    log.write_text("".join(f"line {number}\n" for number in range(20)))
    program = a_program(tmp_path, "sleep", "1")

    error = processes.failure(dataclasses.replace(program, log=log), "ended")

    assert error.evidence[-1] == "line 19"
    assert len(error.evidence) == processes.LOG_LINES
    assert str(error).endswith("up --name drift")
