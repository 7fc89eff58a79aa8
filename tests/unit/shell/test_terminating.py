"""A namespace is deleted with its fleet in it: nothing can be created any more, and all ends."""

import logging

import pytest

from support.cycles import NAMESPACE, Shell, a_fleet_body
from voicefleet.manifests import ObjectKey

CHILDREN = (
    ObjectKey("Service", NAMESPACE, "interviews-media"),
    ObjectKey("ServiceAccount", NAMESPACE, "interviews-agents"),
    ObjectKey("NetworkPolicy", NAMESPACE, "interviews-agents"),
)


async def test_what_a_terminating_namespace_refuses_is_one_line(caplog: pytest.LogCaptureFixture):
    """Deleting a namespace is no trouble; a warning for each child would look like it."""
    shell = Shell()
    await shell.apply(a_fleet_body())
    shell.cluster.terminate_namespace(NAMESPACE)
    caplog.set_level(logging.INFO)
    caplog.clear()

    for child in CHILDREN:
        shell.cluster.remove(child)
        await shell.settle(2)

    told = [record for record in caplog.records if "terminates" in record.getMessage()]
    assert [record.levelname for record in told] == ["INFO"]
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING] == []
