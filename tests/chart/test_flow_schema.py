"""Who is served first by an API server that is busy."""

from support.chart import find, render_chart


def test_the_lease_and_nothing_else_is_served_like_the_clusters_own():
    """What goes ahead of everybody must be two small requests, or it is a way past the queue."""
    manifests = render_chart()

    spec = find(manifests, "FlowSchema")["spec"]
    [rule] = spec["rules"]
    account = find(manifests, "ServiceAccount")["metadata"]["name"]
    assert spec["priorityLevelConfiguration"] == {"name": "leader-election"}
    assert rule["subjects"] == [
        {
            "kind": "ServiceAccount",
            "serviceAccount": {"name": account, "namespace": "voicefleet-system"},
        }
    ]
    assert rule["resourceRules"] == [
        {
            "verbs": ["get", "create", "update"],
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "namespaces": ["voicefleet-system"],
        }
    ]
