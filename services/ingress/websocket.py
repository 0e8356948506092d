"""The WebSocket door of ingress: the same conversation for browsers and devices. docs/protocol.md specifies it."""

from __future__ import annotations

import asyncio
import logging
import ssl
from functools import partial
from http import HTTPStatus
from typing import Final

from websockets.http11 import Request, Response

from parley.v1 import conversation_service_pb2 as wire
from services.common.boundary import contained_work
from services.common.errors import ParleyError, SettingsFault
from services.ingress.audio_header import decode_microphone, encode_reply
from services.ingress.call import Calls
from services.ingress.caller import Caller, Write
from services.ingress.frame_reader import BINARY, TEXT, FrameReader
from services.ingress.inbox import Inbox
from services.ingress.limits import BURST_S
from services.ingress.locks.knock import Knock, bearer, offered
from services.ingress.page import Page
from services.ingress.upgrade import Refusal, Upgrade
from services.ingress.web_origin import Origins, path_of
from services.ingress.websocket_connection import WebSocketConnection
from services.ingress.wire_text import decode_text, encode_text

log = logging.getLogger("parley.ingress")

PATH: Final = "/v1/converse"
HEALTH_PATH: Final = "/healthz"

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
ERROR_BASE: Final = 4000
"""A conversation that ended with an Error is closed with this plus the Error's code."""

_DRAIN_S: Final = 1.0
_STOPPING: Final = "the server is going away"


class WebSocketDoor:
    """Takes calls over WebSocket: `listen`, and when the process is to stop `drain`, then `close`."""

    def __init__(self, calls: Calls, origins: Origins, page: Page | None = None) -> None:
        self._calls = calls
        self._origins = origins
        self._page = page or Page()
        self._server: asyncio.Server | None = None
        self._draining = False
        self._connections: dict[asyncio.Task[None], WebSocketConnection] = {}
        self._callers: dict[WebSocketConnection, Caller] = {}
        self._goodbyes: list[asyncio.Task[None]] = []

    async def listen(self, address: str, tls: ssl.SSLContext | None = None) -> str:
        """Take calls at host:port (0: any), plain or over TLS, and return the address it got. Raises SettingsFault."""
        host, _, port = address.rpartition(":")
        try:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(
                self._connection,
                host.strip("[]"),
                int(port),
                ssl=tls,
                ssl_handshake_timeout=self._calls.limits.handshake_s if tls else None,
                ssl_shutdown_timeout=_DRAIN_S if tls else None,
            )
        except OSError as error:
            raise SettingsFault(
                f"cannot listen on {address}: the port is taken or the host is not of this machine. "
                "Set PARLEY_WS_LISTEN."
            ) from error
        return f"{host}:{self._server.sockets[0].getsockname()[1]}"

    def drain(self) -> None:
        """Take no new calls; those that end from now on are told that the server goes away."""
        if self._draining or self._server is None:
            return
        self._draining = True
        self._server.close()
        for connection, caller in self._callers.items():
            if not caller.has_begun:
                self._goodbyes.append(asyncio.create_task(connection.close(GOING_AWAY, _STOPPING)))

    async def close(self) -> None:
        """Give the conversations a moment to end, then cut what is left."""
        self.drain()
        if self._connections:
            await asyncio.wait(self._connections, timeout=_DRAIN_S)
        for connection in self._connections.values():
            connection.cut_off()
        await asyncio.gather(*self._connections, *self._goodbyes)

    def _connection(self) -> WebSocketConnection:
        limits = self._calls.limits
        reader, knock = FrameReader(limits.max_message_bytes), Knock()

        def arrived(connection: WebSocketConnection) -> bool:
            knock.address = connection.address
            try:
                knock.place = self._calls.doorkeeper.threshold.come(knock.address)
            except ParleyError:
                return False
            connection.gone = knock.place.free
            return True

        return WebSocketConnection(
            Upgrade(partial(self._admit, knock)), reader, partial(self._welcome, knock), limits.handshake_s, arrived
        )

    def _admit(self, knock: Knock, request: Request) -> Refusal | Response | None:
        """Answer what is no conversation over HTTP; None lets the WebSocket open."""
        path = path_of(request)
        if path == HEALTH_PATH:
            return HTTPStatus.OK, "ok\n"
        if path != PATH:
            if (page := self._page.answer(request)) is not None:
                return page
            also = "; the web page is at /" if self._page else ""
            return HTTPStatus.NOT_FOUND, f"Nothing is here. Connect a WebSocket to {PATH}{also}\n"
        if not self._origins.may_call(request):
            return (
                HTTPStatus.FORBIDDEN,
                "Pages of this origin may not call. PARLEY_WS_ORIGINS lists those that may.\n",
            )
        if self._draining:
            return HTTPStatus.SERVICE_UNAVAILABLE, f"{_STOPPING}\n"
        shown = request.headers.get_all("Authorization")
        knock.token = bearer(shown[0]) if shown else offered(request.headers.get_all("Sec-WebSocket-Protocol"))
        return None

    def _welcome(self, knock: Knock, connection: WebSocketConnection) -> None:
        """Begin a call with who has just connected."""
        limits = self._calls.limits
        requests = Inbox[wire.ConverseRequest](limits.max_messages_per_s * BURST_S, connection.may_send)

        def take(message: str | bytes) -> None:
            if requests.is_closed:
                return
            try:
                requests.put(decode_text(message) if isinstance(message, str) else decode_microphone(message))
            except ParleyError as fault:
                requests.close(fault)

        connection.take, connection.over = take, requests.close
        caller = self._callers[connection] = Caller(self._calls, requests, _writer(connection), knock)
        call = asyncio.create_task(contained_work(log, "a connection", self._hold(connection, caller)))
        self._connections[call] = connection
        call.add_done_callback(self._connections.pop)

    async def _hold(self, connection: WebSocketConnection, caller: Caller) -> None:
        try:
            await caller.converse()
        finally:
            del self._callers[connection]
        if (error := caller.told or caller.untold) is not None:
            await connection.close(ERROR_BASE + error.code, error.message)
        elif self._draining:
            await connection.close(GOING_AWAY, _STOPPING)
        else:
            await connection.close(NORMAL, "")


def _writer(connection: WebSocketConnection) -> Write:
    async def write(response: wire.ConverseResponse) -> None:
        if response.HasField("audio"):
            await connection.send(BINARY, encode_reply(response))
        else:
            await connection.send(TEXT, encode_text(response).encode())

    return write
