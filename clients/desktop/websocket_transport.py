"""A conversation's connection over WebSocket."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_websocket
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidStatus, WebSocketException
from websockets.protocol import State
from websockets.typing import Subprotocol

from parley.v1.conversation_service_pb2 import ConverseRequest, ConverseResponse

from .connection_failures import Cause, ConnectionFailed
from .trust import Trust, why_untrusted
from .websocket_frames import decode, encode

SCHEMES: Final = ("ws://", "wss://")
PATH: Final = "/v1/converse"
SUBPROTOCOL: Final = Subprotocol("parley.v1")
LARGEST_MESSAGE_BYTES: Final = 1 << 20
CLOSE_S: Final = 1.0
"""How long the server has to answer a close frame."""


class WebSocketTransport:
    """One WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, request: ConverseRequest) -> None:
        """Send a request: audio as binary, the rest as text."""
        try:
            await self._connection.send(encode(request))
        except ConnectionClosed as error:
            raise _broken(error) from None

    async def finish(self) -> None:
        """Do nothing: a WebSocket is closed in both directions at once."""

    async def receive(self) -> ConverseResponse | None:
        """Return the next response; None after a normal close."""
        try:
            return decode(await self._connection.recv())
        except ConnectionClosedOK:
            return None
        except ConnectionClosed as error:
            raise _broken(error) from None

    def abandon(self) -> None:
        """Cut the connection."""
        self._connection.transport.abort()

    async def close(self) -> None:
        """Close, in bounded time whatever the server does."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._connection.close()
        except TimeoutError:
            if self._connection.state is not State.CLOSED:
                self._connection.transport.abort()


@asynccontextmanager
async def websocket_transport(server: str, trust: Trust) -> AsyncIterator[WebSocketTransport]:
    """Connect to ws://HOST:PORT or wss://HOST:PORT; the path may be left out. Raises ConnectionFailed."""
    transport = WebSocketTransport(await _dial(url_of(server), trust))
    try:
        yield transport
    finally:
        await transport.close()


def url_of(server: str) -> str:
    """Return the whole URL of a server."""
    url = urlsplit(server)
    return url._replace(path=PATH if url.path in ("", "/") else url.path).geturl()


async def _dial(url: str, trust: Trust) -> ClientConnection:
    try:
        return await connect_websocket(
            url,
            subprotocols=[SUBPROTOCOL],
            ssl=trust.context() if url.startswith("wss:") else None,
            compression=None,
            max_size=LARGEST_MESSAGE_BYTES,
            open_timeout=None,  # the conversation has its own patience
            ping_interval=None,  # heartbeats find a silent server
            close_timeout=CLOSE_S,
            proxy=None if _is_loopback(url) else True,
        )
    except InvalidStatus as error:
        raise _turned_away(error) from None
    except WebSocketException:
        raise ConnectionFailed(Cause.NOT_PARLEY, "no WebSocket") from None
    except ssl.SSLError as error:
        raise ConnectionFailed(Cause.UNTRUSTED, why_untrusted(error)) from None
    except (OSError, ImportError) as error:  # ImportError: a SOCKS proxy without python-socks
        raise ConnectionFailed(Cause.UNREACHABLE, _why(error)) from None


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _turned_away(error: InvalidStatus) -> ConnectionFailed:
    response = error.response
    if response.status_code in (403, 503):
        words = (response.body or b"").decode(errors="replace").partition("\n")[0].strip().rstrip(".")
        return ConnectionFailed(Cause.REFUSED, words or f"HTTP {response.status_code}")
    return ConnectionFailed(Cause.NOT_PARLEY, f"HTTP {response.status_code}")


def _broken(error: ConnectionClosed) -> ConnectionFailed:
    if error.rcvd is None:
        return ConnectionFailed(Cause.REFUSED, "it broke off")
    return ConnectionFailed(Cause.REFUSED, error.rcvd.reason or f"close code {error.rcvd.code}")


def _why(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "no such host"
    if isinstance(error, ConnectionRefusedError) or "Connect call failed" in str(error):
        return "connection refused"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
