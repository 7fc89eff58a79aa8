"""Where each kind lives in the API: one table for paths, and the identity sent with a write.

Discovery would cost requests at every start to learn what is fixed: the operator's
permissions name the same kinds.
"""

from dataclasses import dataclass
from urllib.parse import quote

from voicefleet.api.base import API_GROUP, API_VERSION


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of the API and how its path is made."""

    kind: str
    group: str
    version: str
    plural: str
    is_namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The `apiVersion` of a manifest of this kind."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the path of a collection, an object, or a part of an object."""
        root = f"/apis/{self.group}" if self.group else "/api"
        parts = [f"{root}/{self.version}"]
        if self.is_namespaced and namespace:
            parts.append(f"namespaces/{quote(namespace, safe='')}")
        parts.append(self.plural)
        parts.extend(quote(part, safe="") for part in (name, subresource) if part)
        return "/".join(parts)


FLEET = Resource("VoiceFleet", API_GROUP, API_VERSION, "voicefleets")
SURGE_PLAN = Resource("SurgePlan", API_GROUP, API_VERSION, "surgeplans")
POD = Resource("Pod", "", "v1", "pods")
SECRET = Resource("Secret", "", "v1", "secrets")
NAMESPACE = Resource("Namespace", "", "v1", "namespaces", is_namespaced=False)
LEASE = Resource("Lease", "coordination.k8s.io", "v1", "leases")
RESOURCE_QUOTA = Resource("ResourceQuota", "", "v1", "resourcequotas")
EVENT = Resource("Event", "events.k8s.io", "v1", "events")

CHILDREN = (
    Resource("ReplicaSet", "apps", "v1", "replicasets"),
    Resource("Deployment", "apps", "v1", "deployments"),
    Resource("Service", "", "v1", "services"),
    Resource("ConfigMap", "", "v1", "configmaps"),
    Resource("ServiceAccount", "", "v1", "serviceaccounts"),
    Resource("PodDisruptionBudget", "policy", "v1", "poddisruptionbudgets"),
    Resource("NetworkPolicy", "networking.k8s.io", "v1", "networkpolicies"),
)
"""The kinds that a fleet's children have and that are watched. Secrets are never read."""

BY_KIND = {
    resource.kind: resource
    for resource in (
        *CHILDREN,
        FLEET,
        SURGE_PLAN,
        POD,
        SECRET,
        NAMESPACE,
        LEASE,
        EVENT,
        RESOURCE_QUOTA,
    )
}
