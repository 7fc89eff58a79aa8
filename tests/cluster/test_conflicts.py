"""One 409 on any write heals by itself.

kopf 1.45.2 stops reconciling an object after a single 409 on its own patch; this is the
named regression test for having all writes in our own hands.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from support.api import Api, Manifest, eventually
from support.cluster_fixtures import operator_for
from support.fault_proxy import FaultProxy
from support.faults import WRITE, Fault, FaultKind, Trouble
from support.manifests import a_fleet_manifest, is_settled, with_evaluation, with_speech
from support.operator_log import tracebacks
from voicefleet_localcluster.operator_process import OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

WRITES_OF_A_FLEET_MAX = 60
"""More writes than a fleet of all tiers needs from nothing to Ready; the test counts them."""

FLEETS_AT_ONCE = 9
"""A proxy in Python, an operator and an API server share two cores with the pods of these."""


@pytest.fixture(scope="module")
def proxied(
    installed, alone, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[FaultProxy, OperatorProcess]]:
    """Return an operator that reaches the API server through a proxy we control."""
    folder = tmp_path_factory.mktemp("proxied")
    with FaultProxy(installed.kubeconfig, folder) as proxy:
        behind = replace(installed, kubeconfig=proxy.kubeconfig)
        with operator_for(behind, identity="proxied") as operator:
            yield proxy, operator


def _fleet(namespace: str) -> Manifest:
    return with_evaluation(with_speech(a_fleet_manifest(namespace)))


def _shape(api: Api, namespace: str) -> list[tuple[str, str, int | None]]:
    """Return every child with its size; revisions differ, as each fleet's Secrets do."""
    return sorted(
        (kind, re.sub(r"-[0-9a-f]{8}$", "-revision", name), child.get("spec", {}).get("replicas"))
        for (kind, name), child in api.children(namespace).items()
        if child["metadata"].get("ownerReferences", [{}])[0].get("kind") == "VoiceFleet"
        and kind != "Secret"
    )


def _expect_healed(
    api: Api, namespace: str, wanted: list[tuple[str, str, int | None]], *, what: str
) -> None:
    try:
        eventually(f"{what} healed", lambda: not _problem(api, namespace, wanted), seconds=90)
    except AssertionError as error:
        raise AssertionError(_problem(api, namespace, wanted)) from error


def _problem(api: Api, namespace: str, wanted: list[tuple[str, str, int | None]]) -> str:
    """Say what still differs from the fleet that nobody disturbed; nothing once it is healed."""
    if not _ready(api, namespace):
        return str(api.get("VoiceFleet", namespace, "interviews").get("status"))
    shape = _shape(api, namespace)
    return "" if shape == wanted else f"{set(shape) ^ set(wanted)}"


def _ready(api: Api, namespace: str) -> bool:
    return is_settled(api.get("VoiceFleet", namespace, "interviews"))


@pytest.mark.timeout(600)
def test_a_conflict_on_any_single_write_converges(api: Api, proxied, new_namespace):
    """Every write of a fleet's first minute is answered with 409 once, one after another."""
    proxy, _ = proxied
    calm = new_namespace()
    api.create(_fleet(calm))
    eventually("Ready undisturbed", lambda: _ready(api, calm), seconds=40)
    wanted = _shape(api, calm)
    count = len(proxy.writes_in(calm))
    assert 10 < count < WRITES_OF_A_FLEET_MAX

    spoiled = 0
    for wave in batched_numbers(count):
        disturbed = {number: new_namespace() for number in wave}
        for number, namespace in disturbed.items():
            conflict = Fault(FaultKind.CONFLICT, WRITE, at=number)
            proxy.troubles[namespace] = Trouble((conflict,))
            api.create(_fleet(namespace))
        for number, namespace in disturbed.items():
            _expect_healed(api, namespace, wanted, what=f"write {number} of {count}")
            spoiled += len(proxy.troubles[namespace].fired)
            api.delete("VoiceFleet", namespace, "interviews")

    assert spoiled >= count - 2, "almost every write must have been spoiled once"


def batched_numbers(count: int) -> list[range]:
    """Return the write numbers 1..count in waves that two cores can carry."""
    starts = range(1, count + 1, FLEETS_AT_ONCE)
    return [range(start, min(start + FLEETS_AT_ONCE, count + 1)) for start in starts]


def test_the_operator_logs_no_traceback_for_a_conflict(proxied):
    """A conflict is ordinary; a traceback in the log is a page at night."""
    _, operator = proxied

    assert tracebacks(operator.log) == []
