"""The CRDs in a cluster that other tests share: read them, and make them what they were."""

from support.api import Api, Manifest

__all__ = ["change_definition", "definitions", "put_back"]

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def definitions(api: Api) -> dict[str, Manifest]:
    """Return our CRDs by name."""
    items = api.send("GET", CRDS).raise_for_status().json()["items"]
    return {
        item["metadata"]["name"]: item
        for item in items
        if item["spec"]["group"] == "voicefleet.dev"
    }


def change_definition(api: Api, name: str, change: Manifest) -> None:
    """Merge-patch one CRD."""
    headers = {"Content-Type": "application/merge-patch+json"}
    api.send("PATCH", f"{CRDS}/{name}", json=change, headers=headers).raise_for_status()


def put_back(api: Api, before: Manifest) -> None:
    """Make one CRD what it was.

    Its field managers as well, in a request of their own: who writes a spec owns it, and the
    next `helm upgrade` would meet a conflict with the test.
    """
    name, metadata = before["metadata"]["name"], before["metadata"]
    kept = {key: metadata.get(key, {}) for key in ("annotations", "labels")}
    change_definition(api, name, {"metadata": kept, "spec": before["spec"]})
    change_definition(api, name, {"metadata": {"managedFields": metadata["managedFields"]}})
