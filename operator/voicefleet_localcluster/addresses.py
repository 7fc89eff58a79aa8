"""Free ports, and the part of 127.0.0.0/8 that belongs to one cluster.

Linux answers at every address of 127.0.0.0/8, so pods get addresses of their own there and
two clusters stay apart by the second number. Which node gets which block is pure.
"""

import itertools
import random
import socket
from collections.abc import Collection

from voicefleet_localcluster.errors import LocalClusterError
from voicefleet_localcluster.options import Ports

PORT_RANGE = range(21000, 32000)
"""Below Linux' ephemeral ports (32768 and up): a process that is restarted later finds its
port still free, because no outgoing connection can have taken it."""
NETWORKS = range(64, 255)
"""Second numbers to choose from; resolvers and other software like 127.0.x and 127.1.x."""
DOORSTEP_PORT = 8081
"""Every world listens at 127.x.0.1 on this port, which tells other clusters that x is taken."""
BLOCKS = 15
"""Pods get their addresses from 127.x.16.0/20, 127.x.32.0/20 … 127.x.240.0/20 in turn; what is
below belongs to the nodes."""


def pod_block(network: int, number: int) -> str:
    """Return the addresses that kwok gives out in its run of this number, counted from 1.

    Each run gets another block of 4,094, because kwok does not look at the addresses that
    pods already have: from the same block it would give them out twice.
    """
    return f"127.{network}.{((number - 1) % BLOCKS + 1) * 16}.0/20"


def node_address(network: int, node: int) -> str:
    """Return a node's own address, which pods with hostNetwork share."""
    return f"127.{network}.1.{node}"


def doorstep(network: int) -> str:
    """Return the address at which a world claims its network."""
    return f"127.{network}.0.1"


def choose_ports() -> Ports:
    """Return ports on which nothing listens on loopback.

    Raises:
        LocalClusterError: There are not enough of them.
    """
    wanted = len(Ports.__dataclass_fields__)
    candidates = iter(random.sample(PORT_RANGE, len(PORT_RANGE)))
    free = list(itertools.islice(filter(_is_free, candidates), wanted))
    if len(free) < wanted:
        raise LocalClusterError(
            f"only {len(free)} of {wanted} ports are free between {PORT_RANGE.start} and "
            f"{PORT_RANGE.stop}",
            next_step="see what listens there with `ss -ltn`, or take other clusters down",
        )
    return Ports(*free)


def choose_network(taken: Collection[int]) -> int:
    """Return an x whose 127.x.0.0/16 no other cluster uses.

    Raises:
        LocalClusterError: Every one is used.
    """
    candidates = [network for network in NETWORKS if network not in taken]
    random.shuffle(candidates)
    for network in candidates:
        if _is_free(DOORSTEP_PORT, host=doorstep(network)):
            return network
    raise LocalClusterError(
        f"all {len(NETWORKS)} loopback networks 127.{NETWORKS.start}.0.0/16 to "
        f"127.{NETWORKS.stop - 1}.0.0/16 are used by other clusters",
        next_step="take one down: python -m voicefleet_localcluster down --name NAME",
    )


def _is_free(port: int, *, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
