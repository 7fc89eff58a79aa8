"""The pieces of NetworkPolicies: who may talk to a tier, and to whom it may talk.

Every tier has a policy from its first second on. Two facts shape them: the cloud's
metadata service sits on a link-local address and hands out the node's credentials, and a
media server in its node's network is not seen as a pod by any policy.
"""

from voicefleet.manifests import Manifest
from voicefleet.render.labels import Labels

MONITORING = "voicefleet.dev/monitoring"
"""Label ("true") of namespaces whose pods may read metrics from speech servers."""
LOOPBACK = "127.0.0.1/32"
LINK_LOCAL_V4 = "169.254.0.0/16"
LINK_LOCAL_V6 = "fe80::/10"
METADATA_V6 = "fd00:ec2::254/128"
"""The IPv6 address of EC2's metadata service, which is not link-local."""


def pods_with(labels: Labels) -> Manifest:
    """Return the peer "pods of this namespace with these labels"."""
    return {"podSelector": {"matchLabels": labels}}


def any_pod() -> Manifest:
    """Return the peer "every pod of this cluster"."""
    return {"namespaceSelector": {}}


def monitoring_pods() -> Manifest:
    """Return the peer "every pod of a namespace that is marked as monitoring"."""
    return {"namespaceSelector": {"matchLabels": {MONITORING: "true"}}}


def tcp(*ports: int | str) -> list[Manifest]:
    """Return TCP ports, by number or by container port name."""
    return [{"protocol": "TCP", "port": port} for port in ports]


def udp(*ports: int | str) -> list[Manifest]:
    """Return UDP ports, by number or by container port name."""
    return [{"protocol": "UDP", "port": port} for port in ports]


def to_dns() -> Manifest:
    """Return the rule for name resolution, wherever the cluster's resolver is.

    Without an address, because a node-local DNS cache has a link-local one.
    """
    return {"ports": [*udp(53), *tcp(53)]}


def to_outside(*, metadata_service: bool = False) -> Manifest:
    """Return the rule for providers on the internet.

    Args:
        metadata_service: Whether the node's metadata service may be asked too, which
            workload identity of several clouds needs.
    """
    if metadata_service:
        return {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}]}
    return {
        "to": [
            {"ipBlock": {"cidr": "0.0.0.0/0", "except": [LINK_LOCAL_V4]}},
            {"ipBlock": {"cidr": "::/0", "except": [LINK_LOCAL_V6, METADATA_V6]}},
        ]
    }


def nobody() -> Manifest:
    """Return the peer "only the pod itself".

    The API server does not store an empty list of rules, so a rule that somebody adds to
    one would not be ours to take away again.
    """
    return {"ipBlock": {"cidr": LOOPBACK}}


def policy_spec(labels: Labels, *, ingress: list[Manifest], egress: list[Manifest]) -> Manifest:
    """Return the `spec` of a policy over pods with these labels.

    Both directions are always named: what no rule allows is closed.
    """
    return {
        "podSelector": {"matchLabels": labels},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": ingress,
        "egress": egress,
    }
