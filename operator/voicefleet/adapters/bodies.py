"""Reads no more of an answer than was agreed, from peers that run code which is not ours."""

import aiohttp

from voicefleet.errors import UnavailableError


async def read_body(response: aiohttp.ClientResponse, *, limit: int) -> bytes:
    """Return the body of a successful answer.

    Raises:
        UnavailableError: The status is not 200, or the body is longer than the limit.
    """
    if response.status != 200:  # noqa: PLR2004 - the one status these endpoints answer with
        raise UnavailableError(f"{response.url} answered {response.status} where 200 was agreed")
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise UnavailableError(f"{response.url} answered more than {limit} bytes, the limit")
    return bytes(body)


def host_of(ip: str) -> str:
    """Return an address as it stands in a URL."""
    return f"[{ip}]" if ":" in ip else ip
