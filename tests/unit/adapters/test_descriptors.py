"""The limit of open connections, in a process of its own: a limit cannot be given back."""

import subprocess
import sys

SCRIPT = """
import logging, resource, socket
from voicefleet.adapters.descriptors import raise_descriptor_limit

logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(message)s")
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
hard = min(hard, 4096)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
allowed = raise_descriptor_limit()
sockets = [socket.socket() for _ in range(200)]
print(allowed == hard, resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard), len(sockets))
"""


def test_a_process_may_open_as_many_connections_as_its_system_allows():
    """1,000 workers are 1,000 connections, and the usual soft limit is 1,024."""
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False
    )

    assert ran.stdout.split() == ["True", "True", "200"], ran.stderr
    assert "DEBUG may open 4096 files and connections, the soft limit was 64" in ran.stderr
