"""What an author of fleets may try in order to get more than a fleet, as data.

Three lists, by what has to happen: fields that do not exist (refused under strict validation,
pruned otherwise), values that are refused, and values that are allowed because they give the
author nothing. `tests/cluster/test_attacks.py` proves each.
"""

from dataclasses import dataclass
from typing import Any

from support.law_cases import SMALL_SPEC, merged

Manifest = dict[str, Any]

CANARY = "canary-9b1f"
"""Part of every smuggled value, so that one search finds whatever got through."""

LINK_LOCAL = "169.254.169.254"
"""Where clouds answer a node's pods about the node's own identity."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One attempt: what it tries, the change to a small fleet, the field to be named."""

    aim: str
    change: Manifest
    field: str = ""

    def spec(self) -> Manifest:
        """Return a whole spec with the attempt in it."""
        return merged(SMALL_SPEC, self.change)


SPEECH: Manifest = {"name": "tts", "stage": "TTS", "image": "registry.example.com/tts:1"}
EVALUATION: Manifest = {"image": "registry.example.com/judge:1"}
KEYS: Manifest = {"name": "keys"}


def _on_every_tier(field: str, value: object) -> Manifest:
    smuggled = {field: value}
    return {
        "agents": smuggled,
        "speech": [{**SPEECH, **smuggled}],
        "media": smuggled,
        "evaluation": {**EVALUATION, **smuggled},
    }


HOST_PATH: Manifest = {"name": CANARY, "hostPath": {"path": "/"}}
INTRUDER: Manifest = {
    "name": CANARY,
    "image": CANARY,
    "securityContext": {"privileged": True},
}

SMUGGLED_FIELDS: dict[str, object] = {
    "affinity": {"nodeAffinity": {"preferred": CANARY}},
    "annotations": {"example.com/injected": CANARY},
    "args": ["--run", CANARY],
    "automountServiceAccountToken": CANARY,
    "command": ["/bin/sh", "-c", CANARY],
    "containers": [INTRUDER],
    "dnsConfig": {"nameservers": [CANARY]},
    "env": [{"name": "LIVEKIT_URL", "value": f"ws://{CANARY}"}],
    "ephemeralContainers": [INTRUDER],
    "hostAliases": [{"ip": LINK_LOCAL, "hostnames": [CANARY]}],
    "hostIPC": CANARY,
    "hostNetwork": CANARY,
    "hostPID": CANARY,
    "hostUsers": CANARY,
    "initContainers": [INTRUDER],
    "labels": {"voicefleet.dev/fleet": CANARY},
    "lifecycle": {"preStop": {"exec": {"command": [CANARY]}}},
    "nodeName": CANARY,
    "overhead": {"cpu": CANARY},
    "podTemplate": {"spec": {"containers": [INTRUDER]}},
    "runtimeClassName": CANARY,
    "schedulerName": CANARY,
    "securityContext": {"runAsUser": 0, "seLinuxOptions": {"user": CANARY}},
    "shareProcessNamespace": CANARY,
    "sidecars": [INTRUDER],
    "template": {"spec": {"hostNetwork": CANARY}},
    "terminationGracePeriodSeconds": CANARY,
    "volumeMounts": [{"name": CANARY, "mountPath": "/host"}],
    "volumes": [HOST_PATH],
    "workingDir": f"/{CANARY}",
}
"""Fields of a pod that would give its author the node, the network or another identity."""

UNKNOWN_FIELDS = (
    *(
        Attack(f"pod field {field}", _on_every_tier(field, value), field)
        for field, value in SMUGGLED_FIELDS.items()
    ),
    Attack(
        "Secret of another namespace, by a namespace",
        {"agents": {"envFromSecretRefs": [{**KEYS, "namespace": CANARY}]}},
        "envFromSecretRefs[0].namespace",
    ),
    Attack(
        "Redis password from another namespace",
        {
            "media": {
                "redis": {
                    "mode": "External",
                    "address": "redis.example.com:6379",
                    "secretRef": {**KEYS, "namespace": CANARY},
                }
            }
        },
        "secretRef.namespace",
    ),
    Attack("image of the media servers", {"media": {"image": CANARY}}, "media.image"),
    Attack("account of the media servers", {"media": {"serviceAccountName": CANARY}}, "media."),
    Attack("key of the media servers in the open", {"media": {"keys": {"a": CANARY}}}, "keys"),
    Attack("address of a metrics server", {"scaling": {"prometheusURL": CANARY}}, "scaling"),
    Attack("fields of livekit.yaml", {"media": {"config": {"keys": CANARY}}}, "media.config"),
)

LONG = "a" * 600


def _agents(field: str, **fields: Any) -> Attack:
    name, value = next(iter(fields.items()))
    return Attack(f"{name} {str(value)[:40]!r}", {"agents": fields}, f"spec.agents.{field}")


def _image(text: str) -> Attack:
    return _agents("image", image=text)


def _public_url(text: str) -> Attack:
    return Attack(
        f"publicURL {text[:40]!r}", {"media": {"publicURL": text}}, "spec.media.publicURL"
    )


def _redis(address: str) -> Attack:
    block = {"mode": "External", "address": address}
    return Attack(
        f"Redis {address[:40]!r}", {"media": {"redis": block}}, "spec.media.redis.address"
    )


def _secret(name: str) -> Attack:
    change = {"agents": {"envFromSecretRefs": [{"name": name}]}}
    return Attack(f"Secret {name[:40]!r}", change, "spec.agents.envFromSecretRefs[0].name")


