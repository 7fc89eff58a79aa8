"""The baseline of the scale bench: VoiceFleet the way most kopf operators are written.

Handlers for create, update and resume apply every child; a timer looks at the workers and
writes the status through kopf's `patch`. It renders the same children with the same code, and
its requests go through the same client library as ours, so what differs is the architecture:
no cache, no queue, no comparison, kopf's own state on every object. It does less: it repairs
nothing between two changes, drains nothing and elects no leader.

    python -m voicefleet_workbench.naive_operator run --kubeconfig … --config … --install-key …
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import kopf
from prometheus_client import CollectorRegistry, Histogram, start_http_server

from voicefleet.adapters.clock import SystemClock
from voicefleet.adapters.kubernetes.credentials import Credentials, load_credentials
from voicefleet.adapters.kubernetes.resources import BY_KIND, POD
from voicefleet.adapters.secrets import InstallKeySecrets
from voicefleet.adapters.telemetry import RECONCILE_SECONDS_BOUNDS
from voicefleet.api import labels
from voicefleet.handlers.fleets import FLEETS, bearer
from voicefleet.manifests import Manifest, key_of
from voicefleet.model.fleet import Fleet
from voicefleet.model.observed import Observed
from voicefleet.model.plan import CreateChild, CreateSecret
from voicefleet.planning import plan_fleet
from voicefleet.render.secrets import render_secret
from voicefleet.settings import Platform, load_platform
from voicefleet.shell.fleets import make_fleet
from voicefleet_workbench.figures import CYCLE_METRIC

TIMER_SECONDS = 10.0
"""dask-kubernetes asks every 5 s, and it has one timer per autoscaler as well."""

CONNECTIONS_MAX = 32
"""As ours; kopf's own session stays as kopf makes it, without a limit."""

REGISTRY = CollectorRegistry()
CYCLE_SECONDS = Histogram(
    CYCLE_METRIC,
    "Time of one handler's run, by handler.",
    ["result"],
    buckets=RECONCILE_SECONDS_BOUNDS,
    registry=REGISTRY,
)


@dataclass(slots=True)
class Baseline:
    """What the handlers work with."""

    credentials: Credentials
    secrets: InstallKeySecrets
    platform: Platform
    api: aiohttp.ClientSession
    workers: aiohttp.ClientSession


@kopf.on.startup()
async def say_ready(**_: Any) -> None:
    """Print the word that whoever started us waits for."""
    print("leading", flush=True)


@kopf.on.login()
async def log_in(memo: Baseline, **_: Any) -> kopf.AiohttpSession:
    """Let kopf use the same credentials."""
    connector = aiohttp.TCPConnector(limit=0, ssl=memo.credentials.ssl)
    session = aiohttp.ClientSession(connector=connector, middlewares=(bearer(memo.credentials),))
    return kopf.AiohttpSession(server=memo.credentials.server, aiohttp_session=session)


@kopf.on.resume(*FLEETS)
@kopf.on.create(*FLEETS)
@kopf.on.update(*FLEETS, field="spec")
async def build_fleet(body: kopf.Body, patch: kopf.Patch, memo: Baseline, **_: Any) -> None:
    """Apply every child, changed or not."""
    began = time.monotonic()
    fleet = make_fleet(
        json.loads(json.dumps(dict(body))), memo.platform,
        secret_suffix=memo.secrets.suffix(str(body.metadata.uid)),
    )  # fmt: skip
    await asyncio.gather(*(_apply(memo, manifest) for manifest in _children(memo, fleet)))
    patch.status["observedGeneration"] = fleet.generation
    CYCLE_SECONDS.labels("build").observe(time.monotonic() - began)


@kopf.timer(*FLEETS, interval=TIMER_SECONDS)
async def look_after_fleet(
    name: str, namespace: str | None, patch: kopf.Patch, memo: Baseline, **_: Any
) -> None:
    """List the workers, ask each for its sessions, and write the sums into the status."""
    began = time.monotonic()
    selector = f"{labels.FLEET}={name},{labels.TIER}=agents"
    answer = await memo.api.get(
        memo.credentials.server + POD.path(namespace or ""), params={"labelSelector": selector}
    )
    pods = (await answer.json())["items"]
    sessions = await asyncio.gather(*(_ask(memo, pod) for pod in pods))
    patch.status["agents"] = {
        "replicas": len(pods),
        "readyReplicas": sum(one is not None for one in sessions),
        "sessions": sum(one or 0 for one in sessions),
    }
    CYCLE_SECONDS.labels("timer").observe(time.monotonic() - began)


def _children(memo: Baseline, fleet: Fleet) -> Iterator[Manifest]:
    """Yield what our own planner makes of a new fleet, Secrets included."""
    for step in plan_fleet(fleet, Observed(secrets_due=True), SystemClock().now()).steps:
        match step:
            case CreateChild(manifest=manifest):
                yield manifest
            case CreateSecret(purpose=purpose):
                contents = dict(memo.secrets.contents(fleet.uid, purpose))
                yield {**render_secret(fleet, purpose), "stringData": contents}
            case _:
                continue


async def _apply(memo: Baseline, manifest: Manifest) -> None:
    key = key_of(manifest)
    answer = await memo.api.patch(
        memo.credentials.server + BY_KIND[key.kind].path(key.namespace, key.name),
        params={"fieldManager": "naive", "force": "true"},
        headers={"Content-Type": "application/apply-patch+yaml"},
        data=json.dumps(manifest),
    )
    if not answer.ok:
        raise kopf.TemporaryError(f"{key}: {answer.status} {await answer.text()}", delay=1)


async def _ask(memo: Baseline, pod: Manifest) -> int | None:
    address = pod.get("status", {}).get("podIP")
    if not address:
        return None
    try:
        answer = await memo.workers.get(f"http://{address}:8081/voicefleet/state")
        return int((await answer.json())["active"])
    except (aiohttp.ClientError, TimeoutError):
        return None


async def run(options: argparse.Namespace) -> None:
    """Run until the process is told to stop."""
    credentials = load_credentials(os.environ, kubeconfig=options.kubeconfig)
    start_http_server(options.metrics_port, addr="127.0.0.1", registry=REGISTRY)
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX, ssl=credentials.ssl),
            middlewares=(bearer(credentials),),
        ) as api,
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=5)
        ) as workers,
    ):
        await kopf.operator(
            memo=Baseline(
                credentials,
                InstallKeySecrets.from_file(options.install_key),
                load_platform(options.config),
                api,
                workers,
            ),
            settings=_settings(),
            standalone=True,
            clusterwide=True,
        )


def _settings() -> kopf.OperatorSettings:
    """Return kopf's defaults, but for Events, which we do not count against it."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    return settings


def main(arguments: list[str]) -> None:
    """Take the operator's own options, so that both are started alike."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=("run",))
    for name in ("kubeconfig", "config", "install-key"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("metrics-port", "liveness-port"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("identity", "lease-namespace"):
        parser.add_argument(f"--{name}")
    asyncio.run(run(parser.parse_args(arguments)))


if __name__ == "__main__":
    main(sys.argv[1:])
