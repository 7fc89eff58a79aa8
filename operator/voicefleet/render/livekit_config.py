"""livekit.yaml: the text that every media server of a revision starts with, and its lint.

livekit-server refuses to start on an unknown key, and starts without a word on several
known ones that lose calls. The lint knows those; each sentence says what would happen.
"""

import json
from collections.abc import Callable, Iterator

from voicefleet.api.media import SERVER_METRICS_PORT, ExternalAddress
from voicefleet.errors import SpecError
from voicefleet.manifests import Manifest
from voicefleet.model.fleet import Fleet
from voicefleet.model.grace import ROOM_DEPARTURE_SECONDS
from voicefleet.render.once import rendered_once
from voicefleet.render.redis_service import redis_address

TOKEN_TTL_SECONDS = 120
"""Longest life of a join token. A room that nobody joined until then never will be joined,
and 3,000 such rooms hold about 550 MB of one server's memory."""
KNOWN_KEYS = frozenset({
    "agents", "api", "audio", "bind_addresses", "debug_handler", "development",
    "enable_data_tracks", "enable_participant_data_blob", "ingress", "key_file", "keys",
    "limit", "log_level", "logging", "metric", "node_selector", "node_stats", "port",
    "prometheus", "prometheus_port", "psrpc", "redis", "region", "room", "rtc",
    "signal_relay", "sip", "trace", "turn", "video", "webhook",
})  # fmt: skip
"""Top-level keys of livekit-server 1.13.5; any other is fatal at start."""


@rendered_once
def render_livekit_config(fleet: Fleet) -> str:
    """Return livekit.yaml. It holds no secret: keys and password come by environment.

    Raises:
        SpecError: With what the author wrote the file would lose calls.
    """
    config = livekit_config(fleet)
    if mistakes := find_config_mistakes(config):
        raise SpecError(f"VoiceFleet {fleet}: livekit.yaml of its media servers: {mistakes[0]}")
    return "".join(f"{line}\n" for line in _write_block(config))


def _write_block(section: Manifest, indent: str = "") -> Iterator[str]:
    """Yield the lines of a mapping in YAML; a JSON scalar is also one of YAML.

    The library takes 5 ms for this file, and every cycle of every fleet needs its hash.
    """
    for key, value in sorted(section.items()):
        if isinstance(value, dict):
            yield f"{indent}{key}:"
            yield from _write_block(value, f"{indent}  ")
        else:
            yield f"{indent}{key}: {json.dumps(value)}"


def livekit_config(fleet: Fleet) -> Manifest:
    """Return the configuration of a fleet's media servers as a value."""
    network = fleet.spec.media.network
    return {
        "port": network.signal_port,
        # One UDP port for all calls of a server, so that one hole in a firewall is enough.
        "rtc": {
            "tcp_port": network.tcp_port,
            "udp_port": network.udp_port,
            "use_external_ip": network.external_ip is ExternalAddress.DISCOVERED,
        },
        "redis": {"address": redis_address(fleet)},
        "room": {
            # Until a token service creates rooms on a chosen server, joining creates them.
            "auto_create": True,
            "empty_timeout": TOKEN_TTL_SECONDS,
            "departure_timeout": ROOM_DEPARTURE_SECONDS,
        },
        # A server gives no calls to workers whose load reaches this. Our workers report
        # active / slots, so anything below 1 would leave slots unused without a message.
        "agents": {"target_load": 1},
        # Two random servers, the one with fewer clients of them: servers that all saw the
        # same minimum two seconds ago do not all send their rooms there.
        "node_selector": {"kind": "cpuload", "sort_by": "clients", "algorithm": "twochoice"},
        "prometheus": {"port": SERVER_METRICS_PORT},
        "logging": {"json": True, "level": "info"},
    }


def find_config_mistakes(config: Manifest) -> tuple[str, ...]:
    """Return one sentence for everything in a livekit.yaml that would lose calls.

    Args:
        config: The parsed file.
    """
    return tuple(sentence for check in CHECKS for sentence in check(config))


