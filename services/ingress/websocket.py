"""The WebSocket door of ingress: the same conversation for browsers and devices. docs/protocol.md specifies it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from typing import Final

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from parley.v1 import conversation_service_pb2 as wire
from services.common.errors import PeerLost, SettingsFault
from services.ingress.audio_header import decode_microphone, encode_reply
from services.ingress.call import Calls
from services.ingress.caller import Caller, Write
from services.ingress.telling_connection import CLOSE_S, TellingConnection
from services.ingress.web_origin import Origins, path_of
from services.ingress.wire_text import decode_text, encode_text

PATH: Final = "/v1/converse"
HEALTH_PATH: Final = "/healthz"
SUBPROTOCOL: Final = Subprotocol("parley.v1")

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
ERROR_BASE: Final = 4000
"""A conversation that ended with an Error is closed with this plus the Error's code."""

# As the gRPC door's keepalive: a dead peer is found in 13 s.
_PING_S: Final = 10.0
_PONG_S: Final = 3.0
_DRAIN_S: Final = 1.0
_REASON_BYTES: Final = 120
_STOPPING: Final = "the server is going away"


class WebSocketDoor:
    """Takes calls over WebSocket: `listen`, and when the process is to stop `drain`, then `close`."""

    def __init__(self, calls: Calls, origins: Origins) -> None:
        self._calls = calls
        self._origins = origins
        self._server: Server | None = None
        self._draining = False
        self._callers: dict[TellingConnection, Caller] = {}
        self._goodbyes: list[asyncio.Task[None]] = []

    async def listen(self, address: str) -> str:
        """Take calls at host:port (0: any) and return the address it got. Raises SettingsFault."""
        host, _, port = address.rpartition(":")
        limits = self._calls.limits
        try:
            self._server = await serve(
                self._hold,
                host.strip("[]"),
                int(port),
                process_request=self._admit,
                select_subprotocol=_choose_subprotocol,
                subprotocols=[SUBPROTOCOL],
                create_connection=TellingConnection,
                compression=None,  # audio does not compress; deflate would only cost time and memory
                max_size=limits.max_message_bytes,
                open_timeout=limits.handshake_s,
                ping_interval=_PING_S,
                ping_timeout=_PONG_S,
                close_timeout=CLOSE_S,
                server_header=None,
                logger=_quiet_logger(),
            )
        except OSError as error:
            raise SettingsFault(
                f"cannot listen on {address}: the port is taken or the host is not of this machine. "
                "Set PARLEY_WS_LISTEN."
            ) from error
        return f"{host}:{next(iter(self._server.sockets)).getsockname()[1]}"

    def drain(self) -> None:
        """Take no new calls; those that end from now on are told that the server goes away."""
        if self._draining or self._server is None:
            return
        self._draining = True
        self._server.close(close_connections=False)
        for connection, caller in self._callers.items():
            if not caller.has_begun:
                self._goodbyes.append(asyncio.create_task(connection.close_soon(GOING_AWAY, _STOPPING)))

    async def close(self) -> None:
        """Give the conversations a moment to end, then cut what is left."""
        self.drain()
        if self._server is None:
            return
        gone = asyncio.ensure_future(self._server.wait_closed())
        await asyncio.wait([gone], timeout=_DRAIN_S)
        for connection in self._server.connections:
            assert isinstance(connection, TellingConnection)
            connection.cut_off()
        await asyncio.gather(gone, *self._goodbyes)

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer what is no conversation over HTTP; None lets the WebSocket open."""
        path = path_of(request)
        if path == HEALTH_PATH:
            return connection.respond(HTTPStatus.OK, "ok\n")
        if path != PATH:
            return connection.respond(HTTPStatus.NOT_FOUND, f"Nothing is here. Connect a WebSocket to {PATH}\n")
        if not self._origins.may_call(request):
            return connection.respond(
                HTTPStatus.FORBIDDEN, "Pages of this origin may not call. PARLEY_WS_ORIGINS lists those that may.\n"
            )
        return None

    async def _hold(self, connection: ServerConnection) -> None:
        assert isinstance(connection, TellingConnection)
        caller = self._callers[connection] = Caller(self._calls, _requests(connection), _writer(connection))
        try:
            await caller.converse()
        finally:
            del self._callers[connection]
        if caller.told is not None:
            await connection.close_soon(ERROR_BASE + caller.told.code, _shortened(caller.told.message))
        elif self._draining:
            await connection.close_soon(GOING_AWAY, _STOPPING)
        else:
            await connection.close_soon(NORMAL, "")


async def _requests(connection: TellingConnection) -> AsyncIterator[wire.ConverseRequest]:
    """Yield what the client sends, until it closes. Raises ProtocolFault, LimitFault, or PeerLost when it has gone."""
    try:
        while True:
            frame = await connection.recv()
            yield decode_microphone(frame) if isinstance(frame, bytes) else decode_text(frame)
    except ConnectionClosed as error:
        if connection.fault is not None:
            raise connection.fault from error
        if error.rcvd is None:
            raise PeerLost("client", "its connection broke") from error


def _writer(connection: TellingConnection) -> Write:
    async def write(response: wire.ConverseResponse) -> None:
        try:
            if response.WhichOneof("message") == "audio":
                await connection.send(encode_reply(response))
            else:
                await connection.send(encode_text(response))
        except ConnectionClosed as error:
            raise PeerLost("client", "it takes no more messages") from error

    return write


def _choose_subprotocol(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Take ours where it is offered; go on without one otherwise."""
    return SUBPROTOCOL if SUBPROTOCOL in offered else None


def _shortened(reason: str) -> str:
    """Return as much of the reason as a close frame holds."""
    return reason.encode()[:_REASON_BYTES].decode(errors="ignore")


def _quiet_logger() -> logging.Logger:
    """Return a logger for the library, which would log a traceback for every stray browser and port scanner."""
    logger = logging.getLogger("parley.ingress.websockets")
    logger.setLevel(logging.CRITICAL)
    return logger
