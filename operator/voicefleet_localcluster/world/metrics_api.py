"""What monitoring reads from the world: where to scrape, and a metrics API for other scalers.

Prometheus asks which pods there are (its HTTP service discovery). The controller manager's own
HorizontalPodAutoscaler asks `external.metrics.k8s.io` for the sessions of a namespace, through
an APIService whose Service is the name localhost; the API server proves itself to us with its
front-proxy certificate.
"""

import ssl
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from voicefleet.api.labels import FLEET, TIER
from voicefleet_localcluster.certificates import FRONT_PROXY_AUTHORITY
from voicefleet_localcluster.layout import Layout
from voicefleet_localcluster.world.lines import Lines
from voicefleet_localcluster.world.population import Population

GROUP: Final = "external.metrics.k8s.io"
VERSION: Final = "v1beta1"
SESSIONS: Final = "voicefleet-sessions"
"""The metric's name: callers of the namespace who talk or wait."""


def discovery_route(population: Population) -> web.RouteDef:
    """Return the route of Prometheus' HTTP service discovery, one target for each pod."""

    async def targets(_: web.Request) -> web.Response:
        found = []
        for pod in population.pods.values():
            labels = dict(pod.labels)
            own = {"namespace": pod.namespace, "pod": pod.name}
            own |= {
                "pod_uid": pod.uid,
                "fleet": labels.get(FLEET, ""),
                "tier": labels.get(TIER, ""),
            }
            found += [
                {"targets": [f"{pod.address}:{port}"], "labels": own} for port in sorted(pod.ports)
            ]
        return web.json_response(found)

    return web.get("/discovery", targets)


def external_metrics(lines: Lines, now: Callable[[], datetime]) -> web.Application:
    """Return what answers for external.metrics.k8s.io."""

    async def group(_: web.Request) -> web.Response:
        resource = {
            "name": SESSIONS,
            "namespaced": True,
            "kind": "ExternalMetricValueList",
            "verbs": ["get"],
        }
        return web.json_response(
            {
                "kind": "APIResourceList",
                "apiVersion": "v1",
                "groupVersion": f"{GROUP}/{VERSION}",
                "resources": [resource],
            }
        )

    async def value(request: web.Request) -> web.Response:
        if request.match_info["metric"] != SESSIONS:
            raise web.HTTPNotFound
        demand = lines.of(request.match_info["namespace"]).demand
        return web.json_response(render_value(demand, now()))

    application = web.Application()
    base = f"/apis/{GROUP}/{VERSION}"
    application.add_routes(
        [web.get(base, group), web.get(base + "/namespaces/{namespace}/{metric}", value)]
    )
    return application


def render_value(sessions: int, now: datetime) -> dict[str, Any]:
    """Return one value as the HorizontalPodAutoscaler reads it."""
    item = {
        "metricName": SESSIONS,
        "metricLabels": {},
        "timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "value": str(sessions),
    }
    return {
        "kind": "ExternalMetricValueList",
        "apiVersion": f"{GROUP}/{VERSION}",
        "metadata": {},
        "items": [item],
    }


def serving_tls(layout: Layout) -> ssl.SSLContext:
    """Return TLS that only the cluster's own API server can speak to."""
    context = ssl.create_default_context(
        ssl.Purpose.CLIENT_AUTH, cafile=str(layout.certificate(FRONT_PROXY_AUTHORITY))
    )
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(layout.certificate("server"), layout.key("server"))
    return context
