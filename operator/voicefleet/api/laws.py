"""Laws between fields, checked by the API server when a manifest is written.

Each law is a CEL expression on one model, so it holds wherever that model is used. Its
message says what one can do; `{…}` in it is a CEL expression whose value is shown, because
a refusal names the number and the limit. Costs are bounded by the bounds of every list and
string: the API server refuses a CRD whose worst case is too expensive.
"""

import re
from dataclasses import dataclass
from typing import Any

from voicefleet.api.base import ApiModel
from voicefleet.api.media import SERVER_METRICS_PORT, MediaNetwork, MediaRedis, MediaSpec
from voicefleet.api.patterns import LABEL_KEY
from voicefleet.api.pods import SPOT_LABELS, ResourceAmounts, Resources, Toleration
from voicefleet.api.voicefleet import AgentsSpec, EvaluationSpec, SpeechSpec

FLEET_NAME_MAX = 40
"""Leaves room in 63 characters for the longest child name: `-worker-token-` and 8 digits."""


@dataclass(frozen=True, slots=True)
class Law:
    """One rule that the API server enforces."""

    name: str
    """Names the law in tests; never shown to users."""
    rule: str
    message: str
    field: str = ""
    """Field that the refusal points at, relative to the model; empty means the model."""

    def to_validation(self) -> dict[str, Any]:
        """Return the entry for `x-kubernetes-validations`."""
        says = "messageExpression" if "{" in self.message else "message"
        text = _as_expression(self.message) if "{" in self.message else self.message
        place = {"fieldPath": f".{self.field}"} if self.field else {}
        return {"rule": self.rule, says: text, **place}


def _as_expression(message: str) -> str:
    """Return a CEL expression for a message: `'a %s c'.format([self.b])`.

    Joining with `+` would say the same, but the API server cannot bound the cost of
    `string(self.b)` and refuses the CRD.
    """
    texts = re.split(r"\{(.+?)\}", message)
    template = "%s".join(text.replace("%", "%%").replace("'", "\\'") for text in texts[::2])
    return f"'{template}'.format([{', '.join(texts[1::2])}])"


def _minimum_law() -> Law:
    return Law(
        name="minimum is at most maximum",
        rule="self.minReplicas <= self.maxReplicas",
        message=(
            "`minReplicas` is {self.minReplicas} and `maxReplicas` is {self.maxReplicas}; "
            "lower the minimum or raise the maximum"
        ),
        field="minReplicas",
    )


def _spot_map() -> str:
    pairs = ", ".join(f"'{key}': '{value}'" for key, value in SPOT_LABELS.items())
    return f"{{{pairs}}}"


SPOT_FREE_TOLERATIONS = (
    "!has(self.tolerations) || self.tolerations.all(t, "
    f"!(t.key in {_spot_map()}) || "
    f"(t.operator == 'Equal' && t.value != {_spot_map()}[t.key]))"
)
SPOT_FREE_SELECTOR = (
    f"!has(self.nodeSelector) || {_spot_map()}.all(k, "
    f"!(k in self.nodeSelector) || self.nodeSelector[k] != {_spot_map()}[k])"
)


def _pod_laws() -> tuple[Law, ...]:
    return (
        Law(
            name="priority class is not the system's",
            rule="!has(self.priorityClassName) || !self.priorityClassName.startsWith('system-')",
            message=(
                "`priorityClassName` is {self.priorityClassName}, a class of the cluster itself; "
                "use a PriorityClass of your own"
            ),
            field="priorityClassName",
        ),
        Law(
            name="node selector keys are label keys",
            rule=(
                "!has(self.nodeSelector) || self.nodeSelector.all(k, size(k) <= 317 && "
                f"k.matches(r'{LABEL_KEY}'))"
            ),
            message=(
                "each key must be a node label such as `topology.kubernetes.io/zone`, "
                "with at most 63 characters after the `/`"
            ),
            field="nodeSelector",
        ),
    )


def _live_call_laws() -> tuple[Law, ...]:
    return (
        Law(
            name="no live call tolerates spot nodes",
            rule=SPOT_FREE_TOLERATIONS,
            message=(
                "live calls depend on these pods, and spot nodes vanish during calls; remove the "
                "toleration of spot nodes here, and use it in `spec.evaluation` only"
            ),
            field="tolerations",
        ),
        Law(
            name="no live call selects spot nodes",
            rule=SPOT_FREE_SELECTOR,
            message=(
                "live calls depend on these pods, and spot nodes vanish during calls; select "
                "on-demand nodes here, and spot nodes in `spec.evaluation` only"
            ),
            field="nodeSelector",
        ),
    )


