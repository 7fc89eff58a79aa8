"""From a stored object to a fleet, whatever state the object is in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.cycles import Shell, a_fleet_body
from voicefleet.errors import SpecError
from voicefleet.manifests import Manifest
from voicefleet.settings import Platform
from voicefleet.shell.fleets import LONGEST_CALL_SECONDS, is_within_limit, make_fleet

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def leaving(spec: object) -> Manifest:
    """Return a fleet that is being deleted, with any spec at all."""
    body = a_fleet_body()
    metadata = {**body["metadata"], "uid": "uid-1", "deletionTimestamp": "2026-01-05T09:30:00Z"}
    return {**body, "metadata": metadata, "spec": spec}


def a_body(name: str, created: str) -> Manifest:
    """Return a fleet of some age."""
    return {"metadata": {"name": name, "namespace": "voice", "creationTimestamp": created}}


def test_a_broken_manifest_is_refused_while_the_fleet_is_wanted():
    """Its author has to mend it; guessing what was meant could end calls."""
    body = a_fleet_body(agents={"image": 5})

    with pytest.raises(SpecError, match="image"):
        make_fleet(body, Platform(), secret_suffix="00000000")


@given(
    agents=JSON_VALUES | st.fixed_dictionaries({"maxSessionSeconds": JSON_VALUES}),
    policy=JSON_VALUES,
)
def test_a_fleet_that_is_deleted_can_always_be_parsed(agents: object, policy: object):
    """Otherwise it would keep our finalizer for ever, and its namespace with it."""
    body = leaving({"agents": agents, "deletionPolicy": policy})

    fleet = make_fleet(body, Platform(), secret_suffix="00000000")

    assert fleet.is_deleting
    assert 60 <= fleet.spec.agents.max_session_seconds <= LONGEST_CALL_SECONDS


@pytest.mark.parametrize(
    ("spec", "policy", "seconds"),
    [
        pytest.param({"deletionPolicy": "Now", "agents": 1}, "Now", 28800, id="now-stays-now"),
        pytest.param({"agents": {"maxSessionSeconds": 90}}, "Drain", 90, id="limit-stays"),
        pytest.param({"agents": {"maxSessionSeconds": "x"}}, "Drain", 28800, id="limit-unknown"),
    ],
)
def test_what_a_broken_manifest_still_says_about_leaving_counts(
    spec: Manifest, policy: str, seconds: int
):
    """Whoever asked to cut calls meant it, and whoever allows 90 s need not wait eight hours."""
    fleet = make_fleet(leaving(spec), Platform(), secret_suffix="00000000")

    assert fleet.spec.deletion_policy == policy
    assert fleet.spec.agents.max_session_seconds == seconds


async def test_a_broken_fleet_drains_before_it_is_let_go():
    """Its workers may be talking; only their manifest is broken."""
    shell = Shell()
    key = await shell.apply(a_fleet_body())
    busy = next(pod for pod in shell.cluster.pods(key) if pod.tier == "agents")
    shell.workers.answer(busy, active=1)
    shell.cluster.edit(key, {"spec": {"agents": {"minReplicas": "many"}}})
    shell.cluster.remove(key)
    await shell.settle(30)
    is_held = shell.cluster.exists(key)

    shell.workers.answer(busy, active=0)
    await shell.settle(30)

    assert (is_held, shell.cluster.exists(key)) == (True, False)


def test_the_oldest_fleets_are_looked_after():
    """A new fleet must never take the place of one that carries calls."""
    old, new = a_body("z", "2026-01-01T00:00:00Z"), a_body("a", "2026-01-02T00:00:00Z")

    accepted = [is_within_limit(body, [old, new], 1) for body in (old, new)]

    assert accepted == [True, False]
