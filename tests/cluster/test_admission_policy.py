"""Whoever writes a fleet can reach through it only what they could reach by hand.

The tenant here is a ServiceAccount that may write fleets and nothing else; each test grants
it what it needs. Fleets are paused and let go at once, so a running operator leaves them be.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.api import Api, Manifest, eventually
from support.chart import find, render_chart
from support.tenants import RBAC, Tenant, patch

pytestmark = pytest.mark.cluster

FORBIDDEN = 403

FIELDS = {
    "agents.envFromSecretRefs": {"agents": {"envFromSecretRefs": [{"name": "theirs"}]}},
    "agents.imagePullSecretRefs": {"agents": {"imagePullSecretRefs": [{"name": "theirs"}]}},
    "media.redis.secretRef": {
        "media": {
            "redis": {
                "mode": "External",
                "address": "redis.example.com:6379",
                "secretRef": {"name": "theirs"},
            }
        }
    },
    "speech[tts].envFromSecretRefs": {
        "speech": [
            {
                "name": "tts",
                "stage": "TTS",
                "image": "registry.example.com/tts:1",
                "envFromSecretRefs": [{"name": "theirs"}],
            }
        ]
    },
    "speech[tts].imagePullSecretRefs": {
        "speech": [
            {
                "name": "tts",
                "stage": "TTS",
                "image": "registry.example.com/tts:1",
                "imagePullSecretRefs": [{"name": "theirs"}],
            }
        ]
    },
    "evaluation.envFromSecretRefs": {
        "evaluation": {
            "image": "registry.example.com/judge:1",
            "envFromSecretRefs": [{"name": "theirs"}],
        }
    },
    "evaluation.imagePullSecretRefs": {
        "evaluation": {
            "image": "registry.example.com/judge:1",
            "imagePullSecretRefs": [{"name": "theirs"}],
        }
    },
}
"""Each place where a fleet can name a Secret, with a fleet that names one there."""


@pytest.fixture
def operator_api(installed) -> Iterator[Api]:
    """The operator's own identity, as the chart grants it."""
    with closing(Api(installed.kubeconfig)) as operator_api:
        yield operator_api


@pytest.mark.parametrize("place", FIELDS)
def test_a_secret_that_the_author_may_not_get_is_refused(tenant: Tenant, place: str):
    """The operator's pods could read it, so the author would read it through them."""
    answer = tenant.writes(FIELDS[place])

    assert answer.status_code == FORBIDDEN
    message = answer.json()["message"]
    assert f"spec.{place}: you may not get Secret theirs in namespace" in message
    assert "ask for a Role with verb get on secrets/theirs" in message


@pytest.mark.parametrize("place", FIELDS)
def test_the_same_fleet_passes_once_the_author_may(tenant: Tenant, place: str):
    """The refusal names the right to ask for; that right has to be enough."""
    tenant.may("get", "secrets", "theirs")

    answer = eventually("the grant counts", lambda: accepted(tenant, FIELDS[place]))

    assert answer.json()["metadata"]["name"] == "mine"


def accepted(tenant: Tenant, change: Mapping[str, Any]) -> Any:
    """Return the answer once the fleet exists, or None while it is refused."""
    answer = tenant.writes(change)
    return answer if answer.is_success else None


def test_a_right_to_one_secret_is_no_right_to_another(tenant: Tenant):
    """Each reference is judged by its own name, whatever stands before it in the list."""
    tenant.may("get", "secrets", "mine")
    names = [{"name": "mine"}, {"name": "theirs"}]

    answer = eventually(
        "the first is no longer the reason",
        lambda: refused_for(tenant, {"agents": {"envFromSecretRefs": names}}, "theirs"),
    )

    assert answer.status_code == FORBIDDEN


def refused_for(tenant: Tenant, change: Mapping[str, Any], name: str) -> Any:
    """Return the answer once it names this object as the reason."""
    answer = tenant.writes(change)
    return answer if f"Secret {name} in" in answer.text else None


def test_workers_cannot_be_somebody_the_author_cannot_be(tenant: Tenant):
    """A cloud role hangs on a ServiceAccount; a fleet must not be a way to get it."""
    fleet = {"agents": {"serviceAccountName": "powerful"}}
    refusal = tenant.writes(fleet)
    tenant.may("impersonate", "serviceaccounts", "powerful")

    eventually("the grant counts", lambda: accepted(tenant, fleet))

    assert refusal.status_code == FORBIDDEN
    assert "spec.agents.serviceAccountName: you may not act as" in refusal.json()["message"]


def largest_fleet() -> Manifest:
    """Return a fleet with every reference that the CRD allows: 27 Secrets, 1 ServiceAccount."""
    return {
        "agents": {
            "imagePullSecretRefs": secrets("pull", 3),
            "envFromSecretRefs": secrets("agents", 6),
            "serviceAccountName": "powerful",
        },
        "speech": [
            {
                "name": f"pool-{number}",
                "stage": "TTS",
                "image": "registry.example.com/tts:1",
                "imagePullSecretRefs": secrets(f"pull-{number}", 1),
                "envFromSecretRefs": secrets(f"pool-{number}", 1),
            }
            for number in range(6)
        ],
        "evaluation": {
            "image": "registry.example.com/judge:1",
            "imagePullSecretRefs": secrets("evaluation-pull", 2),
            "envFromSecretRefs": secrets("evaluation", 3),
        },
        "media": {
            "redis": {
                "mode": "External",
                "address": "redis.example.com:6379",
                "secretRef": {"name": "the-last"},
            }
        },
    }


