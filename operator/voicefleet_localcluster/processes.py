"""Starting, finding and stopping long-running programs that outlive whoever started them.

A process is known by its number and the instant it started: the number alone may belong to
somebody else by the time we stop it. The kernel tells both in /proc.
"""

import json
import os
import signal
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from voicefleet_localcluster.errors import LocalClusterError

STOP_SECONDS = 4.0
"""The API server waits for open watches for up to a minute; nobody needs it to."""
POLL_SECONDS = 0.02
LOG_LINES = 8
LINE_WIDTH = 300


@dataclass(frozen=True, slots=True)
class Identity:
    """One process, never mistaken for a later one of the same number."""

    pid: int
    started: int
    """Clock ticks after boot, field 22 of /proc/PID/stat."""
    boot: str


@dataclass(frozen=True, slots=True)
class Program:
    """What is started, and where it writes."""

    name: str
    command: Sequence[str]
    log: Path
    identity_file: Path
    environment: Mapping[str, str]
    cluster: str
    """Whose process it is; named in what to do when it fails."""


def start(program: Program) -> Identity:
    """Start a program in a session of its own and remember which process it is.

    Not subprocess.Popen: that object wants to be waited for, and this process may be gone long
    before the program is.
    """
    program.log.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        program.command[0],
        list(program.command),
        dict(program.environment),
        setsid=True,
        setsigdef=[signal.SIGINT, signal.SIGPIPE],
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(program.log), flags, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    identity = _identify(pid)
    if identity is None:
        raise failure(program, "ended at once")
    program.identity_file.write_text(json.dumps(asdict(identity)))
    return identity


def find(identity_file: Path) -> Identity | None:
    """Return the process that a file names, if it is still that process and running."""
    try:
        identity = Identity(**json.loads(identity_file.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return identity if is_running(identity) else None


def is_running(identity: Identity) -> bool:
    """Say whether a process still runs; one that ended and waits for its parent does not."""
    _reap(identity.pid)
    return _identify(identity.pid) == identity


def stop(identity_files: Sequence[Path], *, seconds: float = STOP_SECONDS) -> int:
    """Stop the processes that these files name: ask all, wait, kill who is left; gone is fine.

    Returns:
        How many there were to stop.
    """
    running = [found for found in map(find, identity_files) if found is not None]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for identity in running:
            _signal(identity, number)
        if _wait_until_gone(running, seconds):
            break
    for identity_file in identity_files:
        identity_file.unlink(missing_ok=True)
    return len(running)


def last_lines(log: Path, count: int = LOG_LINES) -> tuple[str, ...]:
    """Return the end of a log file, the end of long lines only: there the error is."""
    try:
        with log.open(errors="replace") as lines:
            return tuple(line.rstrip()[-LINE_WIDTH:] for line in deque(lines, maxlen=count))
    except OSError:
        return ()


def failure(program: Program, what_happened: str) -> LocalClusterError:
    """Return the error that shows a program's last words."""
    command = "python -m voicefleet_localcluster"
    return LocalClusterError(
        f"{program.name} {what_happened}",
        evidence=last_lines(program.log),
        next_step=f"read {program.log}; to begin anew: {command} down --name {program.cluster} "
        f"&& {command} up --name {program.cluster}",
    )


def _signal(identity: Identity, number: signal.Signals) -> None:
    """Signal a process only if it still is the one that was meant."""
    if _identify(identity.pid) == identity:
        os.kill(identity.pid, number)


def _wait_until_gone(identities: Sequence[Identity], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(is_running(identity) for identity in identities):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _identify(pid: int) -> Identity | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field is the program's name in brackets and may contain anything.
    fields = stat.rpartition(")")[2].split()
    state, started = fields[0], int(fields[19])
    return None if state in "ZX" else Identity(pid, started, _boot())


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _reap(pid: int) -> None:
    """Take note of the end of a child of ours, so that it does not stay as a zombie."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
