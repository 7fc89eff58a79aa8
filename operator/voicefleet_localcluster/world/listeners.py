"""Listening sockets that follow the pods: one for each address and port that a pod declares.

A socket of its own per pod instead of one for all: two clusters share the machine's loopback
interface, and a port nobody declared must refuse connections as it would on a real pod.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from voicefleet_localcluster.world.population import Population

logger = logging.getLogger(__name__)


class Listeners:
    """Opens and closes sockets until they are those that the population has."""

    def __init__(self, runners: Mapping[int, web.AppRunner], claim: tuple[str, int]) -> None:
        """Serve each port by its runner.

        Args:
            runners: What answers, by port.
            claim: An address and port that stay open, to say that this network is taken.
        """
        self._runners = runners
        self._claim = claim
        self._sites: dict[tuple[str, int], web.TCPSite] = {}
        self._wanted_changed = asyncio.Event()

    def look_again(self) -> None:
        """Say that pods came or went."""
        self._wanted_changed.set()

    async def open_claim(self) -> None:
        """Take the network, before anything else.

        Raises:
            OSError: Another cluster has it.
        """
        await self._open(self._claim)

    async def follow(self, population: Population) -> None:
        """Keep the sockets as the population wants them, for ever."""
        while True:
            await self._wanted_changed.wait()
            self._wanted_changed.clear()
            await self.settle(population)

    async def settle(self, population: Population) -> None:
        """Open and close what differs now; a socket that cannot be opened is only reported."""
        wanted = population.sockets() | {self._claim}
        for place in set(self._sites) - wanted:
            await self._close(place)
        for place in sorted(wanted - set(self._sites)):
            try:
                await self._open(place)
            except OSError as error:
                logger.warning("%s:%s cannot be opened: %s", *place, error)

    async def _open(self, place: tuple[str, int]) -> None:
        address, port = place
        site = web.TCPSite(self._runners[port], address, port)
        await site.start()
        self._sites[place] = site

    async def _close(self, place: tuple[str, int]) -> None:
        """Close a socket and the connections that came through it, as a dying pod does."""
        address, port = place
        await self._sites.pop(place).stop()
        server = self._runners[port].server
        for connection in server.connections if server else ():
            transport: Any = connection.transport
            if transport is not None and transport.get_extra_info("sockname")[0] == address:
                transport.abort()