REFUSED = (
    *map(
        _image,
        (
            "agent --privileged",
            "agent\nhostNetwork: true",
            "agent\n",
            "agent;reboot",
            "$(id)",
            "${HOME}",
            "../../etc/passwd",
            "file:///etc/passwd",
            "https://example.com/agent",
            "user:word@example.com/agent",
            "agent@sha256:1234",
            "agent@md5:d41d8cd98f00b204e9800998ecf8427e",
            "agent:tag:tag",
            "AGENT",
            "registry.example.com//agent",
            "registry.example.com/аgent:1",  # noqa: RUF001 - a Cyrillic a is the attack
            "registry.example.com/agent:1\u202e",
            "agent\x00",
            LONG,
        ),
    ),
    *map(
        _public_url,
        (
            "http://media.example.com",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "wss://user@media.example.com",
            "wss://media.example.com@169.254.169.254",
            "wss://[::1]:7880",
            "wss://[::ffff:169.254.169.254]",
            "wss://media.example.com?next=wss://evil.example.com",
            "wss://media.example.com#evil",
            "wss://media.example.com\\@evil.example.com",
            "wss://mediа.example.com",  # noqa: RUF001 - a Cyrillic a is the attack
            "wss://media.example.com\r\nX-Injected: 1",
            f"ws://{LINK_LOCAL}/latest/meta-data/%2e%2e",
            f"wss://{LONG}.example.com",
        ),
    ),
    *map(
        _redis,
        (
            "redis://redis.example.com:6379",
            "user:word@redis.example.com:6379",
            "word@redis.example.com:6379",
            "[::1]:6379",
            "redis.example.com:6379/0",
            "redis.example.com:6379\npassword: x",
            "redis.example.com:6379 --eval",
            "redis.example.com",
            ":6379",
            "redis.example.com:0",
            "redis.example.com:65536",
            "rеdis.example.com:6379",  # noqa: RUF001 - a Cyrillic e is the attack
            "/var/run/redis.sock:1",
        ),
    ),
    *map(_secret, ("kube-system/token", "../kube-system/token", "keys\n", "KEYS", "*", "", LONG)),
    _agents("serviceAccountName", serviceAccountName="kube-system:default"),
    _agents("serviceAccountName", serviceAccountName="system:masters"),
    _agents("priorityClassName", priorityClassName="system-node-critical"),
    _agents("priorityClassName", priorityClassName="system-cluster-critical"),
    _agents("tolerations[0].key", tolerations=[{"operator": "Exists"}]),
    _agents("tolerations[0].key", tolerations=[{"key": "", "operator": "Exists"}]),
    _agents("tolerations", tolerations=[{"key": "voicefleet.dev/spot", "operator": "Exists"}]),
    _agents("nodeSelector", nodeSelector={"a b": "c"}),
    _agents("nodeSelector", nodeSelector={"disk": "ssd\n- hostPath"}),
    _agents("nodeSelector", nodeSelector={"a..b/c": "d"}),
    _agents("tolerations[0].key", tolerations=[{"key": "a..b/c"}]),
    _agents("tolerations[0].key", tolerations=[{"key": "k" * 64}]),
    _agents("topologySpread[0].topologyKey", topologySpread=[{"topologyKey": "a./b"}]),
    _agents("agentName", agentName='interviewer", "admin": "true'),
    _agents("agentName", agentName="іnterviewer"),  # noqa: RUF001 - a Ukrainian i
    _agents("maxSessionSeconds", maxSessionSeconds=10**12),
    _agents("maxReplicas", maxReplicas=10**9),
    _agents("sessionsPerWorker", sessionsPerWorker=2**63),
    _agents("resources.limits", resources={"limits": {"nvidia.com/gpu": 65}}),
    _agents("resources.requests", resources={"requests": {"cpu": "1e9"}}),
    Attack(
        "a system port on the node",
        {"media": {"network": {"mode": "HostNetwork", "signalPort": 22}}},
        "spec.media.network.signalPort",
    ),
    Attack(
        "a name that breaks out of a speech pool's names",
        {"speech": [{**SPEECH, "name": "tts/../x"}]},
        "spec.speech[0].name",
    ),
)
"""Values that must not be stored at all; the refusal names the field."""

ALLOWED = (
    _agents("", tolerations=[{"key": "node-role.kubernetes.io/control-plane"}]),
    _agents("", tolerations=[{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]),
    _agents("", nodeSelector={"node-role.kubernetes.io/control-plane": ""}),
    _agents("", nodeSelector={"kubernetes.io/hostname": "local-plain-0"}),
    _agents("", image="docker.io/library/busybox"),
    _agents("", image="localhost:5000/agent"),
    _agents("", image="169.254.169.254/agent:1"),
    _agents("", imagePullSecretRefs=[KEYS], envFromSecretRefs=[KEYS]),
    _public_url(f"ws://{LINK_LOCAL}"),
    _public_url("ws://2852039166"),
    _public_url("ws://0x7f.1/"),
    _public_url("ws://localhost:10250"),
    _redis(f"{LINK_LOCAL}:80"),
    _redis("2852039166:80"),
    _redis("127.0.0.1:2379"),
    _redis("kubernetes.default.svc:443"),
    Attack(
        "a kubelet's port",
        {"media": {"network": {"mode": "PodNetwork", "tcpPort": 10250}}},
    ),
)
"""Values that are the author's own business.

Nodes and images: pods stay `restricted` wherever they run and whatever they are. Addresses: the
operator never connects to one, and the pods that do have a NetworkPolicy without the metadata
address.
"""
