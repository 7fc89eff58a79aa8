"""A status on a CRD that is older than the operator."""

import asyncio
import logging

import pytest

from voicefleet.adapters.kubernetes.declared import (
    DeclaredFields,
    find_undeclared,
    without_fields,
)
from voicefleet.errors import RefusedError
from voicefleet.manifests import Manifest

STATUS: Manifest = {
    "observedGeneration": 3,
    "agents": {"replicas": 2, "graceSeconds": 60},
    "speech": [{"name": "tts", "gpu": 1}, {"name": "stt", "gpu": 2}],
    "draining": [],
}
REFUSAL = """failed to create typed patch object (hr/interviews; VoiceFleet): errors:
  .status.agents.graceSeconds: field not declared in schema
  .status.speech[name="tts"].gpu: field not declared in schema
  .status.draining: field not declared in schema"""


def test_a_refusal_names_the_fields():
    """The paths are the server's; ours have to be the same ones."""
    found = find_undeclared(REFUSAL)

    assert found == {("agents", "graceSeconds"), ("speech", "gpu"), ("draining",)}


def test_what_is_unknown_is_left_out_and_nothing_else():
    """Every other number is still true and wanted."""
    kept = without_fields(STATUS, find_undeclared(REFUSAL))

    assert kept == {
        "observedGeneration": 3,
        "agents": {"replicas": 2},
        "speech": [{"name": "tts"}, {"name": "stt"}],
    }


class OldServer:
    """An API server that names one unknown field at a time, as after a long list of them."""

    def __init__(self, *unknown: str) -> None:
        self.unknown = unknown
        self.calls = 0

    async def write(self, status: Manifest) -> Manifest:
        """Refuse the first unknown field, or store."""
        self.calls += 1
        for name in self.unknown:
            if name in status:
                told = f"errors: .status.{name}: field not declared in schema"
                raise RefusedError(told, status=500, reason="InternalError")
        return status


def test_a_status_is_stored_although_several_refusals_were_needed(caplog):
    """A long message is cut, so not every field is named at once."""
    server = OldServer("draining", "speech")

    with caplog.at_level(logging.WARNING):
        stored = asyncio.run(DeclaredFields().write(STATUS, server.write))

    assert set(stored) == {"observedGeneration", "agents"}
    assert server.calls == 3
    assert ["`status.draining`" in caplog.text, "docs/upgrading.md" in caplog.text] == [True, True]


def test_it_is_said_once_and_tried_in_whole_each_time(caplog):
    """A CRD can be upgraded while the operator runs; the log need not be full until then."""
    fields, server = DeclaredFields(), OldServer("draining")

    with caplog.at_level(logging.WARNING):
        asyncio.run(fields.write(STATUS, server.write))
        asyncio.run(fields.write(STATUS, server.write))
        server.unknown = ()
        stored = asyncio.run(fields.write(STATUS, server.write))

    assert stored == STATUS
    assert len(caplog.records) == 1


def test_any_other_refusal_stays_one():
    """Only what the schema lacks can be left out."""

    async def refuse(_: Manifest) -> Manifest:
        raise RefusedError("forbidden", status=403, reason="Forbidden")

    with pytest.raises(RefusedError, match="forbidden"):
        asyncio.run(DeclaredFields().write(STATUS, refuse))
