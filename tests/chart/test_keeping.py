"""What stays when the chart goes: CRDs with their fleets, the install key, and no finalizer."""

import pytest
import yaml

from support.chart import CHART, find, render_chart
from voicefleet_localcluster.installation import is_hook

CRDS = CHART.parents[1] / "crds"
KEEP = {"helm.sh/resource-policy": "keep"}
KINDS = ("surgeplans", "voicefleets")


def hooks(manifests):
    """Return the uninstall hooks in the order in which Helm runs them."""
    found = [manifest for manifest in manifests if is_hook(manifest)]
    return sorted(
        found, key=lambda hook: int(hook["metadata"]["annotations"]["helm.sh/hook-weight"])
    )


def test_the_charts_crds_are_the_repositorys():
    """After a change of the API, `make generate` copies crds/ into the chart."""
    ours = {path.name: path.read_text() for path in CRDS.glob("*.yaml")}
    charts = {path.name: path.read_text() for path in (CHART / "files" / "crds").glob("*.yaml")}

    assert ours
    assert charts == ours


@pytest.mark.parametrize("plural", KINDS)
def test_rendering_changes_nothing_inside_a_crd(plural: str):
    """Braces or large numbers in a schema must survive the template engine."""
    rendered = find(render_chart(), "CustomResourceDefinition", f"{plural}.voicefleet.dev")

    source = yaml.safe_load((CHART / "files" / "crds" / f"{plural}.yaml").read_text())
    assert rendered["spec"] == source["spec"]
    assert rendered["metadata"]["name"] == source["metadata"]["name"]


@pytest.mark.parametrize("plural", KINDS)
def test_crds_stay_on_uninstall_unless_asked_otherwise(plural: str):
    """Deleting a CRD deletes every fleet and with it every call."""
    crd = ("CustomResourceDefinition", f"{plural}.voicefleet.dev")
    kept = find(render_chart(), *crd)
    dropped = find(render_chart(crds={"keep": False}), *crd)

    assert kept["metadata"]["annotations"].items() >= KEEP.items()
    assert not dropped["metadata"]["annotations"]


def test_the_install_key_stays_and_cannot_be_replaced():
    """Another key would change every generated password under running calls."""
    secret = find(render_chart(), "Secret")

    assert secret["metadata"]["annotations"] == KEEP
    assert secret["immutable"] is True


def test_every_installation_has_a_key_of_its_own():
    """A key that ships with a chart is known to everybody who can read the chart."""
    keys = {find(render_chart(), "Secret")["data"]["key"] for _ in range(2)}

    assert len(keys) == 2
    assert all(len(key) >= 64 for key in keys)


def test_a_key_of_ones_own_replaces_the_generated_one():
    """GitOps tools render without a cluster and would invent a new key each time."""
    manifests = render_chart(installKey={"existingSecret": "ours"})

    pod = find(manifests, "Deployment")["spec"]["template"]["spec"]
    configuration = next(v for v in pod["volumes"] if v["name"] == "configuration")
    mounted = [source["secret"]["name"] for source in configuration["projected"]["sources"][1:]]
    assert "Secret" not in {manifest["kind"] for manifest in manifests}
    assert mounted == ["ours"]


def test_uninstalling_releases_fleets_before_their_rights_go():
    """A fleet with our finalizer and no operator could never be deleted again."""
    order = [hook["kind"] for hook in hooks(render_chart())]

    assert order[-1] == "Job"
    assert set(order[:3]) == {"ServiceAccount", "ClusterRole", "Role"}
    assert set(order[3:-1]) == {"ClusterRoleBinding", "RoleBinding"}


def test_hooks_leave_nothing_behind_but_a_failed_attempt():
    """A leftover role is a right that nobody remembers; a failed job is its own explanation."""
    for hook in hooks(render_chart()):
        annotations = hook["metadata"]["annotations"]
        assert annotations["helm.sh/hook"] == "pre-delete"
        assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"


def test_the_release_job_ends():
    """An uninstallation must fail after a known time rather than hang."""
    job = next(manifest for manifest in render_chart() if manifest["kind"] == "Job")

    assert job["spec"]["activeDeadlineSeconds"] == 120


def test_the_release_job_first_stops_the_operator_that_is_uninstalled():
    """One that runs would put its finalizer back, and the fleet could never be deleted."""
    manifests = render_chart(fullnameOverride="calls")

    job = next(manifest for manifest in manifests if manifest["kind"] == "Job")
    deployment = find(manifests, "Deployment")["metadata"]
    arguments = job["spec"]["template"]["spec"]["containers"][0]["args"]
    assert arguments[:2] == ["release", "--all"]
    assert f"--stop={deployment['namespace']}/{deployment['name']}" in arguments
