"""gRPC options and the two ways of standing on a wire: serving it and dialling it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import grpc

from parley.v1 import trunk_service_pb2_grpc as trunk_rpc
from services.common.errors import SettingsFault
from services.common.trunk_server import TrunkServer

MAX_MESSAGE_BYTES: Final = 1 << 20
_MAX_RECEIVE: Final = "grpc.max_receive_message_length"

# Small windows: a waiting reader then shows within 0.25 s as a waiting writer, instead of hiding 128 s of audio in
# the transport. Only the receiver's options count, so both ends set them. Keepalive finds a dead host in 13 s; the
# server tolerates twice the client's rate, or it would answer ENHANCE_YOUR_CALM.
_SHARED: Final = [
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 8192),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.enable_http_proxy", 0),  # the ring is one network; a proxy for the world outside must not catch it
]
_CLIENT: Final = [
    *_SHARED,
    # A stage that was restarted at its address is reached at once: gRPC would wait a second, and up to two minutes,
    # before it tries again, and 20 s for an address that does not answer.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.min_reconnect_backoff_ms", 2_000),
    # No connection is shared behind our backs: a new one is new, whatever became of the last.
    ("grpc.use_local_subchannel_pool", 1),
]
_SERVER: Final = [
    *_SHARED,
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.so_reuseport", 0),  # a second server on the port fails loudly
    # A connection without a call is nobody's: some clients' libraries leave it open until their memory is tidied up.
    ("grpc.max_connection_idle_ms", 20_000),
]


def channel(address: str) -> grpc.aio.Channel:
    """Return a channel to a stage inside the ring."""
    return grpc.aio.insecure_channel(address, options=[*_CLIENT, (_MAX_RECEIVE, MAX_MESSAGE_BYTES)])


def server(max_message_bytes: int = MAX_MESSAGE_BYTES) -> grpc.aio.Server:
    """Return a gRPC server with the ring's options. A larger message ends its stream with RESOURCE_EXHAUSTED."""
    return grpc.aio.server(options=[*_SERVER, (_MAX_RECEIVE, max_message_bytes)])


def serve(
    server: grpc.aio.Server,
    register: Callable[[Any, Any], None],
    servicer: object,
    tally: Counter[str] | None = None,
) -> None:
    """Serve a stage of the ring: by streams of their own, and by trunk.

    `register` is generated: `add_VadServiceServicer_to_server`. `tally` is the process's.
    """
    register(servicer, server)
    trunks = TrunkServer(tally)
    register(servicer, trunks)
    trunk_rpc.add_TrunkServiceServicer_to_server(trunks, server)


def bind(server: grpc.aio.Server, listen: str) -> str:
    """Bind `server` to host:port and return the address it got.

    Raises:
        SettingsFault: the port is taken, or the host isn't this machine's.
    """
    host = listen.rpartition(":")[0]
    try:
        port = server.add_insecure_port(listen)
    except RuntimeError as error:
        raise SettingsFault(
            f"cannot listen on {listen}: the port is taken or the host is not of this machine. Set PARLEY_LISTEN."
        ) from error
    return f"{host}:{port}"


def explain(error: grpc.aio.AioRpcError) -> str:
    """Put a gRPC status into words."""
    if error.code() == grpc.StatusCode.UNAVAILABLE:
        return "it can't be reached"
    return f"{error.code().name.lower().replace('_', ' ')}: {error.details() or 'no details'}"
