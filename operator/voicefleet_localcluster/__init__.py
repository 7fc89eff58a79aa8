"""A real Kubernetes control plane on loopback, without Docker, for development and tests.

etcd, kube-apiserver, kube-controller-manager and kube-scheduler are the real programs; nodes
and pods are kwok's, and a world process answers at the pods' own addresses in place of what
would run inside them. `make up`, the demo and the cluster tests use it; the operator never
imports it, and its image does not contain it.
"""

from voicefleet_localcluster.cluster import LocalCluster
from voicefleet_localcluster.errors import LocalClusterError
from voicefleet_localcluster.options import ClusterOptions

__all__ = ["ClusterOptions", "LocalCluster", "LocalClusterError"]
