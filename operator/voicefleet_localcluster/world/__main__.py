"""Runs the world of one cluster: python -m voicefleet_localcluster.world CLUSTER_FOLDER."""

import asyncio
import logging
import signal
import ssl
import sys
from pathlib import Path

from aiohttp import web

from voicefleet.adapters.clock import SystemClock
from voicefleet.adapters.garbage import relax_garbage_collector
from voicefleet_localcluster.addresses import DOORSTEP_PORT, doorstep
from voicefleet_localcluster.certificates import MAIN_AUTHORITY
from voicefleet_localcluster.layout import Layout
from voicefleet_localcluster.options import ClusterRecord
from voicefleet_localcluster.starting import existing_cluster
from voicefleet_localcluster.world.control import control_application
from voicefleet_localcluster.world.endpoint import server_application, worker_application
from voicefleet_localcluster.world.lines import Lines
from voicefleet_localcluster.world.listeners import Listeners
from voicefleet_localcluster.world.metrics_api import (
    discovery_route,
    external_metrics,
    serving_tls,
)
from voicefleet_localcluster.world.pods import SERVER_PORT, WORKER_PORT
from voicefleet_localcluster.world.population import Population
from voicefleet_localcluster.world.watch import ApiServer


async def run(layout: Layout, record: ClusterRecord) -> None:
    """Answer for every pod until the process is told to stop."""
    # Thousands of pods and their connections are looked at for a second each time, by Python's
    # own numbers, and no worker answers in it.
    relax_garbage_collector()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with ApiServer(record.server, _tls(layout)) as api_server:
        runners: dict[int, web.AppRunner] = {}
        listeners = Listeners(runners, (doorstep(record.network), DOORSTEP_PORT))
        population = Population(changed=listeners.look_again)
        runners[WORKER_PORT] = await _runner(worker_application(population, api_server.read_token))
        runners[SERVER_PORT] = await _runner(server_application(population))
        await listeners.open_claim()
        lines = Lines(population, SystemClock().now)
        application = control_application(population, now=lines.now, synced=api_server.synced)
        application.add_routes([*lines.routes(), discovery_route(population)])
        await web.TCPSite(await _runner(application), "127.0.0.1", record.ports.world).start()
        metrics = await _runner(external_metrics(lines, lines.now))
        tls = serving_tls(layout)
        await web.TCPSite(metrics, "127.0.0.1", record.ports.metrics_api, ssl_context=tls).start()
        tasks = [
            asyncio.create_task(listeners.follow(population)),
            asyncio.create_task(api_server.follow_pods(population)),
            asyncio.create_task(lines.run()),
            asyncio.create_task(stopped.wait()),
        ]
        finished, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in finished:
            task.result()


async def _runner(application: web.Application) -> web.AppRunner:
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    return runner


def _tls(layout: Layout) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(layout.certificate(MAIN_AUTHORITY)))
    context.load_cert_chain(layout.certificate("world"), layout.key("world"))
    return context


def main() -> None:
    """Run for the cluster in the folder that the command line names."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    layout = Layout(Path(sys.argv[1]))
    asyncio.run(run(layout, existing_cluster(layout)))


if __name__ == "__main__":
    main()
