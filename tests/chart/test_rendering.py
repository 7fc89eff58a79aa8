"""What the chart renders: for each way of installing it, and of pods that stand up to scrutiny."""

import pytest
import yaml

import voicefleet
from support.chart import CHART, find, render_chart
from voicefleet.__main__ import DEFAULT_CONFIG, make_parser
from voicefleet.settings import Platform, PlatformImages, parse_platform
from voicefleet_localcluster.installation import is_hook

EVERYTHING_OFF = {
    "crds": {"enabled": False},
    "admissionPolicy": {"enabled": False},
    "flowSchema": {"enabled": False},
    "rbac": {"aggregateToUserRoles": False},
    "uninstall": {"releaseFleets": False},
    "metrics": {"service": False},
    "networkPolicy": {"enabled": False},
    "podDisruptionBudget": {"enabled": False},
    "installKey": {"existingSecret": "ours"},
}


def names(manifests):
    """Return what is installed, as kind/name with the namespace where there is one."""
    return sorted(
        f"{manifest['kind']}/{manifest['metadata']['name']}"
        for manifest in manifests
        if not is_hook(manifest)
    )


def operator_pods(manifests):
    """Return the pod specs of the operator and of every hook."""
    return [
        manifest["spec"]["template"]["spec"]
        for manifest in manifests
        if manifest["kind"] in {"Deployment", "Job"}
    ]


def test_the_defaults_install_everything_an_operator_needs():
    """The list an administrator reads before allowing the chart into a cluster."""
    manifests = render_chart()

    assert names(manifests) == [
        "ClusterRole/voicefleet.voicefleet-system",
        "ClusterRole/voicefleet.voicefleet-system-edit",
        "ClusterRole/voicefleet.voicefleet-system-view",
        "ClusterRoleBinding/voicefleet.voicefleet-system",
        "ConfigMap/voicefleet-platform",
        "CustomResourceDefinition/surgeplans.voicefleet.dev",
        "CustomResourceDefinition/voicefleets.voicefleet.dev",
        "Deployment/voicefleet",
        "FlowSchema/voicefleet.voicefleet-system",
        "NetworkPolicy/voicefleet",
        "PodDisruptionBudget/voicefleet",
        "Role/voicefleet-leader",
        "RoleBinding/voicefleet-leader",
        "Secret/voicefleet-install-key",
        "Service/voicefleet-metrics",
        "ServiceAccount/voicefleet",
        "ValidatingAdmissionPolicy/voicefleet.voicefleet-system",
        "ValidatingAdmissionPolicyBinding/voicefleet.voicefleet-system",
    ]


def test_with_everything_off_only_the_operator_and_its_rights_remain():
    """A platform team that brings its own policies must be able to switch ours off."""
    manifests = render_chart(**EVERYTHING_OFF)

    assert names(manifests) == [
        "ClusterRole/voicefleet.voicefleet-system",
        "ClusterRoleBinding/voicefleet.voicefleet-system",
        "ConfigMap/voicefleet-platform",
        "Deployment/voicefleet",
        "Role/voicefleet-leader",
        "RoleBinding/voicefleet-leader",
        "ServiceAccount/voicefleet",
    ]
    assert not [manifest for manifest in manifests if is_hook(manifest)]


@pytest.mark.parametrize("kind", ["PodMonitor", "ServiceMonitor"])
def test_a_monitor_carries_the_labels_that_prometheus_selects_by(kind: str):
    """A monitor without the label `release` is ignored in silence by the usual installation."""
    labels = {"release": "prometheus"}

    manifests = render_chart(metrics={"monitor": kind, "monitorLabels": labels})

    monitor = find(manifests, kind)
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert len(monitor["spec"].get("podMetricsEndpoints") or monitor["spec"]["endpoints"]) == 1


def test_every_object_is_labelled_as_part_of_the_release():
    """An administrator who lists by label must see everything that the chart brought."""
    manifests = render_chart(commonLabels={"team": "voice"})

    labels = [manifest["metadata"]["labels"] for manifest in manifests]
    assert all(own["app.kubernetes.io/part-of"] == "voicefleet" for own in labels)
    assert all(own["team"] == "voice" for own in labels)


def test_the_operator_reads_the_platform_file_that_the_chart_writes():
    """A key that only one side knows would stop the operator at its start."""
    manifests = render_chart(
        namespaces=["a", "b"],
        images={"livekitServer": "mirror.local/livekit:1", "redis": "mirror.local/redis:7"},
        resyncSeconds=30,
        fleetsMax=5,
    )

    text = find(manifests, "ConfigMap")["data"]["platform.yaml"]
    assert parse_platform(text, source="platform.yaml") == Platform(
        namespaces=("a", "b"),
        images=PlatformImages(
            livekit_server="mirror.local/livekit:1", redis="mirror.local/redis:7"
        ),
        resync_seconds=30,
        fleets_max=5,
    )


def test_the_default_platform_file_is_the_operators_own_default():
    """Two sets of defaults would drift apart, and a test cluster would differ from a real one."""
    text = find(render_chart(), "ConfigMap")["data"]["platform.yaml"]

    assert parse_platform(text, source="platform.yaml") == Platform()


