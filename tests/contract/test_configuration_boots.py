"""The agreed configurations start the real servers, with the secrets as we generate them.

Only addresses differ from what a cluster gets: loopback, free ports, and folders of the
test instead of the pod's.
"""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from support.debian import require_debian_package
from support.golden import GOLDEN
from support.processes import Server, free_port, running
from voicefleet.adapters.secrets import InstallKeySecrets
from voicefleet.model.plan import SecretPurpose
from voicefleet.render.redis_config_map import DATA_FOLDER, PASSWORD_FOLDER
from voicefleet_localcluster.binaries import ensure_programs
from voicefleet_localcluster.progress import Progress

pytestmark = pytest.mark.binaries

SECRETS = InstallKeySecrets(b"the install key of these tests, 32+")
FLEET_UID = "0b9f2a4c-6d1e-4f3a-9c57-2f8e1d7a6b30"
LIVEKIT_CONFIGS = sorted(GOLDEN.glob("*/media-config.configmap.yaml"))
REDIS_CONFIGS = sorted(GOLDEN.glob("*/redis.configmap.yaml"))


def file_in(config_map: Path, name: str) -> str:
    """Return one file of an agreed ConfigMap."""
    return str(yaml.safe_load(config_map.read_text())["data"][name])


@dataclass(frozen=True)
class Redis:
    """A real Redis that runs with an agreed configuration."""

    server: Server
    port: int
    folder: Path

    def ask(self, *question: str, password: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run redis-cli as the readiness probe does."""
        return subprocess.run(
            ["redis-cli", "-e", "-p", str(self.port), *question],
            env={"PATH": "/usr/bin:/bin", **({"REDISCLI_AUTH": password} if password else {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )

    @property
    def password(self) -> str:
        """The password of the generated Secret."""
        return SECRETS.contents(FLEET_UID, SecretPurpose.REDIS)["password"]

    def is_ready(self) -> bool:
        """Ask what the kubelet asks."""
        return self.ask("ping", password=self.password).stdout.strip() == "PONG"


@contextmanager
def start_redis(config_map: Path, folder: Path) -> Iterator[Redis]:
    """Start Redis with an agreed redis.conf in a folder, keeping what a first start left there."""
    program = require_debian_package("redis-server", "redis-server")
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "auth.conf").write_text(SECRETS.contents(FLEET_UID, SecretPurpose.REDIS)["auth.conf"])
    text = file_in(config_map, "redis.conf").replace(PASSWORD_FOLDER, str(folder))
    (folder / "redis.conf").write_text(text.replace(DATA_FOLDER, str(folder / "data")))
    port = free_port()
    command = [program, "redis.conf", "--port", str(port), "--bind", "127.0.0.1"]
    with running(command, folder=folder) as server:
        redis = Redis(server, port, folder)
        server.wait_until("Redis is ready", redis.is_ready)
        yield redis


@pytest.fixture(params=REDIS_CONFIGS, ids=lambda path: path.parent.name)
def redis(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Redis]:
    """Return a running Redis for each agreed redis.conf."""
    with start_redis(request.param, tmp_path / "redis") as started:
        yield started


@pytest.fixture
def livekit_server() -> Path:
    """Return the real program, built if need be."""
    return ensure_programs(["livekit-server"], Progress())["livekit-server"]


def test_redis_asks_for_the_generated_password(redis: Redis):
    """A room table that anybody in the cluster may write is everybody's."""
    answer = redis.ask("ping")

    assert answer.returncode != 0
    assert "NOAUTH" in answer.stdout + answer.stderr


def test_redis_remembers_after_its_container_is_restarted(redis: Redis):
    """Servers would otherwise forget which of them holds a room, in the middle of its call."""
    redis.ask("set", "room", "held", password=redis.password)
    redis.server.wait_until("the write is on disk", lambda: b"held" in logged(redis))
    redis.server.process.kill()
    redis.server.process.wait(timeout=10)

    with start_redis(REDIS_CONFIGS[0], redis.folder) as restarted:
        answer = restarted.ask("get", "room", password=restarted.password)

    assert answer.stdout.strip() == "held"


def logged(redis: Redis) -> bytes:
    """Return the append-only log as it is on disk."""
    return b"".join(file.read_bytes() for file in (redis.folder / "data").rglob("*.aof"))


@dataclass(frozen=True)
class Ports:
    """Free ports for one media server."""

    signal: int
    metrics: int
    tcp: int
    udp: int


def on_loopback(text: str, redis: Redis) -> tuple[str, Ports]:
    """Return livekit.yaml with addresses that this machine can give, and nothing else changed."""
    ports = Ports(free_port(), free_port(), free_port(), free_port(socket.SOCK_DGRAM))
    config = yaml.safe_load(text)
    config["bind_addresses"] = ["127.0.0.1"]
    config["port"] = ports.signal
    config["prometheus"]["port"] = ports.metrics
    config["rtc"] |= {"tcp_port": ports.tcp, "udp_port": ports.udp}
    config["redis"]["address"] = f"127.0.0.1:{redis.port}"
    return yaml.safe_dump(config), ports


def environment(redis: Redis) -> dict[str, str]:
    """Return what the pod's environment gives the server."""
    keys = SECRETS.contents(FLEET_UID, SecretPurpose.MEDIA_KEYS)["LIVEKIT_KEYS"]
    return {"LIVEKIT_KEYS": keys, "REDIS_PASSWORD": redis.password, "NODE_IP": "127.0.0.1"}


def answers(port: int, path: str) -> httpx.Response | None:
    """Return the answer on a loopback port, or None where nobody listens."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=2)
    except httpx.TransportError:
        return None


def is_answering(port: int, path: str) -> bool:
    """Say whether a loopback port answers 200."""
    answer = answers(port, path)
    return answer is not None and answer.status_code == httpx.codes.OK


@pytest.mark.parametrize("config_map", LIVEKIT_CONFIGS, ids=lambda path: path.parent.name)
def test_every_agreed_livekit_yaml_starts_the_real_server(
    config_map: Path, livekit_server: Path, redis: Redis, tmp_path: Path
):
    """An unknown key is fatal, so a typo would stop every server of every fleet."""
    text, ports = on_loopback(file_in(config_map, "livekit.yaml"), redis)
    (tmp_path / "livekit.yaml").write_text(text)
    command = [livekit_server, "--config", "livekit.yaml"]

    with running(command, folder=tmp_path, environment=environment(redis)) as server:
        server.wait_until("the server is ready", lambda: is_answering(ports.signal, "/"))
        metrics = answers(ports.metrics, "/metrics")

    assert metrics is not None
    assert "livekit_room_total" in metrics.text


def test_the_real_server_refuses_a_key_it_does_not_know(
    livekit_server: Path, redis: Redis, tmp_path: Path
):
    """This is what makes starting it a proof: it does not skip what it cannot read."""
    text, _ = on_loopback(file_in(LIVEKIT_CONFIGS[0], "livekit.yaml"), redis)
    (tmp_path / "livekit.yaml").write_text(f"{text}rooms: {{}}\n")
    command = [livekit_server, "--config", "livekit.yaml"]

    with running(command, folder=tmp_path, environment=environment(redis)) as server:
        server.process.wait(timeout=20)

    assert "field rooms not found" in server.log.read_text()