def _request_law(resource: str, member: str) -> Law:
    request, limit = f"self.requests.{member}", f"self.limits.{member}"
    return Law(
        name=f"{resource} request is at most its limit",
        rule=(
            f"!has(self.requests) || !has(self.limits) || !has({request}) || !has({limit}) || "
            f"!isQuantity(string({request})) || !isQuantity(string({limit})) || "
            f"!quantity(string({request})).isGreaterThan(quantity(string({limit})))"
        ),
        message=(
            f"`requests` asks for {resource} {{{request}}} and `limits` allows {{{limit}}}; "
            "lower the request or raise the limit"
        ),
    )


FLEET_LAWS = (
    Law(
        name="fleet name is short enough for its children",
        rule=f"size(self.metadata.name) <= {FLEET_NAME_MAX}",
        message=(
            "`metadata.name` has {size(self.metadata.name)} characters; use at most "
            f"{FLEET_NAME_MAX}, because the names of its children are longer and end at 63"
        ),
        field="metadata.name",
    ),
    Law(
        name="fleet name can name a Service",
        rule="self.metadata.name.matches(r'^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        message=(
            "`metadata.name` must start with a letter and have no dot, because Services are "
            "named after it; write interviews-2 instead of 2.interviews"
        ),
        field="metadata.name",
    ),
)
"""Laws on the whole object; CEL sees `metadata.name` only from here."""

