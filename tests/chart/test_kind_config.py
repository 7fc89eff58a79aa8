"""The kind cluster offers what fleets ask for, in the same words and on the same ports."""

import yaml

from voicefleet.api.media import MediaNetwork
from voicefleet.api.pods import SPOT_LABELS
from voicefleet_localcluster.nodes import GPU_LABELS, SPOT_TAINT
from voicefleet_workbench.sources import ROOT


def workers():
    """Return the worker nodes of kind-config.yaml."""
    config = yaml.safe_load((ROOT / "kind-config.yaml").read_text())
    return [node for node in config["nodes"] if node["role"] == "worker"]


def test_callers_on_this_machine_reach_a_media_server():
    """Without the UDP port every call in kind would fall back to TCP, or fail."""
    mapped = {
        (mapping["protocol"], mapping["containerPort"], mapping["hostPort"])
        for node in workers()
        for mapping in node.get("extraPortMappings", [])
    }

    ports = MediaNetwork()
    assert mapped == {
        ("TCP", ports.signal_port, ports.signal_port),
        ("TCP", ports.tcp_port, ports.tcp_port),
        ("UDP", ports.udp_port, ports.udp_port),
    }


def test_nothing_listens_beyond_this_machine():
    """A test cluster on a laptop must not answer the whole café."""
    addresses = {
        mapping["listenAddress"]
        for node in workers()
        for mapping in node.get("extraPortMappings", [])
    }

    assert addresses == {"127.0.0.1"}


def test_two_media_servers_find_two_nodes():
    """With node addresses there is one server per node, and two are the default."""
    media = [node for node in workers() if node["labels"].get("voicefleet.dev/media") == "true"]

    assert len(media) == 2
    assert len({node["labels"]["topology.kubernetes.io/zone"] for node in media}) == 2


def test_the_spot_node_is_marked_as_the_operator_knows_it():
    """A spot node under another name would get live calls."""
    spot = [node for node in workers() if SPOT_LABELS.items() & node["labels"].items()]

    patches = [yaml.safe_load(patch) for node in spot for patch in node["kubeadmConfigPatches"]]
    taints = [taint for patch in patches for taint in patch["nodeRegistration"]["taints"]]
    assert len(spot) == 1
    assert taints == [SPOT_TAINT]


def test_the_gpu_node_is_marked_as_in_the_local_cluster():
    """A fleet that runs on one of the two test clusters should run on the other."""
    gpu = [node for node in workers() if GPU_LABELS.items() <= node["labels"].items()]

    assert len(gpu) == 1
