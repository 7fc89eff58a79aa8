"""Every pod: hardened, told to stop in time, probed without cutting calls."""

import pytest

from support.fleets import a_full_fleet, a_minimal_fleet, with_spec
from support.rendered import pod_templates
from voicefleet.manifests import Manifest
from voicefleet.model.grace import agents_grace_seconds, media_grace_seconds
from voicefleet.render.agents_replicaset import render_agents_replicaset
from voicefleet.render.media_replicaset import render_media_replicaset

PODS = {
    f"{kind}-{name}": template["spec"]
    for kind, fleet in (("minimal", a_minimal_fleet()), ("full", a_full_fleet()))
    for name, template in pod_templates(fleet).items()
}
every_pod = pytest.mark.parametrize("pod", PODS.values(), ids=PODS)


def media_pod(fleet) -> Manifest:
    """Return the pod of a fleet's first media server."""
    return render_media_replicaset(fleet, 1)["spec"]["template"]["spec"]


@every_pod
def test_a_pod_has_no_right_it_does_not_need(pod: Manifest):
    """What a stolen worker can do ends at its own process."""
    container = pod["containers"][0]["securityContext"]

    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


@every_pod
def test_a_pod_can_write_to_tmp_only(pod: Manifest):
    """A read-only image needs exactly one place for scratch files."""
    mounts = {mount["name"]: mount for mount in pod["containers"][0]["volumeMounts"]}

    assert mounts.pop("tmp")["mountPath"] == "/tmp"
    assert [name for name, mount in mounts.items() if not mount.get("readOnly")] in ([], ["data"])


@every_pod
def test_no_pod_signals_its_process_before_it_stops(pod: Manifest):
    """A second SIGTERM makes LiveKit and its workers drop their calls."""
    hook = pod["containers"][0].get("lifecycle", {}).get("preStop", {})

    assert set(hook) <= {"sleep"}


def test_only_media_uses_the_nodes_network_and_only_if_asked():
    """It is the single exception from Pod Security `restricted`."""
    in_pods = with_spec(a_minimal_fleet(), "media.network.mode", "PodNetwork")

    users = {name for name, pod in PODS.items() if pod.get("hostNetwork")}

    assert users == {"minimal-interviews-media-1"}
    assert "hostNetwork" not in media_pod(in_pods)


def test_a_server_tells_callers_the_address_of_the_network_it_is_in():
    """A wrong address is a call that connects and stays silent."""
    fleet = a_minimal_fleet()
    in_pods = with_spec(fleet, "media.network.mode", "PodNetwork")

    paths = [
        variable["valueFrom"]["fieldRef"]["fieldPath"]
        for each in (fleet, in_pods)
        for variable in media_pod(each)["containers"][0]["env"]
        if variable["name"] == "NODE_IP"
    ]

    assert paths == ["status.hostIP", "status.podIP"]


def test_a_servers_life_does_not_hang_on_redis():
    """One Redis outage would otherwise restart every server with all its calls."""
    container = media_pod(a_minimal_fleet())["containers"][0]

    assert "httpGet" in container["readinessProbe"]
    assert set(container["livenessProbe"]) & {"httpGet", "exec"} == set()


def test_stopping_waits_for_the_longest_call():
    """A pod that is killed earlier takes its calls along."""
    fleet = with_spec(a_minimal_fleet(), "agents.maxSessionSeconds", 3600)

    worker = render_agents_replicaset(fleet)["spec"]["template"]["spec"]

    assert worker["terminationGracePeriodSeconds"] == agents_grace_seconds(3600) == 3960
    assert media_pod(fleet)["terminationGracePeriodSeconds"] == media_grace_seconds(3600) == 3660


def test_secrets_reach_a_pod_by_reference_only():
    """Whoever may read pods must not read keys in them."""
    for pod in PODS.values():
        for variable in pod["containers"][0].get("env", []):
            is_secret = any(word in variable["name"] for word in ("KEY", "SECRET", "TOKEN", "AUTH"))

            assert not (is_secret and "value" in variable), variable["name"]
