"""How kwok's nodes and pods behave: Stage resources of our own. Pure.

kwok's bare binary has no behaviour at all until it is given Stages. These make a node Ready at
once and keep it alive by its Lease, and take a pod through what a kubelet would show:

    bound ─▶ ContainerCreating, address known ─▶ (start seconds) ─▶ Running and Ready
    deleted ─▶ (stop seconds, or the grace period if that is shorter) ─▶ gone

An image whose name contains `no-such-image` is never pulled and one with `crash-loop` never
stays up, so a test can see what an operator does with a broken image.
"""

from typing import Any, Final

Manifest = dict[str, Any]

STOP_ANNOTATION: Final = "localcluster.voicefleet.dev/stop-seconds"
"""On a pod: how long this one takes to stop, instead of the cluster's setting."""
MISSING_IMAGE: Final = "no-such-image"
CRASHING_IMAGE: Final = "crash-loop"

_NOT_DELETED: Final = {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"}
_IS_DELETED: Final = {"key": ".metadata.deletionTimestamp", "operator": "Exists"}

_NODE_READY: Final = """
{{ $now := Now }}
conditions:
{{ range NodeConditions }}
- lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
  message: {{ .message | Quote }}
  reason: {{ .reason | Quote }}
  status: {{ .status | Quote }}
  type: {{ .type | Quote }}
{{ end }}
nodeInfo:
  architecture: amd64
  bootID: ""
  containerRuntimeVersion: kwok
  kernelVersion: kwok
  kubeProxyVersion: kwok
  kubeletVersion: kwok
  machineID: ""
  operatingSystem: linux
  osImage: kwok
  systemUUID: ""
phase: Running
"""

_POD_BOUND: Final = """
{{ $now := Now }}
{{ $network := or .spec.hostNetwork false }}
{{ $uid := or .metadata.uid "" }}
{{ $hosts := NodeIPsWith .spec.nodeName }}
{{ $addresses := PodIPsWith .spec.nodeName $network $uid .metadata.name .metadata.namespace }}
conditions:
- lastTransitionTime: {{ $now | Quote }}
  status: "True"
  type: Initialized
- lastTransitionTime: {{ $now | Quote }}
  status: "False"
  reason: ContainersNotReady
  type: Ready
- lastTransitionTime: {{ $now | Quote }}
  status: "False"
  reason: ContainersNotReady
  type: ContainersReady
containerStatuses:
{{ range .spec.containers }}
- image: {{ .image | Quote }}
  imageID: ""
  name: {{ .name | Quote }}
  ready: false
  started: false
  restartCount: 0
  state:
    waiting:
      reason: ContainerCreating
{{ end }}
hostIP: {{ index $hosts 0 | Quote }}
hostIPs:
{{ range $hosts }}
- ip: {{ . | Quote }}
{{ end }}
podIP: {{ index $addresses 0 | Quote }}
podIPs:
{{ range $addresses }}
- ip: {{ . | Quote }}
{{ end }}
phase: Pending
startTime: {{ $now | Quote }}
"""

_POD_READY: Final = """
{{ $now := Now }}
conditions:
- lastTransitionTime: {{ $now | Quote }}
  status: "True"
  type: Initialized
- lastTransitionTime: {{ $now | Quote }}
  status: "True"
  type: Ready
- lastTransitionTime: {{ $now | Quote }}
  status: "True"
  type: ContainersReady
{{ range .spec.readinessGates }}
- lastTransitionTime: {{ $now | Quote }}
  status: "True"
  type: {{ .conditionType | Quote }}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- image: {{ .image | Quote }}
  imageID: {{ .image | Quote }}
  name: {{ .name | Quote }}
  ready: true
  started: true
  restartCount: 0
  state:
    running:
      startedAt: {{ $now | Quote }}
{{ end }}
phase: Running
"""

_POD_COMPLETE: Final = """
{{ $now := Now }}
containerStatuses:
{{ range .spec.containers }}
- image: {{ .image | Quote }}
  imageID: {{ .image | Quote }}
  name: {{ .name | Quote }}
  ready: false
  started: false
  restartCount: 0
  state:
    terminated:
      exitCode: 0
      finishedAt: {{ $now | Quote }}
      reason: Completed
      startedAt: {{ $now | Quote }}
{{ end }}
phase: Succeeded
"""


def render_stages(*, pod_start_seconds: float, pod_stop_seconds: float) -> list[Manifest]:
    """Return every Stage, with the delays of one cluster."""
    start = {"durationMilliseconds": round(pod_start_seconds * 1000)}
    return [
        _node_ready(),
        _pod("bound", _POD_BOUND, matches=[_NOT_DELETED, _phase_is("Pending"), _has_no_address()]),
        _pod("ready", _POD_READY, matches=_starting("sound"), delay=start),
        _pod("image-missing", _pod_broken("ImagePullBackOff"), matches=_starting("missing")),
        _pod(
            "crashing", _pod_broken("CrashLoopBackOff"), matches=_starting("crashing"), delay=start
        ),
        _pod("complete", _POD_COMPLETE, matches=_finishing(), delay=start),
        _pod_gone(pod_stop_seconds),
    ]


def _stage(name: str, kind: str, spec: Manifest) -> Manifest:
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {"resourceRef": {"apiGroup": "v1", "kind": kind}, **spec},
    }


