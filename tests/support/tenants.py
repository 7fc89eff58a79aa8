"""Somebody who may write fleets in one namespace, and nothing that was not granted.

A ServiceAccount with a token of its own. Its fleets are paused and let go at once, so a
running operator leaves them be, unless a test says otherwise.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.api import Api, Manifest, eventually
from support.law_cases import SMALL_SPEC, a_fleet, merged

RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/{kind}"
EDITOR = {"apiGroups": ["voicefleet.dev"], "resources": ["voicefleets"]}
AT_REST = {"paused": True, "deletionPolicy": "Now"}


@dataclass
class Tenant:
    """A ServiceAccount with a token of its own, and the administrator who gives it rights."""

    administrator: Api
    api: Api
    namespace: str
    grants: int = field(default=0, init=False)

    def may(self, verb: str, resource: str, name: str) -> None:
        """Grant one verb on one object."""
        self._grant({"apiGroups": [""], "resources": [resource], "resourceNames": [name]}, [verb])

    def may_write_fleets(self) -> None:
        """Grant what the chart's edit role grants, in this namespace."""
        self._grant(EDITOR, ["get", "create", "update", "patch", "delete"])

    def loses_every_other_right(self) -> None:
        """Take back everything but the right to write fleets."""
        path = RBAC.format(namespace=self.namespace, kind="rolebindings")
        for number in range(1, self.grants):
            assert self.administrator.send("DELETE", f"{path}/tenant-{number}").is_success

    def writes(self, change: Mapping[str, Any], name: str = "mine") -> Any:
        """Send a fleet as the tenant and return the API server's answer."""
        spec = merged(merged(SMALL_SPEC, AT_REST), dict(change))
        fleet = a_fleet(self.namespace, spec, name=name)
        return self.api.send("POST", self.api.path("VoiceFleet", self.namespace), json=fleet)

    def edits(self, change: Manifest, name: str = "mine") -> Any:
        """Merge-patch a fleet as the tenant and return the API server's answer."""
        return patch(self.api, self.namespace, change, name)

    def _grant(self, rule: Manifest, verbs: list[str]) -> None:
        name = f"tenant-{self.grants}"
        self.grants += 1
        role = {"metadata": {"name": name}, "rules": [{**rule, "verbs": verbs}]}
        binding = {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": "tenant", "namespace": self.namespace}],
        }
        for kind, body in (("roles", role), ("rolebindings", binding)):
            path = RBAC.format(namespace=self.namespace, kind=kind)
            assert self.administrator.send("POST", path, json=body).is_success


def patch(api: Api, namespace: str, change: Manifest, name: str = "mine") -> Any:
    """Merge-patch a fleet and return the API server's answer."""
    return api.send(
        "PATCH",
        api.path("VoiceFleet", namespace, name),
        json=change,
        headers={"Content-Type": "application/merge-patch+json"},
    )


@pytest.fixture
def tenant_api(cluster, api: Api, namespace: str, tmp_path: Path) -> Iterator[Api]:
    """A ServiceAccount without any right, by a token of its own."""
    account = {"kind": "ServiceAccount", "metadata": {"name": "tenant", "namespace": namespace}}
    api.create(account)
    path = cluster.service_account_kubeconfig(namespace, "tenant", to=tmp_path / "tenant")
    with closing(Api(path)) as tenant_api:
        yield tenant_api


@pytest.fixture
def tenant(installed, api: Api, tenant_api: Api, namespace: str) -> Tenant:
    """A tenant who may write fleets, in a cluster whose policy is awake."""
    tenant = Tenant(api, tenant_api, namespace)
    tenant.may_write_fleets()
    probe = {"agents": {"envFromSecretRefs": [{"name": "theirs"}]}}
    eventually(
        "the policy refuses what it must",
        lambda: "may not get Secret" in tenant.writes(probe, name="probe").text,
    )
    return tenant