LAWS: dict[type[ApiModel], tuple[Law, ...]] = {
    AgentsSpec: (
        _minimum_law(),
        Law(
            name="floor is at most maximum",
            rule="self.floorReplicas <= self.maxReplicas",
            message=(
                "`floorReplicas` is {self.floorReplicas} and `maxReplicas` is "
                "{self.maxReplicas}; lower the floor or raise the maximum"
            ),
            field="floorReplicas",
        ),
        *_pod_laws(),
        *_live_call_laws(),
    ),
    SpeechSpec: (
        _minimum_law(),
        Law(
            name="speech stage stays",
            rule="self.stage == oldSelf.stage",
            message=(
                "pool {self.name} serves {oldSelf.stage}, which cannot become {self.stage} while "
                "calls use it; add a pool of another name, then remove this one"
            ),
            field="stage",
        ),
        Law(
            name="GPUs are counted once",
            rule=(
                "!has(self.gpusPerReplica) || !has(self.resources) || "
                "!has(self.resources.limits) || "
                "!has(self.resources.limits.nvidia__dot__com__slash__gpu) || "
                "self.resources.limits.nvidia__dot__com__slash__gpu == self.gpusPerReplica"
            ),
            message=(
                "`gpusPerReplica` is {self.gpusPerReplica} and `resources.limits` says "
                "{self.resources.limits.nvidia__dot__com__slash__gpu}; remove `nvidia.com/gpu` "
                "from `resources`"
            ),
            field="gpusPerReplica",
        ),
        *_pod_laws(),
        *_live_call_laws(),
    ),
    MediaSpec: (
        _minimum_law(),
        Law(
            name="spare servers fit",
            rule="self.spareServers <= self.maxReplicas",
            message=(
                "`spareServers` is {self.spareServers} and `maxReplicas` is {self.maxReplicas}; "
                "lower the first or raise the second"
            ),
            field="spareServers",
        ),
        Law(
            name="callers outside are encrypted",
            rule=(
                "!has(self.publicURL) || self.publicURL.startsWith('wss://') || "
                "self.network.mode == 'PodNetwork'"
            ),
            message=(
                "`publicURL` is {self.publicURL}, which browsers refuse to send a microphone to; "
                "use wss://, or `network.mode` PodNetwork for a test"
            ),
            field="publicURL",
        ),
        *_pod_laws(),
        *_live_call_laws(),
    ),
    MediaNetwork: (
        Law(
            name="signal and audio ports differ",
            rule="self.signalPort != self.tcpPort",
            message=(
                "`signalPort` and `tcpPort` are both {self.tcpPort}, and one TCP port serves one "
                "of them; choose another for one of them"
            ),
            field="tcpPort",
        ),
        Law(
            name="the metrics port stays free",
            rule=(
                f"self.signalPort != {SERVER_METRICS_PORT} && self.tcpPort != {SERVER_METRICS_PORT}"
            ),
            message=(
                f"servers answer Prometheus on port {SERVER_METRICS_PORT}; choose another number "
                "for `signalPort` or `tcpPort`"
            ),
        ),
        Law(
            name="public addresses are discovered on host networks only",
            rule="self.externalIP != 'Discovered' || self.mode == 'HostNetwork'",
            message=(
                "`externalIP` Discovered finds an address that leads to a node, not to a pod; use "
                "`mode` HostNetwork with it, or `externalIP` NodeAddress"
            ),
            field="externalIP",
        ),
    ),
    MediaRedis: (
        Law(
            name="external Redis has an address",
            rule="self.mode != 'External' || has(self.address)",
            message=(
                "`mode` is External, so say where: set `address` to host:port, "
                "or use `mode` Embedded"
            ),
            field="address",
        ),
        Law(
            name="embedded Redis has no address",
            rule="self.mode != 'Embedded' || !has(self.address)",
            message=(
                "`mode` is Embedded, so the operator knows the address; remove `address`, "
                "or use `mode` External"
            ),
            field="address",
        ),
        Law(
            name="embedded Redis has no password of yours",
            rule="self.mode != 'Embedded' || !has(self.secretRef)",
            message=(
                "`mode` is Embedded, so the operator makes the password; remove `secretRef`, "
                "or use `mode` External"
            ),
            field="secretRef",
        ),
        Law(
            name="Redis address has a real port",
            rule=(
                "!has(self.address) || !self.address.matches(r':[0-9]{1,5}$') || "
                "int(self.address.split(':')[1]) <= 65535"
            ),
            message="`address` is {self.address}; its port can be 1 to 65535",
            field="address",
        ),
        Law(
            name="Redis mode stays",
            rule="self.mode == oldSelf.mode",
            message=(
                "`mode` is {oldSelf.mode} and servers on two Redis instances cannot see the "
                "calls of each other; create a second fleet and move callers there"
            ),
            field="mode",
        ),
        Law(
            name="Redis address stays",
            rule="!has(self.address) || !has(oldSelf.address) || self.address == oldSelf.address",
            message=(
                "`address` is {oldSelf.address} and servers on two Redis instances cannot see "
                "the calls of each other; create a second fleet and move callers there"
            ),
            field="address",
        ),
    ),
    EvaluationSpec: (
        _minimum_law(),
        *_pod_laws(),
        Law(
            name="evaluation off spot tolerates no spot",
            rule=f"self.spot != 'Never' || {SPOT_FREE_TOLERATIONS}",
            message=(
                "`spot` is Never and a toleration admits spot nodes; remove that toleration, "
                "or set `spot` to Preferred"
            ),
            field="tolerations",
        ),
        Law(
            name="evaluation off spot selects no spot",
            rule=f"self.spot != 'Never' || {SPOT_FREE_SELECTOR}",
            message=(
                "`spot` is Never and `nodeSelector` selects spot nodes; remove that label, "
                "or set `spot` to Required"
            ),
            field="nodeSelector",
        ),
    ),
    Toleration: (
        Law(
            name="a toleration that takes any value names none",
            rule="self.operator != 'Exists' || self.value == ''",
            message=(
                "`operator` Exists accepts every value, so {self.value} has no effect; remove "
                "`value`, or use `operator` Equal"
            ),
            field="value",
        ),
    ),
    ResourceAmounts: (
        Law(
            name="memory is counted in bytes",
            rule=(
                "!has(self.memory) || !isQuantity(string(self.memory)) || "
                "!quantity(string(self.memory)).isLessThan(quantity('1Mi'))"
            ),
            message=(
                "`memory` is {self.memory}, less than one mebibyte; write the unit, such as 512Mi "
                "(512m is half a byte)"
            ),
            field="memory",
        ),
        Law(
            name="cpu is counted in cores",
            rule=(
                "!has(self.cpu) || !isQuantity(string(self.cpu)) || "
                "!quantity(string(self.cpu)).isGreaterThan(quantity('512'))"
            ),
            message="`cpu` is {self.cpu} cores; 512 is the most, and half a core is 500m",
            field="cpu",
        ),
    ),
    Resources: (
        _request_law("cpu", "cpu"),
        _request_law("memory", "memory"),
        _request_law("local disk", "ephemeral__dash__storage"),
        Law(
            name="GPUs are not shared",
            rule=(
                "!has(self.requests) || !has(self.requests.nvidia__dot__com__slash__gpu) || "
                "(has(self.limits) && has(self.limits.nvidia__dot__com__slash__gpu) && "
                "self.limits.nvidia__dot__com__slash__gpu == "
                "self.requests.nvidia__dot__com__slash__gpu)"
            ),
            message=(
                "`requests` asks for {self.requests.nvidia__dot__com__slash__gpu} GPUs, which are "
                "never shared; set `limits` to the same number, and leave the request out"
            ),
        ),
    ),
}
"""Laws by the model they are about."""