def _unknown_keys(config: Manifest) -> Iterator[str]:
    for key in sorted(set(config) - KNOWN_KEYS):
        yield f"`{key}` is no key of livekit-server, which would refuse to start; remove it"


def _worker_ceiling(config: Manifest) -> Iterator[str]:
    load = config.get("agents", {}).get("target_load", 0.7)
    if load < 1:
        yield (
            f"`agents.target_load` is {load}: workers get no calls above {load:.0%} of their "
            "slots; set it to 1"
        )


def _lingering_rooms(config: Manifest) -> Iterator[str]:
    seconds = config.get("room", {}).get("empty_timeout", 300)
    if seconds > TOKEN_TTL_SECONDS:
        yield (
            f"`room.empty_timeout` is {seconds} s: rooms that nobody joined hold memory longer "
            f"than their token lives; set at most {TOKEN_TTL_SECONDS}"
        )


def _udp_ports(config: Manifest) -> Iterator[str]:
    rtc = config.get("rtc", {})
    if "udp_port" not in rtc or "port_range_start" in rtc or "port_range_end" in rtc:
        yield (
            "`rtc.udp_port` must be the only UDP setting: a port range needs one open port per "
            "connection; set `udp_port` and remove `port_range_start` and `port_range_end`"
        )


def _secrets_in_file(config: Manifest) -> Iterator[str]:
    found: list[str] = [name for name in ("keys", "key_file") if name in config]
    if "password" in config.get("redis", {}):
        found.append("redis.password")
    for name in found:
        yield (
            f"`{name}` puts a secret into a ConfigMap; use the environment variables "
            "LIVEKIT_KEYS and REDIS_PASSWORD"
        )


def _lonely_server(config: Manifest) -> Iterator[str]:
    if not config.get("redis", {}).get("address"):
        yield (
            "`redis.address` is missing: each server would be a cluster of its own, and a caller "
            "and the agent could wait in two rooms of one name; set it"
        )


def _blind_operator(config: Manifest) -> Iterator[str]:
    if not config.get("prometheus", {}).get("port"):
        yield (
            "`prometheus.port` is missing: without a room count no server can ever be called "
            f"empty and removed; set it to {SERVER_METRICS_PORT}"
        )


def _node_choice(config: Manifest) -> Iterator[str]:
    selector = config.get("node_selector", {})
    if "sysload" in (selector.get("kind"), selector.get("sort_by")):
        yield (
            "`node_selector` uses sysload, which in a container is the load of the whole node; "
            "use cpuload"
        )
    if selector.get("algorithm", "lowest") == "lowest":
        yield (
            "`node_selector.algorithm` is lowest: all servers send new rooms to the same one "
            "until its numbers move; use twochoice"
        )


def _development(config: Manifest) -> Iterator[str]:
    if config.get("development"):
        yield "`development` is on: it accepts a key that everybody knows; remove it"


def _clashing_ports(config: Manifest) -> Iterator[str]:
    rtc, prometheus = config.get("rtc", {}), config.get("prometheus", {})
    named = {
        "port": config.get("port", 7880),
        "rtc.tcp_port": rtc.get("tcp_port", 7881),
        "prometheus.port": prometheus.get("port"),
    }
    taken: dict[int, str] = {}
    for name, port in named.items():
        if port in taken:
            yield (
                f"`{name}` and `{taken[port]}` are both TCP port {port}, so the server would not "
                "start; choose another"
            )
        elif port is not None:
            taken[port] = name


CHECKS: tuple[Callable[[Manifest], Iterator[str]], ...] = (
    _unknown_keys,
    _worker_ceiling,
    _lingering_rooms,
    _udp_ports,
    _secrets_in_file,
    _lonely_server,
    _blind_operator,
    _node_choice,
    _development,
    _clashing_ports,
)
"""Every fact the lint knows, in the order in which its sentences appear."""
