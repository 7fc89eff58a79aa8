"""The API server as a contract suite sees it: the port, and somebody else's hands.

A suite arranges through these hands, so that the same test runs against the fake and
against a real API server.
"""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, Self

import pytest

from support.fake_cluster import FakeCluster
from voicefleet.adapters.clock import SystemClock
from voicefleet.adapters.kubernetes.calls import Call, NotFoundError
from voicefleet.adapters.kubernetes.cluster import KubernetesCluster
from voicefleet.adapters.kubernetes.credentials import from_kubeconfig
from voicefleet.adapters.kubernetes.resources import BY_KIND, NAMESPACE
from voicefleet.adapters.kubernetes.session import ApiSession, RetryPolicy
from voicefleet.adapters.telemetry import Telemetry
from voicefleet.api import labels
from voicefleet.errors import RefusedError
from voicefleet.manifests import Manifest, ObjectKey
from voicefleet.ports import Cluster

SPEC = {
    "agents": {"image": "registry.example/agent:1"},
    "media": {"network": {"mode": "PodNetwork"}},
}
"""A fleet that the API accepts; nothing in these suites acts on it."""


BOTH = ("fake", pytest.param("real", marks=pytest.mark.cluster))
"""Parameters of a fixture that gives the fake and the real thing."""


def open_session(kubeconfig: Path) -> ApiSession:
    """Return a session of the administrator's to the real API server."""
    return ApiSession(
        from_kubeconfig(kubeconfig),
        telemetry=Telemetry(),
        jitter=random.random,
        policy=RetryPolicy(tries=3),
    )


class World(Protocol):
    """One namespace with one fleet."""

    cluster: Cluster
    fleet: ObjectKey
    fleet_uid: str
    changes: list[ObjectKey]
    """The fleets that the cluster asked to look at again, in order."""

    async def create(self, manifest: Manifest) -> Manifest:
        """Create an object as somebody else."""
        ...

    async def edit(self, key: ObjectKey, patch: Manifest) -> None:
        """Merge-patch an object as somebody else."""
        ...

    async def remove(self, key: ObjectKey) -> None:
        """Delete an object as somebody else."""
        ...

    async def find(self, key: ObjectKey) -> Manifest | None:
        """Read an object as it stands on the server."""
        ...


class FakeWorld:
    """A world in memory."""

    def __init__(self, namespace: str) -> None:
        self.changes: list[ObjectKey] = []
        self.cluster = FakeCluster(self.changes.append)
        self.fleet = ObjectKey("VoiceFleet", namespace, "interviews")
        self.fleet_uid = ""

    @classmethod
    async def make(cls, namespace: str) -> Self:
        """Return a world with its fleet."""
        world = cls(namespace)
        fleet = await world.create(a_fleet(world.fleet))
        world.fleet_uid = fleet["metadata"]["uid"]
        return world

    async def create(self, manifest: Manifest) -> Manifest:
        """Create an object as somebody else."""
        return self.cluster.create(manifest)

    async def edit(self, key: ObjectKey, patch: Manifest) -> None:
        """Merge-patch an object as somebody else."""
        self.cluster.edit(key, patch)

    async def remove(self, key: ObjectKey) -> None:
        """Delete an object as somebody else."""
        self.cluster.remove(key)

    async def find(self, key: ObjectKey) -> Manifest | None:
        """Read an object as it stands on the server."""
        return self.cluster.get(key) if self.cluster.exists(key) else None


