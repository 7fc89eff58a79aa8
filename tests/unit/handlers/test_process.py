"""What a replica that stops leaves in its log: nothing that sends somebody looking."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from voicefleet.handlers.process import excuse_abandoned_streams

STREAMS = 40
"""The loop closes generators in no order; of so many, some go before what they are nested in."""


@asynccontextmanager
async def block() -> AsyncIterator[None]:
    """What a stream is read within."""
    try:
        yield
    finally:
        await asyncio.sleep(0)


async def stream() -> AsyncIterator[int]:
    """Read without an end, as a watch is."""
    while True:
        async with block():
            yield 1


def abandon_streams(*, is_excused: bool) -> None:
    """Run a loop that ends while streams are open which nobody reads any more."""
    streams = [stream() for _ in range(STREAMS)]

    async def begin_and_stop() -> None:
        for each in streams:
            await anext(each)
        if is_excused:
            asyncio.get_running_loop().set_exception_handler(excuse_abandoned_streams)

    asyncio.run(begin_and_stop())


@pytest.mark.parametrize("is_excused", [True, False])
def test_streams_that_kopf_abandons_leave_no_traceback(
    caplog: pytest.LogCaptureFixture, is_excused: bool
):
    """Without the excuse there is one: the test would notice if the loop closed them in order."""
    with caplog.at_level(logging.ERROR, logger="asyncio"):
        abandon_streams(is_excused=is_excused)

    assert ("an error occurred during closing" in caplog.text) is not is_excused


async def test_any_other_fault_is_still_logged(caplog: pytest.LogCaptureFixture):
    """Only what is known to be harmless is excused."""
    with caplog.at_level(logging.ERROR, logger="asyncio"):
        excuse_abandoned_streams(
            asyncio.get_running_loop(), {"message": "a task was lost", "exception": ValueError()}
        )

    assert "a task was lost" in caplog.text