def secrets(prefix: str, count: int) -> list[dict[str, str]]:
    """Return references to as many Secrets."""
    return [{"name": f"{prefix}-{number}"} for number in range(count)]


def secret_names(node: Any) -> set[str]:
    """Return every name below a key that refers to Secrets."""
    if isinstance(node, list):
        return set().union(*map(secret_names, node))
    if not isinstance(node, dict):
        return set()
    own = {
        reference["name"]
        for key, value in node.items()
        if key.endswith(("SecretRefs", "secretRef"))
        for reference in (value if isinstance(value, list) else [value])
    }
    return own.union(*map(secret_names, node.values()))


def test_a_fleet_with_every_possible_reference_can_be_judged(tenant: Tenant):
    """Twenty-eight questions are all that one request may ask; one more and it would fail."""
    fleet = largest_fleet()
    names = secret_names(fleet)
    tenant.may("impersonate", "serviceaccounts", "powerful")
    for name in names - {"the-last"}:
        tenant.may("get", "secrets", name)
    refusal = eventually("the last one is missing", lambda: refused_for(tenant, fleet, "the-last"))
    tenant.may("get", "secrets", "the-last")

    eventually("the grant counts", lambda: accepted(tenant, fleet))

    assert len(names) == 27
    assert refusal.status_code == FORBIDDEN


@pytest.fixture
def orphaned_fleet(tenant: Tenant) -> Tenant:
    """A fleet with a Secret, whose author has since lost the right to it."""
    tenant.may("get", "secrets", "theirs")
    change = FIELDS["agents.envFromSecretRefs"]
    eventually("the grant counts", lambda: accepted(tenant, change))
    tenant.loses_every_other_right()
    eventually(
        "the right is gone",
        lambda: not tenant.writes(change, name="another").is_success,
    )
    return tenant


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"spec": {"paused": False}}, id="unpause"),
        pytest.param({"spec": {"deletionPolicy": "Drain"}}, id="deletion-policy"),
        pytest.param({"metadata": {"labels": {"on-call": "me"}}}, id="label"),
    ],
)
def test_whoever_is_on_call_can_act_without_a_right_to_secrets(
    orphaned_fleet: Tenant, change: Manifest
):
    """At night nobody should need the provider's keys to stop a fleet."""
    answer = orphaned_fleet.edits(change)

    assert answer.is_success, answer.text


def test_without_the_right_nobody_changes_what_gets_the_secret(orphaned_fleet: Tenant):
    """Another image under the same Secret is the same theft."""
    answer = orphaned_fleet.edits({"spec": {"agents": {"image": "registry.example.com/evil:1"}}})

    assert answer.status_code == FORBIDDEN
    assert "spec.agents.envFromSecretRefs: you may not get Secret theirs" in answer.text


def test_the_operator_itself_is_not_judged(orphaned_fleet: Tenant, operator_api: Api):
    """It may read no Secret at all, and must still hold and release every fleet."""
    hold = {"metadata": {"finalizers": ["voicefleet.dev/drain"]}}

    answer = patch(operator_api, orphaned_fleet.namespace, hold)

    assert answer.is_success, answer.text
    assert answer.json()["metadata"]["finalizers"] == ["voicefleet.dev/drain"]


def test_a_fleet_can_be_deleted_by_an_author_who_lost_the_right(
    orphaned_fleet: Tenant, operator_api: Api, api: Api
):
    """A fleet that nobody may delete any more would run, and cost, for ever."""
    namespace = orphaned_fleet.namespace
    patch(operator_api, namespace, {"metadata": {"finalizers": ["voicefleet.dev/drain"]}})

    orphaned_fleet.api.delete("VoiceFleet", namespace, "mine")
    patch(operator_api, namespace, {"metadata": {"finalizers": []}})

    assert eventually("it is gone", lambda: api.find("VoiceFleet", namespace, "mine") is None)


@pytest.fixture
def understudy(cluster, installed, api: Api, namespace: str, *, tmp_path: Path) -> Iterator[Api]:
    """Somebody else with the operator's rights, so that the operator's own record stays clean."""
    account = {"kind": "ServiceAccount", "metadata": {"name": "stand-in", "namespace": namespace}}
    api.create(account)
    role = find(render_chart(), "ClusterRole", "voicefleet-system")["metadata"]["name"]
    binding = {
        "metadata": {"name": "stand-in"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": "stand-in", "namespace": namespace}],
    }
    path = RBAC.format(namespace=namespace, kind="rolebindings")
    assert api.send("POST", path, json=binding).is_success
    user = cluster.service_account_kubeconfig(namespace, "stand-in", to=tmp_path / "stand-in")
    with closing(Api(user)) as understudy:
        yield understudy


@pytest.mark.parametrize("verb", ["GET", "DELETE", "PATCH"])
def test_the_operators_rights_neither_read_nor_change_a_secret(
    understudy: Api, api: Api, namespace: str, verb: str
):
    """Its token is worth no password, not even those that it generated itself."""
    secret = {"kind": "Secret", "metadata": {"name": "theirs", "namespace": namespace}}
    api.create({**secret, "stringData": {"password": "canary"}})

    answer = understudy.send(
        verb,
        understudy.path("Secret", namespace, "theirs"),
        headers={"Content-Type": "application/merge-patch+json"},
        content="{}",
    )

    assert answer.status_code == FORBIDDEN
    assert "canary" not in answer.text
