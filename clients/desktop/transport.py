"""The seam between a conversation and what it goes over: gRPC to host:port, WebSocket to ws://; over TLS grpcs://, wss://."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from parley.v1.conversation_service_pb2 import ConverseRequest, ConverseResponse

from .grpc_transport import grpc_transport
from .trust import Trust
from .websocket_transport import SCHEMES, websocket_transport


class Transport(Protocol):
    """An open connection. One task sends, one receives. Every method may raise ConnectionFailed."""

    async def send(self, request: ConverseRequest) -> None:
        """Send a request; waits while the server does not read."""

    async def finish(self) -> None:
        """Say that nothing more will be sent."""

    async def receive(self) -> ConverseResponse | None:
        """Return the next response; None when the server has hung up."""

    def abandon(self) -> None:
        """Let go of the connection at once, without a word to the server. Raises nothing."""


ANYBODY_KNOWN: Final = Trust()


def connect(server: str, trust: Trust = ANYBODY_KNOWN) -> AbstractAsyncContextManager[Transport]:
    """Connect to a server for as long as the context lasts. Entering it raises ConnectionFailed."""
    return websocket_transport(server, trust) if server.startswith(SCHEMES) else grpc_transport(server, trust)
