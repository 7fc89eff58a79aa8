"""When a process of a cluster may be relied on: one question for each, asked over loopback."""

from collections.abc import Callable, Mapping
from typing import Final

from voicefleet_localcluster import members
from voicefleet_localcluster.client import AnswerError, JsonClient
from voicefleet_localcluster.options import ClusterRecord

Check = Callable[[JsonClient, ClusterRecord], bool]

NODES: Final = "/api/v1/nodes"
LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
NOT_READY: Final = "node.kubernetes.io/not-ready"


def is_ready(member: str, api: JsonClient, record: ClusterRecord) -> bool:
    """Say whether a process does its work; one that does not answer yet does not."""
    return succeeds(lambda: CHECKS[member](api, record))


def succeeds(check: Callable[[], bool]) -> bool:
    """Say whether a question is answered, and with yes."""
    try:
        return check()
    except (OSError, AnswerError):
        return False


def node_names(api: JsonClient) -> set[str]:
    """Return the names of all nodes."""
    return {node["metadata"]["name"] for node in api.call("GET", NODES)["items"]}


def are_nodes_ready(api: JsonClient) -> bool:
    """Say whether every node is Ready and the taint of a node that is not is gone."""
    for node in api.call("GET", NODES)["items"]:
        conditions = {item["type"]: item["status"] for item in node["status"].get("conditions", [])}
        taints = {taint["key"] for taint in node["spec"].get("taints", [])}
        if conditions.get("Ready") != "True" or NOT_READY in taints:
            return False
    return _have_leases(api)


def _have_leases(api: JsonClient) -> bool:
    """Say whether kwok holds every node's Lease; without it, it does nothing for the pods."""
    held = {lease["metadata"]["name"] for lease in api.call("GET", LEASES)["items"]}
    return node_names(api) <= held


def _is_etcd_ready(_: JsonClient, record: ClusterRecord) -> bool:
    answer = JsonClient(f"http://127.0.0.1:{record.ports.etcd}").call("GET", "/health")
    return bool(answer["health"] == "true")


def _is_api_ready(api: JsonClient, _: ClusterRecord) -> bool:
    return bool(api.call("GET", "/readyz") == "ok")


def _are_controllers_ready(api: JsonClient, record: ClusterRecord) -> bool:
    """Say whether they did their first work: the account that every pod needs."""
    api.call("GET", "/api/v1/namespaces/default/serviceaccounts/default")
    return _is_healthy(JsonClient(f"https://127.0.0.1:{record.ports.controllers}", api.tls))


def _is_scheduler_ready(api: JsonClient, record: ClusterRecord) -> bool:
    return _is_healthy(JsonClient(f"https://127.0.0.1:{record.ports.scheduler}", api.tls))


def _is_kwok_ready(api: JsonClient, record: ClusterRecord) -> bool:
    kwok = JsonClient(f"http://127.0.0.1:{record.ports.kwok}")
    return _is_healthy(kwok) and _have_leases(api)


def _is_world_ready(_: JsonClient, record: ClusterRecord) -> bool:
    return _is_healthy(JsonClient(f"http://127.0.0.1:{record.ports.world}"))


def _is_prometheus_ready(_: JsonClient, record: ClusterRecord) -> bool:
    prometheus = JsonClient(f"http://127.0.0.1:{record.ports.prometheus}")
    return "Ready" in str(prometheus.call("GET", "/-/ready"))


def _is_healthy(client: JsonClient) -> bool:
    return bool(client.call("GET", "/healthz") == "ok")


CHECKS: Final[Mapping[str, Check]] = {
    members.ETCD: _is_etcd_ready,
    members.API_SERVER: _is_api_ready,
    members.CONTROLLERS: _are_controllers_ready,
    members.SCHEDULER: _is_scheduler_ready,
    members.KWOK: _is_kwok_ready,
    members.WORLD: _is_world_ready,
    members.PROMETHEUS: _is_prometheus_ready,
}
