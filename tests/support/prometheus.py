"""A real Prometheus for tests, and something small for it to scrape.

Debian's package, on loopback, with its data in a test's folder. What it scrapes are series that a
test sets; each fleet of a test has a namespace of its own, so one Prometheus serves a whole run.
"""

import json
import threading
import urllib.request
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

from support.debian import require_debian_package
from support.processes import free_port, running
from voicefleet.api.metrics import LATENCY_BOUNDS_SECONDS

SCRAPE = "500ms"

Labels = tuple[tuple[str, str], ...]


def labels(**values: str) -> Labels:
    """Return labels as a series has them."""
    return tuple(sorted(values.items()))


@dataclass
class ScrapeTarget:
    """Every series that Prometheus finds, by name and labels."""

    series: dict[tuple[str, Labels], float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def set(self, name: str, value: float, **own: str) -> None:
        """Give a series this value."""
        with self.lock:
            self.series[name, labels(**own)] = value

    def add(self, name: str, value: float, **own: str) -> None:
        """Let a counter grow."""
        with self.lock:
            key = name, labels(**own)
            self.series[key] = self.series.get(key, 0.0) + value

    def observe(self, name: str, seconds: float, *, times: int, **own: str) -> None:
        """Count so many measurements of a histogram with the contract's bounds."""
        first = bisect_left(LATENCY_BOUNDS_SECONDS, seconds)
        bounds = [*map(str, LATENCY_BOUNDS_SECONDS), "+Inf"]
        for number, bound in enumerate(bounds):
            self.add(f"{name}_bucket", times if number >= first else 0, le=bound, **own)
        self.add(f"{name}_count", times, **own)
        self.add(f"{name}_sum", seconds * times, **own)

    def drop(self, **own: str) -> None:
        """Let every series that has all these labels vanish, as a pod that is gone."""
        wanted = set(own.items())
        with self.lock:
            kept = {key: value for key, value in self.series.items() if not wanted <= set(key[1])}
            self.series = kept

    def text(self) -> str:
        """Return the exposition."""
        with self.lock:
            lines = [
                f"{name}{{{','.join(f'{key}={json.dumps(value)}' for key, value in own)}}} {value}"
                for (name, own), value in sorted(self.series.items())
            ]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class RealPrometheus:
    """A running Prometheus."""

    url: str
    target: ScrapeTarget

    def query(self, expression: str) -> list[Mapping[str, object]]:
        """Ask it, past the adapter under test."""
        url = f"{self.url}/api/v1/query?query={quote(expression)}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)["data"]["result"]


@contextmanager
def real_prometheus(folder: Path) -> Iterator[RealPrometheus]:
    """Run one until the block ends; the test is skipped where it cannot be had."""
    program = require_debian_package("prometheus", "prometheus")
    target = ScrapeTarget()
    with serving(target) as scraped:
        port = free_port()
        job = {
            "job_name": "fleets",
            "honor_labels": True,
            "static_configs": [{"targets": [f"127.0.0.1:{scraped}"]}],
        }
        interval = {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE}
        # JSON is YAML.
        (folder / "prometheus.yml").write_text(
            json.dumps({"global": interval, "scrape_configs": [job]})
        )
        command = [
            program,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with running(command, folder=folder) as server:
            prometheus = RealPrometheus(f"http://127.0.0.1:{port}", target)
            server.wait_until("Prometheus has scraped", lambda: _has_scraped(prometheus))
            yield prometheus


def _has_scraped(prometheus: RealPrometheus) -> bool:
    try:
        return bool(prometheus.query("up == 1"))
    except OSError:
        return False


@contextmanager
def serving(target: ScrapeTarget) -> Iterator[int]:
    """Serve the target's text until the block ends; yields the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = target.text().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