def test_every_setting_of_the_platform_file_can_be_set_from_the_values():
    """A setting that the chart does not pass on cannot be used by anybody who installs it."""
    text = find(render_chart(), "ConfigMap")["data"]["platform.yaml"]

    written = Platform().model_dump(mode="json", by_alias=True)
    assert yaml.safe_load(text).keys() == written.keys()


def test_every_pod_passes_pod_security_restricted():
    """The operator lives in a namespace that enforces what it asks of its fleets."""
    for pod in operator_pods(render_chart()):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert security["readOnlyRootFilesystem"] is True
            assert "limits" in container["resources"]


def test_no_pod_gets_a_token_that_never_expires():
    """A stolen token is worth an hour, not a year; and nothing is mounted unasked."""
    for pod in operator_pods(render_chart()):
        tokens = [
            source["serviceAccountToken"]["expirationSeconds"]
            for volume in pod["volumes"]
            for source in volume.get("projected", {}).get("sources", [])
            if "serviceAccountToken" in source
        ]
        assert pod["automountServiceAccountToken"] is False
        assert tokens == [3600]


def test_the_arguments_point_at_files_that_are_mounted():
    """A path that nothing is mounted at is a crash loop at the first installation."""
    pod = find(render_chart(), "Deployment")["spec"]["template"]["spec"]

    container = pod["containers"][0]
    arguments = dict(argument.split("=", 1) for argument in container["args"][1:])
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    files = {
        f"{mounts[volume['name']]}/{item['path']}"
        for volume in pod["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
        for part in source.values()
        if isinstance(part, dict)
        for item in part.get("items", [])
    }
    assert {arguments["--config"], arguments["--install-key"]} <= files


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_the_operator_understands_its_arguments(kind: str):
    """An argument that the command line does not know is a crash loop at the first start."""
    manifests = render_chart(logLevel="debug", logFormat="text")

    pod = next(m for m in manifests if m["kind"] == kind)["spec"]["template"]["spec"]
    options = make_parser().parse_args(pod["containers"][0]["args"])
    assert options.config == DEFAULT_CONFIG


def test_probes_ask_the_port_that_the_operator_is_told_to_open():
    """A probe on another port would restart a healthy operator for ever."""
    container = find(render_chart(), "Deployment")["spec"]["template"]["spec"]["containers"][0]

    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    probed = {container[f"{kind}Probe"]["httpGet"]["port"] for kind in ("startup", "liveness")}
    assert f"--liveness-port={ports['liveness']}" in container["args"]
    assert f"--metrics-port={ports['metrics']}" in container["args"]
    assert probed == {"liveness"}


def test_selectors_find_the_operators_pods_and_not_the_hooks():
    """A disruption budget or a policy that selects nothing protects nothing."""
    manifests = render_chart(podLabels={"extra": "label"})

    pod_labels = find(manifests, "Deployment")["spec"]["template"]["metadata"]["labels"]
    job = next(manifest for manifest in manifests if manifest["kind"] == "Job")
    hook_labels = job["spec"]["template"]["metadata"]["labels"]
    selectors = [
        find(manifests, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        find(manifests, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        find(manifests, "Service", "-metrics")["spec"]["selector"],
        find(manifests, "Deployment")["spec"]["selector"]["matchLabels"],
    ]
    assert all(selector.items() <= pod_labels.items() for selector in selectors)
    assert not any(selector.items() <= hook_labels.items() for selector in selectors)


def test_one_replica_gets_no_disruption_budget():
    """A budget over the only pod would block every node drain."""
    kinds = {manifest["kind"] for manifest in render_chart(replicas=1)}

    assert "PodDisruptionBudget" not in kinds


def test_the_network_policy_keeps_the_cloud_metadata_service_out_of_reach():
    """Whoever takes over the operator must not get the node's cloud credentials as well."""
    policy = find(render_chart(), "NetworkPolicy")

    blocks = [
        peer["ipBlock"]
        for rule in policy["spec"]["egress"]
        for peer in rule.get("to", [])
        if "ipBlock" in peer
    ]
    assert blocks
    assert all(block["except"] for block in blocks)
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_a_changed_platform_file_starts_new_pods():
    """Which namespaces are watched is decided at start."""
    before, after = (
        find(render_chart(namespaces=[name]), "Deployment")["spec"]["template"]["metadata"]
        for name in ("a", "b")
    )

    assert before["annotations"] != after["annotations"]


def test_the_chart_installs_the_operator_of_its_own_version():
    """A chart with another version's image would meet arguments and CRDs it does not know."""
    pod = find(render_chart(), "Deployment")["spec"]["template"]["spec"]

    assert pod["containers"][0]["image"] == f"voicefleet/operator:{voicefleet.__version__}"


def test_the_chart_says_what_it_is():
    """Artifact Hub and `helm install` on an old cluster read these fields."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert chart["kubeVersion"] == ">=1.30.0-0"
    assert {
        "artifacthub.io/category",
        "artifacthub.io/crds",
        "artifacthub.io/crdsExamples",
        "artifacthub.io/license",
        "artifacthub.io/operatorCapabilities",
    } <= chart["annotations"].keys()
