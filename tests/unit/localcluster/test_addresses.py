"""Addresses on loopback: everybody has one, and nobody has somebody else's."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicefleet_localcluster import addresses
from voicefleet_localcluster.options import NODES_MAX

NETWORKS = st.sampled_from(addresses.NETWORKS)


@given(network=NETWORKS, first=st.integers(1, 200), later=st.integers(1, addresses.BLOCKS - 1))
def test_the_next_runs_of_kwok_use_other_addresses(network: int, first: int, later: int):
    """A restarted kwok gives out addresses anew; running pods still have theirs."""
    one = ipaddress.ip_network(addresses.pod_block(network, first))
    other = ipaddress.ip_network(addresses.pod_block(network, first + later))

    assert not one.overlaps(other)


@given(network=NETWORKS, run=st.integers(1, 200), node=st.integers(1, NODES_MAX))
def test_no_pod_has_the_address_of_a_node(network: int, run: int, node: int):
    """Pods with hostNetwork answer at their node's address."""
    block = ipaddress.ip_network(addresses.pod_block(network, run))

    assert ipaddress.ip_address(addresses.node_address(network, node)) not in block
    assert ipaddress.ip_address(addresses.doorstep(network)) not in block


@given(one=NETWORKS, other=NETWORKS, run=st.integers(1, 200))
def test_two_clusters_share_no_address(one: int, other: int, run: int):
    """Tests run beside somebody's own cluster."""
    blocks = [ipaddress.ip_network(addresses.pod_block(network, run)) for network in (one, other)]

    assert blocks[0].overlaps(blocks[1]) == (one == other)


def test_a_network_whose_doorstep_is_taken_is_not_chosen():
    """Another person's cluster on the same machine has no record that we could read."""
    free = addresses.choose_network(())
    all_but_one = set(addresses.NETWORKS) - {free}

    with socket.socket() as theirs:
        theirs.bind((addresses.doorstep(free), addresses.DOORSTEP_PORT))
        theirs.listen()

        with pytest.raises(addresses.LocalClusterError, match="used by other clusters"):
            addresses.choose_network(all_but_one)


def test_chosen_ports_are_different_and_outside_the_ephemeral_range():
    """An outgoing connection must not take a port while its process is being restarted."""
    ports = addresses.choose_ports()

    numbers = [getattr(ports, name) for name in ports.__dataclass_fields__]
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) < 32768
