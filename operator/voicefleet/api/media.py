"""The media tier as its author writes it: LiveKit servers, their network, their Redis."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from voicefleet.api.base import ApiModel, Port, SecretReference
from voicefleet.api.patterns import PUBLIC_URL, REDIS_ADDRESS
from voicefleet.api.pods import PodSettings

SERVER_METRICS_PORT = 6789
"""TCP port on which every media server answers Prometheus; no other port may be the same."""


class MediaMode(StrEnum):
    """Where media servers run."""

    SELF_HOSTED = "SelfHosted"


class NetworkMode(StrEnum):
    """Which addresses media servers have."""

    HOST_NETWORK = "HostNetwork"
    POD_NETWORK = "PodNetwork"


class ExternalAddress(StrEnum):
    """Which address a media server tells callers to send audio to."""

    NODE_ADDRESS = "NodeAddress"
    DISCOVERED = "Discovered"


class RedisMode(StrEnum):
    """Who runs the Redis of a fleet's media servers."""

    EMBEDDED = "Embedded"
    EXTERNAL = "External"


class MediaNetwork(ApiModel):
    """Ports and addresses of the media servers."""

    mode: NetworkMode = NetworkMode.HOST_NETWORK
    """`HostNetwork` gives each server its node's addresses, one server per node, and needs a
    namespace whose Pod Security level admits it. `PodNetwork` is for kind and tests: callers
    outside the cluster cannot reach it, and status says so."""
    signal_port: Port = 7880
    """TCP port for signalling (WebSocket), health and the API."""
    tcp_port: Port = 7881
    """TCP port for audio of callers whose network blocks UDP."""
    udp_port: Port = 7882
    """UDP port for audio; all calls of a server share it."""
    external_ip: ExternalAddress = ExternalAddress.NODE_ADDRESS
    """`NodeAddress` tells callers the address that the node has in the cluster, `Discovered`
    lets each server ask a STUN server for its public one when it starts."""


class MediaRedis(ApiModel):
    """The Redis through which media servers know each other."""

    mode: RedisMode = RedisMode.EMBEDDED
    """`Embedded` runs one small Redis beside the servers, `External` uses yours. It cannot be
    changed on a running fleet: servers on two Redis instances do not see each other's calls."""
    address: Annotated[str, Field(max_length=253, pattern=REDIS_ADDRESS)] | None = None
    """Host and port of an external Redis, for example `redis.voice.svc:6379`. Needed with
    `mode: External`, refused with `mode: Embedded`."""
    secret_ref: SecretReference | None = None
    """Secret whose key `password` holds the password of an external Redis. Not set means no
    password."""


class MediaSpec(PodSettings):
    """The media servers (LiveKit) that carry the calls' audio."""

    mode: MediaMode = MediaMode.SELF_HOSTED
    """Where media servers run: `SelfHosted` means in this cluster."""
    public_url: Annotated[str, Field(max_length=253, pattern=PUBLIC_URL)] | None = None
    """Address that callers connect to, for example `wss://media.example.com`; you point it at
    the media Service. Not set means callers come from inside the cluster only."""
    min_replicas: Annotated[int, Field(ge=1, le=100)] = 2
    """Servers kept even when nobody calls. With 1, nobody can call while its node is down."""
    max_replicas: Annotated[int, Field(ge=1, le=100)] = 10
    """Servers at most. Lowering it ends no call: surplus servers leave when they are empty."""
    connections_per_server: Annotated[int, Field(ge=2, le=5000)] = 100
    """WebRTC connections that one server carries well. A one-to-one call is 2 connections, so
    100 connections are 50 calls."""
    scale_out_percent: Annotated[int, Field(ge=10, le=100)] = 80
    """Share in percent of `connectionsPerServer` that is used before another server is added."""
    spare_servers: Annotated[int, Field(ge=0, le=20)] = 1
    """Servers beyond those that the connections need, so that one may fail without filling the
    others. They count towards `minReplicas`; a fleet that makes do with one server has none."""
    network: MediaNetwork = MediaNetwork()
    """Ports and addresses of the servers. A change replaces server by server, each after its
    last call has ended."""
    redis: MediaRedis = MediaRedis()
    """The Redis through which the servers know each other."""