class RealWorld:
    """A namespace of its own on a real API server, with running informers."""

    def __init__(self, session: ApiSession, namespace: str) -> None:
        self.changes: list[ObjectKey] = []
        self.fleet = ObjectKey("VoiceFleet", namespace, "interviews")
        self.fleet_uid = ""
        self._session = session
        self._namespace = namespace
        self.cluster = KubernetesCluster(
            session,
            clock=SystemClock(),
            telemetry=Telemetry(),
            jitter=random.random,
            on_change=self.changes.append,
            namespaces=(namespace,),
        )

    async def __aenter__(self) -> Self:
        """Make the namespace, its fleet, and fill the caches."""
        await self._session.request(
            Call("create", NAMESPACE, body={"metadata": {"name": self._namespace}})
        )
        fleet = await self.create(a_fleet(self.fleet))
        self.fleet_uid = fleet["metadata"]["uid"]
        self.cluster.fleets.store(fleet)
        self._running = asyncio.create_task(self.cluster.run())
        async with asyncio.timeout(10):
            await self.cluster.wait_synced()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the informers; the namespace goes with the cluster."""
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        # A watch that was cancelled in its TLS handshake closes its socket a little later.
        await asyncio.sleep(0.05)

    async def create(self, manifest: Manifest) -> Manifest:
        """Create an object as somebody else; a pod waits for its ServiceAccount."""
        resource = BY_KIND[manifest["kind"]]
        call = Call("create", resource, self._namespace, body=manifest)
        for _ in range(50):
            try:
                return await self._session.request(call)
            except RefusedError as error:
                if "serviceaccount" not in str(error):
                    raise
                await asyncio.sleep(0.1)
        return await self._session.request(call)

    async def edit(self, key: ObjectKey, patch: Manifest) -> None:
        """Merge-patch an object as somebody else."""
        await self._session.request(
            Call(
                "merge",
                BY_KIND[key.kind],
                key.namespace,
                key.name,
                body=patch,
                params={"fieldManager": "somebody"},
            )
        )

    async def remove(self, key: ObjectKey) -> None:
        """Delete an object as somebody else."""
        body = {"propagationPolicy": "Background"}
        await self._session.request(
            Call("delete", BY_KIND[key.kind], key.namespace, key.name, body=body)
        )

    async def find(self, key: ObjectKey) -> Manifest | None:
        """Read an object as it stands on the server."""
        try:
            return await self._session.request(
                Call("get", BY_KIND[key.kind], key.namespace, key.name)
            )
        except NotFoundError:
            return None


async def eventually(check: Callable[[], Any], *, seconds: float = 10) -> None:
    """Return once the check holds: a watch is a moment behind, a fake is not."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not check():
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {seconds} s")
        await asyncio.sleep(0.01)


def a_fleet(key: ObjectKey) -> Manifest:
    """Return a VoiceFleet as its author applies it."""
    return {
        "apiVersion": "voicefleet.dev/v1alpha1",
        "kind": "VoiceFleet",
        "metadata": {"name": key.name, "namespace": key.namespace},
        "spec": SPEC,
    }


def a_child(world: World, kind: str, name: str, **content: Any) -> Manifest:
    """Return one of the fleet's children, labelled and owned."""
    owner = {
        "apiVersion": "voicefleet.dev/v1alpha1",
        "kind": "VoiceFleet",
        "name": world.fleet.name,
        "uid": world.fleet_uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    metadata = {
        "name": f"{world.fleet.name}-{name}",
        "namespace": world.fleet.namespace,
        "labels": {labels.FLEET: world.fleet.name},
        "ownerReferences": [owner],
    }
    return {
        "apiVersion": BY_KIND[kind].api_version,
        "kind": kind,
        "metadata": metadata,
        **content,
    }


def a_config_map(world: World, name: str = "settings", **data: str) -> Manifest:
    """Return a child that no controller touches."""
    return a_child(world, "ConfigMap", name, data=data)


def a_replica_set(world: World, *, replicas: int | None = 0) -> Manifest:
    """Return a workload, with or without its replicas."""
    marks = {labels.FLEET: world.fleet.name, labels.TIER: "agents"}
    template = {
        "metadata": {"labels": marks},
        "spec": {"containers": [{"name": "agent", "image": "registry.example/agent:1"}]},
    }
    spec: Manifest = {"selector": {"matchLabels": marks}, "template": template}
    if replicas is not None:
        spec["replicas"] = replicas
    return a_child(world, "ReplicaSet", "agents-0a1b2c3d", spec=spec)


def a_pod(world: World, name: str = "worker-1") -> Manifest:
    """Return a bare agents pod, which no controller replaces."""
    marks = {labels.FLEET: world.fleet.name, labels.TIER: "agents", labels.REVISION: "0a1b2c3d"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": world.fleet.namespace, "labels": marks},
        "spec": {
            "terminationGracePeriodSeconds": 600,
            "containers": [{"name": "agent", "image": "registry.example/agent:1"}],
        },
    }
