"""gRPC options and the two ways of standing on a wire: serving it and dialling it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import grpc

from parley.v1 import trunk_service_pb2_grpc as trunk_rpc
from services.common.callers import Callers
from services.common.errors import SettingsFault
from services.common.tls import Peer
from services.common.trunk_server import GuardedServer, TrunkServer

MAX_MESSAGE_BYTES: Final = 1 << 20
_TLS_CAUSES: Final = {
    "Hostname Verification": "it shows a certificate for another name",
    "CERTIFICATE_VERIFY_FAILED": "it shows a certificate that is not trusted here, or has run out",
    "WRONG_VERSION_NUMBER": "it does not speak TLS, and is dialled by it",
}
DOOR_WINDOW_BYTES: Final = 32 * 1024
"""What a client may have under way: at 200 ms there and back it is 160 KiB/s, more than any format takes."""
DOOR_AGE_S: Final = 600.0
"""A client's connection takes no new calls after so long; those that it carries go on. A gateway that keeps its
connections open reaches copies of ingress that came later, by this. The ring's trunks have no age: a trunk is one call
from the first session to the last, so a connection that is old would only be in the way of nothing new."""
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
    # Who connects and does not speak HTTP/2 (nor TLS) by then is cut off; gRPC itself would wait for two minutes.
    ("grpc.server_handshake_timeout_ms", 5_000),
]


def channel(address: str, peer: Peer | None = None) -> grpc.aio.Channel:
    """Return a channel to a stage inside the ring: over TLS to a `peer`, else plain."""
    options: list[tuple[str, Any]] = [*_CLIENT, (_MAX_RECEIVE, MAX_MESSAGE_BYTES)]
    if peer is None:
        return grpc.aio.insecure_channel(address, options=options)
    if peer.name:  # an address is dialled by its IP, and known by its name
        options.append(("grpc.ssl_target_name_override", peer.name))
    return grpc.aio.secure_channel(address, peer.credentials, options=options)


def server(max_message_bytes: int = MAX_MESSAGE_BYTES) -> grpc.aio.Server:
    """Return a gRPC server with the ring's options. A larger message ends its stream with RESOURCE_EXHAUSTED."""
    return grpc.aio.server(options=[*_SERVER, (_MAX_RECEIVE, max_message_bytes)])


def door(age_s: float = DOOR_AGE_S) -> grpc.aio.Server:
    """Return the gRPC server of ingress, for clients, who are further away than the stages are from each other."""
    own = [("grpc.http2.lookahead_bytes", DOOR_WINDOW_BYTES), ("grpc.max_connection_age_ms", round(age_s * 1000))]
    options = {**dict(_SERVER), **dict(own), _MAX_RECEIVE: MAX_MESSAGE_BYTES}
    return grpc.aio.server(options=list(options.items()))


def serve(
    server: grpc.aio.Server,
    register: Callable[[Any, Any], None],
    servicer: object,
    tally: Counter[str] | None = None,
    callers: Callers | None = None,
) -> None:
    """Serve a stage of the ring: by streams of their own, and by trunk.

    `register` is generated: `add_VadServiceServicer_to_server`. `tally` is the process's. `callers` says who may call
    what, by their certificates; None: whoever gets through.
    """
    register(servicer, server if callers is None else GuardedServer(server, callers))
    trunks = TrunkServer(tally, callers)
    register(servicer, trunks)
    trunk_rpc.add_TrunkServiceServicer_to_server(trunks, server)


def bind(server: grpc.aio.Server, listen: str, shown: grpc.ServerCredentials | None = None) -> str:
    """Bind `server` to host:port and return the address it got. It speaks TLS where something is `shown`, else plain.

    Raises:
        SettingsFault: the port is taken, or the host isn't this machine's.
    """
    host = listen.rpartition(":")[0]
    try:
        port = server.add_secure_port(listen, shown) if shown else server.add_insecure_port(listen)
    except RuntimeError as error:
        raise SettingsFault(
            f"cannot listen on {listen}: the port is taken or the host is not of this machine. Set PARLEY_LISTEN."
        ) from error
    return f"{host}:{port}"


def explain(error: grpc.aio.AioRpcError) -> str:
    """Put a gRPC status into words."""
    if error.code() == grpc.StatusCode.UNAVAILABLE:
        details = error.details() or ""
        return next((words for cause, words in _TLS_CAUSES.items() if cause in details), "it can't be reached")
    return f"{error.code().name.lower().replace('_', ' ')}: {error.details() or 'no details'}"