def _node_ready() -> Manifest:
    not_ready = {
        "key": '.status.conditions.[] | select( .type == "Ready" ) | .status',
        "operator": "NotIn",
        "values": ["True"],
    }
    return _stage(
        "node-ready",
        "Node",
        {"selector": {"matchExpressions": [not_ready]}, "next": {"statusTemplate": _NODE_READY}},
    )


def _pod(
    name: str, template: str, *, matches: list[Manifest], delay: Manifest | None = None
) -> Manifest:
    return _stage(
        f"pod-{name}",
        "Pod",
        {
            "selector": {"matchExpressions": matches},
            "next": {"statusTemplate": template},
            **({"delay": delay} if delay else {}),
        },
    )


def _pod_gone(stop_seconds: float) -> Manifest:
    """Delete a terminating pod after the shorter of its stop time and its grace period.

    A worker's grace period is the longest call, 5,760 s; waiting for it would only make tests
    slow, because nothing runs in these pods that could use it.
    """
    own = f'(.metadata.annotations["{STOP_ANNOTATION}"] // "{stop_seconds}" | tonumber)'
    seconds = f'[{own}, .metadata.deletionGracePeriodSeconds] | min | tostring + "s"'
    return _stage(
        "pod-gone",
        "Pod",
        {
            "selector": {"matchExpressions": [_IS_DELETED]},
            "delay": {
                "durationMilliseconds": round(stop_seconds * 1000),
                "durationFrom": {"expressionFrom": seconds},
            },
            "next": {"delete": True},
        },
    )


def _phase_is(phase: str) -> Manifest:
    return {"key": ".status.phase", "operator": "In", "values": [phase]}


def _has_no_address() -> Manifest:
    return {"key": ".status.podIP", "operator": "DoesNotExist"}


def _starting(fate: str) -> list[Manifest]:
    """Match a pod that has its address, waits for its containers, and has this fate."""
    images = '.spec.containers | map(.image) | join(" ")'
    key = (
        f'{images} | if contains("{MISSING_IMAGE}") then "missing" '
        f'elif contains("{CRASHING_IMAGE}") then "crashing" else "sound" end'
    )
    creating = {
        "key": ".status.containerStatuses[0].state.waiting.reason",
        "operator": "In",
        "values": ["ContainerCreating"],
    }
    return [_NOT_DELETED, creating, {"key": key, "operator": "In", "values": [fate]}]


def _finishing() -> list[Manifest]:
    """Match a running pod of a Job; nothing runs in it, so it succeeds."""
    of_a_job = {
        "key": ".metadata.ownerReferences.[].kind",
        "operator": "In",
        "values": ["Job"],
    }
    return [_NOT_DELETED, _phase_is("Running"), of_a_job]


def _pod_broken(reason: str) -> str:
    """Return the status of a pod whose containers do not come up."""
    return f"""
containerStatuses:
{{{{ range .spec.containers }}}}
- image: {{{{ .image | Quote }}}}
  imageID: ""
  name: {{{{ .name | Quote }}}}
  ready: false
  started: false
  restartCount: {1 if reason == "CrashLoopBackOff" else 0}
  state:
    waiting:
      reason: {reason}
      message: {{{{ printf "local cluster: image %s stands for {reason}" .image | Quote }}}}
{{{{ end }}}}
"""
